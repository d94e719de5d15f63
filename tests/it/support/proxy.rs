//! A proxy between a client and a server, by which a test can cut the network in every way there is.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What becomes of what passes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// It arrives.
    Open,
    /// Nothing arrives, in either direction, and nobody is told: a cable that is cut.
    Cut,
    /// What the client sends arrives, what the server answers does not.
    HoldAnswers,
    /// Connections are closed, and none is taken.
    Closed,
}

/// A running proxy. It ends on drop.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    way: AtomicU8,
    ends: AtomicBool,
    to: SocketAddr,
    accepted: AtomicUsize,
    held_back: AtomicUsize,
    streams: Mutex<Vec<TcpStream>>,
}

/// How often it is looked what is to become of things.
const LOOK: Duration = Duration::from_millis(2);

impl Proxy {
    /// One to `to`, which is open.
    pub fn to(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener can be asked");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            way: AtomicU8::new(Way::Open as u8),
            ends: AtomicBool::new(false),
            to,
            accepted: AtomicUsize::new(0),
            held_back: AtomicUsize::new(0),
            streams: Mutex::new(Vec::new()),
        });
        let theirs = Arc::clone(&shared);
        let listener = Some(thread::spawn(move || theirs.listen(&listener)));
        Self { shared, address, listener }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this becomes of what passes through.
    pub fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::SeqCst);
        if way == Way::Closed {
            self.shared.close_all();
        }
    }

    /// How many connections it has taken.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many bytes of answers it has not let through.
    pub fn held_back(&self) -> usize {
        self.shared.held_back.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        self.shared.close_all();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn is(&self, way: Way) -> bool {
        self.way.load(Ordering::SeqCst) == way as u8
    }

    fn ends(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }

    fn close_all(&self) {
        let streams = std::mem::take(&mut *self.streams.lock().unwrap());
        streams.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        let mut pumps = Vec::new();
        while !self.ends() {
            let Ok((client, _)) = listener.accept() else {
                thread::sleep(LOOK);
                continue;
            };
            if self.is(Way::Closed) {
                continue;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
            let Ok(server) = TcpStream::connect(self.to) else { continue };
            let copies = |stream: &TcpStream| stream.try_clone().expect("a second handle");
            self.streams.lock().unwrap().extend([copies(&client), copies(&server)]);
            for (from, to, is_answer) in [(copies(&client), copies(&server), false), (server, client, true)] {
                let shared = Arc::clone(self);
                pumps.push(thread::spawn(move || shared.pump(from, to, is_answer)));
            }
        }
        pumps.into_iter().for_each(|pump| drop(pump.join()));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_answer: bool) {
        let _ = from.set_read_timeout(Some(LOOK * 5));
        let mut buffer = [0; 16 * 1024];
        while !self.ends() {
            let len = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => len,
                Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            // It waits as long as nothing may pass: what is on its way in a cable that is cut is not lost but late.
            let mut counted = false;
            while self.is(Way::Cut) || (is_answer && self.is(Way::HoldAnswers)) {
                if is_answer && !std::mem::replace(&mut counted, true) {
                    self.held_back.fetch_add(len, Ordering::SeqCst);
                }
                if self.ends() {
                    return;
                }
                thread::sleep(LOOK);
            }
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        // The end of one direction is told to the other side, unless the cable is cut.
        while self.is(Way::Cut) && !self.ends() {
            thread::sleep(LOOK);
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}
