//! Why a call failed.

use std::fmt;

use redis::RedisError;

use crate::text::printable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server can't be reached, or closed the connection.
    Away,
    /// It did not answer within the time limit.
    Slow,
    /// It answered with an error.
    Refused,
}

/// A call that failed. Its text names no secret.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    /// The first word of an error reply, such as `NOPERM`; empty if there was no reply.
    pub code: String,
    pub text: String,
}

impl Failure {
    pub fn away(text: impl Into<String>) -> Self {
        Self { kind: Kind::Away, code: String::new(), text: text.into() }
    }

    pub fn slow(text: impl Into<String>) -> Self {
        Self { kind: Kind::Slow, ..Self::away(text) }
    }

    /// Whether the connection can't be used any more.
    pub fn breaks_connection(&self) -> bool {
        self.kind != Kind::Refused
    }
}

impl From<RedisError> for Failure {
    fn from(why: RedisError) -> Self {
        if why.is_timeout() {
            return Self::slow("no answer in time");
        }
        if why.is_io_error() || why.is_connection_dropped() {
            return Self::away(printable(why.to_string().as_bytes()));
        }
        let code = why.code().unwrap_or_default().to_owned();
        let text = match why.detail() {
            Some(detail) if !code.is_empty() => format!("{code} {detail}"),
            Some(detail) => format!("{}: {detail}", why.category()),
            None => why.to_string(),
        };
        let text = match code.as_str() {
            "NOAUTH" => {
                "this server wants a user and a password: --user, --password-file (NOAUTH)".to_owned()
            }
            "WRONGPASS" => "this server refuses the user or the password (WRONGPASS)".to_owned(),
            _ => printable(text.as_bytes()),
        };
        Self { kind: Kind::Refused, code, text }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
