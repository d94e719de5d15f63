//! A real receiver of webhooks over HTTP or HTTPS. The test scripts its answers, and it records the
//! requests.

mod answer;
mod request;
mod tls;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use answer::Answer;
pub use request::Request;
pub use tls::Authority;
pub use verify::{verify, verify_at};

use super::ports::own_port;
use super::wait_until;

/// A receiver on a port of 127.0.0.1, which it keeps while it is stopped.
pub struct Receiver {
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    memory: Arc<Memory>,
    /// `None` while it is stopped.
    running: Option<(Arc<Run>, JoinHandle<()>)>,
}

/// The state that survives a stop.
struct Memory {
    requests: Mutex<Vec<Arc<Request>>>,
    script: Mutex<Script>,
    connections: AtomicUsize,
}

type Script = Box<dyn FnMut(&Request) -> Answer + Send>;

/// The state between a start and the next stop.
#[derive(Default)]
struct Run {
    over: AtomicBool,
    /// Open connections, by number.
    open: Mutex<BTreeMap<usize, TcpStream>>,
}

impl Receiver {
    /// Starts a receiver that answers 200.
    #[track_caller]
    pub fn start() -> Self {
        Self::new(None)
    }

    /// Starts a receiver that speaks TLS.
    #[track_caller]
    pub fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::new(Some(config))
    }

    #[track_caller]
    fn new(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = own_port();
        let script: Script = Box::new(|_| Answer::status(200));
        let memory = Memory {
            requests: Mutex::default(),
            script: Mutex::new(script),
            connections: AtomicUsize::new(0),
        };
        let address = listener.local_addr().expect("a bound listener has an address");
        let mut receiver = Self { address, tls, memory: Arc::new(memory), running: None };
        receiver.listen(listener);
        receiver
    }

    fn listen(&mut self, listener: TcpListener) {
        let run = Arc::<Run>::default();
        let (memory, tls, shared) = (self.memory.clone(), self.tls.clone(), run.clone());
        let thread = thread::spawn(move || accept(&listener, &memory, tls.as_ref(), &shared));
        self.running = Some((run, thread));
    }

    /// Closes all connections and refuses new ones until [`Receiver::start_again`].
    pub fn stop(&mut self) {
        let Some((run, thread)) = self.running.take() else { return };
        run.over.store(true, Ordering::Release);
        // Connects once to wake the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
        thread.join().expect("the receiver did not panic");
        for stream in run.open.lock().expect("nobody panics with it").values() {
            // The other side may have closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens again on the same port.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "the receiver is still running");
        let mut listener = None;
        wait_until("the receiver's port is free again", || {
            listener = TcpListener::bind(self.address).ok();
            listener.is_some()
        });
        self.listen(listener.expect("waited for"));
    }

    /// The URL of the endpoint.
    pub fn url(&self) -> String {
        self.url_at("127.0.0.1", "/hook")
    }

    /// The URL of the endpoint with another host or path.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}:{}{path}", self.address.port())
    }

    /// The endpoint as INFO and logs may show it: scheme, host and port.
    pub fn label(&self) -> String {
        self.url_at("127.0.0.1", "")
    }

    /// Answers all further requests with `answer`.
    pub fn answer(&self, answer: Answer) {
        self.answer_by(move |_| answer.clone());
    }

    /// Answers the next requests with `first`, and all others with `then`.
    pub fn answer_first(&self, first: impl IntoIterator<Item = Answer>, then: Answer) {
        let mut first = first.into_iter().collect::<Vec<_>>().into_iter();
        self.answer_by(move |_| first.next().unwrap_or_else(|| then.clone()));
    }

    /// Calls `script` for the answer to each further request.
    pub fn answer_by(&self, script: impl FnMut(&Request) -> Answer + Send + 'static) {
        *self.memory.script.lock().expect("no script panics") = Box::new(script);
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.memory.requests.lock().expect("nobody panics with it").clone()
    }

    pub fn count(&self) -> usize {
        self.memory.requests.lock().expect("nobody panics with it").len()
    }

    /// The requests for the alert `id`.
    pub fn tries_of(&self, id: &str) -> Vec<Arc<Request>> {
        self.requests().into_iter().filter(|request| request.id() == id).collect()
    }

    /// Waits for `n` requests and returns all so far.
    #[track_caller]
    pub fn wait_for(&self, n: usize) -> Vec<Arc<Request>> {
        wait_until(&format!("request {n} arrives"), || self.count() >= n);
        self.requests()
    }

    /// Waits for `n` requests for the alert `id` and returns them.
    #[track_caller]
    pub fn wait_for_tries(&self, id: &str, n: usize) -> Vec<Arc<Request>> {
        wait_until(&format!("try {n} of {id} arrives"), || self.tries_of(id).len() >= n);
        self.tries_of(id)
    }

    /// Waits for the alert `id` and returns its first request.
    #[track_caller]
    pub fn wait_for_alert(&self, id: &str) -> Arc<Request> {
        self.wait_for_tries(id, 1).remove(0)
    }

    /// Number of connections accepted so far.
    pub fn connections(&self) -> usize {
        self.memory.connections.load(Ordering::Acquire)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the receiver on {}", self.address)
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn accept(listener: &TcpListener, memory: &Arc<Memory>, tls: Option<&Arc<ServerConfig>>, run: &Arc<Run>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if run.over.load(Ordering::Acquire) {
            return;
        }
        let number = memory.connections.fetch_add(1, Ordering::AcqRel);
        stream.set_nodelay(true).expect("a socket takes the option");
        let mine = stream.try_clone().expect("a second handle");
        run.open.lock().expect("nobody panics with it").insert(number, mine);
        let stream: Box<dyn Stream + Send> = match tls {
            None => Box::new(stream),
            Some(config) => {
                let session = ServerConnection::new(config.clone()).expect("the configuration is sound");
                Box::new(StreamOwned::new(session, stream))
            }
        };
        let (memory, run) = (memory.clone(), run.clone());
        thread::spawn(move || {
            serve(stream, &memory, &run);
            run.open.lock().expect("nobody panics with it").remove(&number);
        });
    }
}

