//! The replication protocol without a second server: a replica that records what a primary sends,
//! and a primary that sends a recording.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{SOON, Server, Value};

/// What a primary sent to a replica.
pub struct Recording {
    pub rdb: Vec<u8>,
    /// The commands after the RDB.
    pub stream: Vec<u8>,
}

/// A replica that has received the RDB and gets the commands after it.
pub struct Recorder {
    from: BufReader<TcpStream>,
    rdb: Vec<u8>,
}

impl Recorder {
    /// Connects to a primary with `repl-diskless-sync no`, which announces the length of the RDB,
    /// and receives the RDB.
    #[track_caller]
    pub fn attach(primary: &Server) -> Self {
        let stream = TcpStream::connect(primary.address()).expect("the primary accepts");
        stream.set_read_timeout(Some(SOON)).expect("a time that is not 0");
        let mut from = BufReader::new(stream);
        for call in [&["PING"][..], &["REPLCONF", "capa", "psync2"], &["PSYNC", "?", "-1"]] {
            from.get_mut().write_all(&command(call)).expect("the primary reads");
            let answer = Value::read(&mut from).expect("the primary answers");
            assert!(!answer.is_error(), "{call:?}: {answer:?}");
        }
        // The primary sends newlines while it makes the RDB.
        let length = loop {
            let mut line = String::new();
            from.read_line(&mut line).expect("the length of the RDB");
            if let Some(length) = line.trim_end().strip_prefix('$') {
                break length.parse().expect("a length");
            }
        };
        let mut rdb = vec![0; length];
        from.read_exact(&mut rdb).expect("the whole RDB");
        Self { from, rdb }
    }

    /// Receives commands up to `last`, which the primary has been given.
    #[track_caller]
    pub fn record_until(mut self, last: &[&str]) -> Recording {
        let (last, mut stream) = (command(last), Vec::new());
        while !stream.ends_with(&last) {
            let part = self.from.fill_buf().expect("the primary sends");
            assert!(!part.is_empty(), "the primary has closed the connection");
            stream.extend_from_slice(part);
            let length = part.len();
            self.from.consume(length);
        }
        Recording { rdb: self.rdb, stream }
    }
}

/// A primary that sends a recording to every replica that connects. It stops on drop.
pub struct RecordedPrimary {
    address: SocketAddr,
    end: i64,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RecordedPrimary {
    pub fn start(recording: Recording) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener can be asked");
        let address = listener.local_addr().expect("a bound listener has an address");
        let end = recording.stream.len() as i64;
        let over = Arc::<AtomicBool>::default();
        let theirs = Arc::clone(&over);
        let thread = Some(thread::spawn(move || serve(&listener, &recording, &theirs)));
        Self { address, end, over, thread }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The replication offset of a replica that has applied everything.
    pub fn end(&self) -> i64 {
        self.end
    }
}

impl Drop for RecordedPrimary {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The interval at which the threads check whether they shall stop.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

fn serve(listener: &TcpListener, recording: &Recording, over: &AtomicBool) {
    thread::scope(|scope| {
        while !over.load(Ordering::SeqCst) {
            match listener.accept() {
                // A replica may hang up at any time.
                Ok((replica, _)) => drop(scope.spawn(move || answer(replica, recording, over))),
                Err(_) => thread::sleep(POLL_INTERVAL),
            }
        }
    });
}

/// Answers a replica until it hangs up or the primary stops.
fn answer(replica: TcpStream, recording: &Recording, over: &AtomicBool) -> io::Result<()> {
    replica.set_nonblocking(false)?;
    replica.set_read_timeout(Some(POLL_INTERVAL))?;
    let mut to = replica.try_clone()?;
    let mut from = BufReader::new(replica);
    while !over.load(Ordering::SeqCst) {
        match from.fill_buf() {
            Ok([]) => break,
            Ok(_) => {}
            Err(why) if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            Err(why) => return Err(why),
        }
        from.get_ref().set_read_timeout(Some(SOON))?;
        let words = Value::read(&mut from)?.texts();
        from.get_ref().set_read_timeout(Some(POLL_INTERVAL))?;
        let words: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["PING"] => to.write_all(b"+PONG\r\n")?,
            ["PSYNC", ..] => send(&mut to, recording)?,
            // A replica's acknowledgement gets no answer.
            ["REPLCONF", "ACK", ..] => {}
            _ => to.write_all(b"+OK\r\n")?,
        }
    }
    Ok(())
}

fn send(to: &mut TcpStream, Recording { rdb, stream }: &Recording) -> io::Result<()> {
    write!(to, "+FULLRESYNC {} 0\r\n${}\r\n", "0123456789abcdef".repeat(3).split_at(40).0, rdb.len())?;
    to.write_all(rdb)?;
    to.write_all(stream)
}

/// A command as it is sent and as an AOF holds it.
pub fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    words.iter().for_each(|word| bytes += &format!("${}\r\n{word}\r\n", word.len()));
    bytes.into_bytes()
}
