//! A receiver for tests: a real socket on loopback whose answers are given byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// The maximum time that a test waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// An answer that leaves the connection open.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[derive(Debug)]
pub(super) struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    /// The value of the header `name`, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next();
        assert!(values.next().is_none(), "{name} twice in {}", self.head);
        value
    }

    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let mut request = Self { head, body: String::new() };
        let length = request.header("content-length").unwrap_or("0").parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        request.body = String::from_utf8(body).unwrap();
        Some(request)
    }
}

/// Stops listening when it is dropped.
pub(super) struct Receiver {
    pub port: u16,
    requests: mpsc::Receiver<Request>,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Receiver {
    /// Answers each request with what `answer` writes. Closes the connection once `answer` returns
    /// false.
    pub(super) fn start(answer: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::channel();
        let (connections, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&connections), Arc::clone(&stopped));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, sender) = (Arc::clone(&answer), sender.clone());
                thread::spawn(move || converse(stream, &*answer, &sender));
            }
        });
        Self { port, requests, connections, stopped }
    }

    /// Answers every request with the same text.
    pub(super) fn saying(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(move |stream| stream.write_all(answer.as_bytes()).is_ok())
    }

    /// Never answers.
    pub(super) fn hanging() -> Self {
        Self::start(|stream| {
            until_closed(stream);
            false
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/secret-path?secret-query", self.port)
    }

    /// Waits for the next request.
    pub(super) fn request(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }

    /// The number of further requests that have arrived.
    pub(super) fn more(&self) -> usize {
        self.requests.try_iter().count()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn converse(stream: TcpStream, answer: &dyn Fn(&mut TcpStream) -> bool, requests: &mpsc::Sender<Request>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader) {
        let _ = requests.send(request);
        if !answer(reader.get_mut()) {
            return;
        }
    }
}

/// Returns when the other side has closed the connection.
pub(super) fn until_closed(stream: &mut TcpStream) {
    while stream.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {}
}