/// Serves one connection until either side closes it.
fn serve(stream: Box<dyn Stream + Send>, memory: &Memory, run: &Run) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = Request::read(&mut stream) {
        let request = Arc::new(request);
        let answer = (memory.script.lock().expect("no script panics"))(&request);
        memory.requests.lock().expect("nobody panics with it").push(request);
        if !matches!(answer.give(stream.get_mut(), &run.over), Ok(true)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &[u8] = b"POST /hook HTTP/1.1\r\nWebhook-Id: one\r\nContent-Length: 2\r\n\r\n{}";

    fn connect(receiver: &Receiver) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(receiver.address)?;
        stream.set_read_timeout(Some(crate::SOON))?;
        Ok(stream)
    }

    fn post(stream: &mut TcpStream) -> String {
        stream.write_all(POST).unwrap();
        let mut answer = [0; 4096];
        let len = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..len]).into_owned()
    }

    #[test]
    fn a_receiver_answers_by_its_script_and_records_requests() {
        let receiver = Receiver::start();
        receiver.answer_first([Answer::status(500).header("retry-after", "7")], Answer::Close);
        let mut stream = connect(&receiver).unwrap();
        let answer = post(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("retry-after: 7\r\n"), "{answer}");
        assert_eq!(post(&mut stream), "");
        let request = receiver.wait_for_tries("one", 2).remove(0);
        assert_eq!((&request.path[..], &request.body[..]), ("/hook", &b"{}"[..]));
        assert_eq!(receiver.connections(), 1);
    }

    #[test]
    fn a_stopped_receiver_refuses_connections_and_restarts_on_the_same_port() {
        let mut receiver = Receiver::start();
        receiver.answer(Answer::Hang);
        let mut stream = connect(&receiver).unwrap();
        stream.write_all(POST).unwrap();
        receiver.wait_for(1);
        receiver.stop();
        assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0, "a hanging request is cut off");
        assert!(connect(&receiver).is_err());
        receiver.answer(Answer::status(204).body(""));
        receiver.start_again();
        assert!(post(&mut connect(&receiver).unwrap()).starts_with("HTTP/1.1 204 "));
        assert_eq!((receiver.count(), receiver.connections()), (2, 2));
    }
}
