//! A TCP proxy that lets a test break the network between a client and a server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How the proxy treats traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// Traffic passes.
    Open,
    /// Nothing passes in either direction, and connections stay open, as if a cable were cut.
    Cut,
    /// Requests pass. Answers are held back.
    HoldAnswers,
    /// Connections are closed, and new ones are closed at once.
    Closed,
}

/// A running proxy. It stops on drop.
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

/// The interval at which the threads check the state of the proxy.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

impl Proxy {
    /// Starts an open proxy to `to`.
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

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how traffic is treated from now on.
    pub fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::SeqCst);
        if way == Way::Closed {
            self.shared.close_all();
        }
    }

    /// Number of connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Number of answer bytes that were held back, including those released later.
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
                thread::sleep(POLL_INTERVAL);
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
        let _ = from.set_read_timeout(Some(POLL_INTERVAL * 5));
        let mut buffer = [0; 16 * 1024];
        while !self.ends() {
            let len = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => len,
                Err(why) if why.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            // While nothing may pass, bytes are delayed and not dropped.
            let mut counted = false;
            while self.is(Way::Cut) || (is_answer && self.is(Way::HoldAnswers)) {
                if is_answer && !std::mem::replace(&mut counted, true) {
                    self.held_back.fetch_add(len, Ordering::SeqCst);
                }
                if self.ends() {
                    return;
                }
                thread::sleep(POLL_INTERVAL);
            }
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        // Forwards the end of the stream, but not while the proxy is cut.
        while self.is(Way::Cut) && !self.ends() {
            thread::sleep(POLL_INTERVAL);
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}
