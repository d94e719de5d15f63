//! The error replies of all commands.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::text::options::Malformed;

/// The error of a command. Its text is `CODE message`.
///
/// The parts convert their own errors into it.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// `ERR`: a malformed call.
    Malformed(String),
    /// `WRONGTYPE`: the key holds a value of another type.
    WrongType,
    /// An effect command from a client.
    EffectOnly,
    /// An effect that is damaged or was written by a newer version.
    BadEffect(&'static str),
    /// `LWFULL`: a bounded store has no room.
    Full(String),
    /// `LWFULL`: the server is close to its `maxmemory`.
    NoMemory,
    /// `LWBUSY`: too many calls of this kind are in flight.
    Busy(&'static str),
    /// `LWUNAVAILABLE`: something that the call needs is missing here or now.
    Unavailable(String),
    /// `READONLY`: a change of the node's state on a replica.
    ReadOnly,
    /// An error with a part's own code.
    Coded(&'static str, Cow<'static, str>),
}

impl Refusal {
    pub(crate) fn malformed(message: impl Display) -> Self {
        Self::Malformed(message.to_string())
    }
}

impl From<Malformed> for Refusal {
    fn from(Malformed(message): Malformed) -> Self {
        Self::Malformed(message)
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(message) => write!(f, "ERR {message}"),
            Self::WrongType => {
                f.write_str("WRONGTYPE Operation against a key holding the wrong kind of value")
            }
            Self::EffectOnly => {
                f.write_str("ERR this command is internal: it is accepted from the primary and the AOF only")
            }
            Self::BadEffect(why) => write!(f, "ERR unusable effect: {why}"),
            Self::Full(why) => write!(f, "LWFULL {why}"),
            Self::NoMemory => f.write_str(
                "LWFULL the server uses nearly all of its maxmemory: see maxmemory and used_memory in INFO memory",
            ),
            Self::Busy(why) => write!(f, "LWBUSY {why}"),
            Self::Unavailable(why) => write!(f, "LWUNAVAILABLE {why}"),
            Self::ReadOnly => f.write_str(
                "READONLY You can't write against a replica: its alerts, events, policies and tokens are its primary's",
            ),
            Self::Coded(code, why) => write!(f, "{code} {why}"),
        }
    }
}
