//! Answers of a receiver, correct and faulty.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// An answer to one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A complete answer.
    Say {
        status: u16,
        /// The headers besides content-length.
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// An answer after a delay.
    Late(Duration, Box<Answer>),
    /// No answer until the receiver is stopped.
    Hang,
    /// An endless head, one byte every few milliseconds.
    Trickle,
    /// Closes the connection without an answer.
    Close,
    /// Closes the connection in the middle of the head.
    CloseInHead,
    /// Closes the connection in the middle of the body of an answer with this status.
    CloseInBody(u16),
    /// An answer with this status and an endless body.
    Endless(u16),
    /// Sends these bytes and closes the connection.
    Bytes(&'static [u8]),
}

impl Answer {
    /// An answer with this status and a short body.
    pub fn status(status: u16) -> Self {
        Self::Say { status, headers: Vec::new(), body: b"noted".to_vec() }
    }

    pub fn header(self, name: &'static str, value: impl Into<String>) -> Self {
        let Self::Say { status, mut headers, body } = self else { panic!("{self:?} has no headers") };
        headers.push((name, value.into()));
        Self::Say { status, headers, body }
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let Self::Say { status, headers, .. } = self else { panic!("{self:?} has no body") };
        Self::Say { status, headers, body: body.into() }
    }

    /// Sends the answer and returns whether the connection stays open. `over` stops answers that
    /// would never end.
    pub(super) fn give(&self, to: &mut dyn Write, over: &AtomicBool) -> io::Result<bool> {
        match self {
            Self::Say { status, headers, body } => {
                let mut answer = head(*status, body.len());
                headers.iter().for_each(|(name, value)| answer += &format!("{name}: {value}\r\n"));
                to.write_all(&[answer.as_bytes(), b"\r\n", body].concat())?;
                to.flush()?;
                Ok(true)
            }
            Self::Late(wait, answer) => {
                let until = Instant::now() + *wait;
                pass_time(over, || Instant::now() < until);
                answer.give(to, over)
            }
            Self::Hang => {
                pass_time(over, || true);
                Ok(false)
            }
            Self::Trickle => {
                to.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ")?;
                let mut fits = true;
                pass_time(over, || {
                    fits = fits && to.write_all(b"z").and_then(|()| to.flush()).is_ok();
                    fits
                });
                Ok(false)
            }
            Self::Close => Ok(false),
            Self::CloseInHead => closing(to, b"HTTP/1.1 200 OK\r\ncontent-le"),
            Self::CloseInBody(status) => {
                closing(to, format!("{}\r\nonly so much", head(*status, 1000)).as_bytes())
            }
            Self::Endless(status) => {
                let head = format!("HTTP/1.1 {status} Whatever\r\ntransfer-encoding: chunked\r\n\r\n");
                to.write_all(head.as_bytes())?;
                let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
                while !over.load(Ordering::Acquire) {
                    to.write_all(&chunk)?;
                }
                Ok(false)
            }
            Self::Bytes(bytes) => closing(to, bytes),
        }
    }
}

fn head(status: u16, len: usize) -> String {
    format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {len}\r\n")
}

fn closing(to: &mut dyn Write, bytes: &[u8]) -> io::Result<bool> {
    to.write_all(bytes)?;
    to.flush()?;
    Ok(false)
}

fn pass_time(over: &AtomicBool, mut going_on: impl FnMut() -> bool) {
    while going_on() && !over.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(2));
    }
}
