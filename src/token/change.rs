//! Every way in which a store changes. A change holds no token and nothing that a token could be made
//! from, and all its times are absolute.

use serde::{Deserialize, Serialize};

use crate::text::time::Timestamp;

use super::id::{Generation, SessionId};
use super::session::{Rotation, Session};

/// A change of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A session begins.
    Issue(SessionId, Box<Session>),
    /// Its tokens are renewed.
    Rotate(SessionId, Rotation),
    /// An access token is revoked at a time, which matters until another.
    Deny(SessionId, Generation, Timestamp, Timestamp),
    /// A session is over.
    End(SessionId),
    /// All sessions are over.
    Clear,
}
