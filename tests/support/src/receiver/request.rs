//! A parsed HTTP request.

use std::io::{self, BufRead, Error, ErrorKind};
use std::time::Instant;

use serde_json::Value as Json;

#[derive(Clone, Debug)]
pub struct Request {
    /// When its last byte was read.
    pub arrived: Instant,
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads a request, or returns `None` if the other side has closed the connection.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(line) = read_line(from)? else { return Ok(None) };
        let words: Vec<&str> = line.split(' ').collect();
        let [method, path, "HTTP/1.1"] = words[..] else { return Err(broken(&line)) };
        let mut request = Self {
            arrived: Instant::now(),
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        while let Some(line) = read_line(from)?.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or_else(|| broken(&line))?;
            request.headers.push((name.to_ascii_lowercase(), value.trim().into()));
        }
        let len = request.header_if_any("content-length").map_or(Ok(0), str::parse);
        request.body = vec![0; len.map_err(|_| broken("content-length"))?];
        from.read_exact(&mut request.body)?;
        request.arrived = Instant::now();
        Ok(Some(request))
    }

    /// The value of the header `name`, which must occur exactly once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let values: Vec<&str> =
            self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| &value[..]).collect();
        assert_eq!(values.len(), 1, "{name} in {:?}", self.headers);
        values[0]
    }

    pub fn header_if_any(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    /// The alert's id, or an empty string if there is none.
    pub fn id(&self) -> &str {
        self.header_if_any("webhook-id").unwrap_or_default()
    }

    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body.escape_ascii()))
    }

    #[track_caller]
    pub fn member(&self, name: &str) -> Json {
        self.json().get(name).unwrap_or_else(|| panic!("no {name} in {}", self.json())).clone()
    }

    #[track_caller]
    pub fn kind(&self) -> String {
        self.member("type").as_str().expect("a type is text").to_owned()
    }
}

/// Reads a line without its CRLF, or returns `None` at the end of the stream.
fn read_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    line.strip_suffix("\r\n").map(|line| Some(line.to_owned())).ok_or_else(|| broken(&line))
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not HTTP/1.1: {what:?}"))
}
