//! Requests and answers of HTTP/1.1, byte by byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use lockwatch_test_support::SOON;

/// A request. It asks the server to close the connection after the answer.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: String::new() }
    }

    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// A form with these fields.
    pub fn post(target: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        Self::new("POST", target)
            .with("content-type", "application/x-www-form-urlencoded")
            .body(pairs.join("&"))
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self.without("content-length").with_length()
    }

    fn with_length(self) -> Self {
        let length = self.body.len().to_string();
        self.with("content-length", length)
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    pub fn is_post(&self) -> bool {
        self.method == "POST"
    }

    pub fn bytes(&self) -> Vec<u8> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n", self.method, self.target);
        [head.as_bytes(), self.body.as_bytes()].concat()
    }
}

/// The value as a browser writes it into a form.
pub fn encode(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// Sends a request and reads the answer up to the end of the connection.
    #[track_caller]
    pub fn to(request: &Request, mut stream: impl Read + Write) -> Self {
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(&request.bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Self::parse(&bytes).unwrap_or_else(|| panic!("no answer to {request:?}: {bytes:?}"))
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Some(Self { status, headers, body: body.to_owned() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The headers whose names begin with `prefix`.
    pub fn headers_named(&self, prefix: &str) -> Vec<&(String, String)> {
        self.headers.iter().filter(|(name, _)| name.starts_with(prefix)).collect()
    }

    /// Name and value of the cookie that is set.
    #[track_caller]
    pub fn cookie(&self) -> String {
        let line = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {self:?}"));
        line.split(';').next().unwrap().to_owned()
    }

    /// The value of a hidden field of the page's form.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&start).unwrap_or_else(|| panic!("no field {name}: {self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A connection whose reads end in time.
#[track_caller]
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|why| panic!("{address}: {why}"));
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}
