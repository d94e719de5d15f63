//! Every way in which a store changes. A change holds no token and nothing that a token could be
//! made from, and all its times are absolute.

use serde::{Deserialize, Serialize};

use crate::text::time::Timestamp;

use super::id::{Generation, SessionId};
use super::session::{Rotation, Session};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    Issue(SessionId, Box<Session>),
    Rotate(SessionId, Rotation),
    /// An access token is revoked: its generation, the time of the revocation, and the time until
    /// which the revocation must be remembered.
    Deny(SessionId, Generation, Timestamp, Timestamp),
    /// The claims from the next rotation on, of each session that is still in its generation;
    /// empty for none.
    Claims(Vec<(SessionId, Generation)>, Box<str>),
    End(SessionId),
    /// Every session ends.
    Clear,
}
