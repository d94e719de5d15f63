//! A client that sends exact bytes and returns parsed replies.

use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{SOON, Value};

/// A connection. Every read has a deadline, so that a hung server fails the test instead of
/// blocking it.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, SOON)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Waits up to `patience` for each answer.
    pub fn with_patience(self, patience: Duration) -> Self {
        self.stream.get_ref().set_read_timeout(Some(patience)).expect("a time that is not 0");
        self
    }

    /// Sends the words of `line`, split at spaces, as one call and returns the answer.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> Value {
        self.call(&line.split(' ').collect::<Vec<_>>())
    }

    /// Sends one call and returns the answer.
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.send(args);
        self.read()
    }

    /// Like [`Client::call`], for a server that may be gone.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.try_send(args)?;
        self.try_read()
    }

    /// Sends one call, for a server that may be gone.
    pub fn try_send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        self.stream.get_mut().write_all(&encode(args))
    }

    /// Reads the next value from a server that may be gone.
    pub fn try_read(&mut self) -> io::Result<Value> {
        Value::read(&mut self.stream)
    }

    /// Sends one call without waiting for the answer.
    #[track_caller]
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.send_bytes(&encode(args));
    }

    /// Sends bytes unchanged, whether they are RESP or not.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream
            .get_mut()
            .write_all(bytes)
            .unwrap_or_else(|why| panic!("can't write to the server: {why}"));
    }

    /// Reads the next value.
    #[track_caller]
    pub fn read(&mut self) -> Value {
        Value::read(&mut self.stream).unwrap_or_else(|why| panic!("no answer from the server: {why}"))
    }

    /// Sends `calls` in one pipeline and returns their answers.
    #[track_caller]
    pub fn pipeline<C: AsRef<[A]>, A: AsRef<[u8]>>(&mut self, calls: &[C]) -> Vec<Value> {
        let bytes: Vec<u8> = calls.iter().flat_map(|call| encode(call.as_ref())).collect();
        self.send_bytes(&bytes);
        calls.iter().map(|_| self.read()).collect()
    }

    /// Sends the lines in one pipeline and returns their answers.
    #[track_caller]
    pub fn run_all(&mut self, lines: &[&str]) -> Vec<Value> {
        self.pipeline(&lines.iter().map(|line| line.split(' ').collect()).collect::<Vec<Vec<&str>>>())
    }

    /// Returns the records of all pages of a list.
    #[track_caller]
    pub fn pages(&mut self, list: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let before =
                all.last().map_or_else(String::new, |last| format!(" BEFORE {}", last.field("id").text()));
            let page = self.run(&format!("{list} COUNT 100000{before}"));
            if page.items().is_empty() {
                return all;
            }
            all.extend_from_slice(page.items());
        }
    }

    /// Runs the lines in one transaction and returns their answers, or `None` if WATCH aborted
    /// EXEC.
    #[track_caller]
    pub fn multi(&mut self, lines: &[&str]) -> Option<Vec<Value>> {
        match self.run_all(&[&["MULTI"], lines, &["EXEC"]].concat()).pop() {
            Some(Value::Nil) => None,
            Some(Value::Array(answers)) => Some(answers),
            other => panic!("EXEC answered {other:?}"),
        }
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        match self.try_call(&["PING"]) {
            Ok(_) => false,
            Err(why) => !matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.as_ref().len()).as_bytes());
        bytes.extend_from_slice(arg.as_ref());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
