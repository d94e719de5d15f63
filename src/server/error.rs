//! The one place that turns an error into a Redis error reply.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::text::options::Malformed;

/// What a command answers instead of a result: `CODE message`.
///
/// Wings have error enums of their own and convert them into this at the edge of a command.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The call is malformed: `ERR`.
    Malformed(String),
    /// The key holds a value of another type: the server's own `WRONGTYPE`.
    WrongType,
    /// An effect command that came neither from the primary nor from loading.
    EffectOnly,
    /// An effect that can't be read: damaged, or written by a newer version.
    BadEffect(&'static str),
    /// A bounded store has no room: `LWFULL`.
    Full(String),
    /// The same is under way already: `LWBUSY`.
    Busy(&'static str),
    /// It can't be done here or now: `LWUNAVAILABLE`.
    Unavailable(String),
    /// A change of what belongs to a node, on a replica: the server's own `READONLY`.
    ReadOnly,
    /// What a wing refuses, under a code of its own.
    Coded(&'static str, Cow<'static, str>),
}

impl Refusal {
    /// A malformed call, with the message.
    pub fn malformed(message: impl Display) -> Self {
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
            Self::Busy(why) => write!(f, "LWBUSY {why}"),
            Self::Unavailable(why) => write!(f, "LWUNAVAILABLE {why}"),
            Self::ReadOnly => f.write_str(
                "READONLY You can't write against a replica: its alerts, events and tokens are its primary's",
            ),
            Self::Coded(code, why) => write!(f, "{code} {why}"),
        }
    }
}
