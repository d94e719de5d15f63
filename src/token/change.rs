//! Every way in which a store changes, in the form in which it travels to replicas and the AOF. No change holds a token or
//! what one could be made from; all times are absolute.
//!
//! Format of an effect: a byte that says what it is, then what postcard writes. The byte 1: changes, and when the key
//! expires. The byte 2 empties the store and fills it with sessions, the byte 3 adds more of them: a whole store is one
//! payload of the former and as many as it takes of the latter.

use serde::{Deserialize, Serialize};

use crate::journal::wire;
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

const CHANGES: u8 = 1;
const OPENING: u8 = 2;
const MORE: u8 = 3;

/// What is changed in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// In this order.
    pub changes: Vec<Change>,
    /// When the key expires, if that is set.
    pub expires: Option<Timestamp>,
}

/// What the payload of an effect says.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes.
    Step(Step),
    /// The store is replaced by these sessions.
    Opening(Vec<(SessionId, Box<Session>)>),
    /// These are added.
    More(Vec<(SessionId, Box<Session>)>),
}

impl Step {
    /// The payload that makes these changes.
    pub fn encode(&self) -> Vec<u8> {
        wire::write(CHANGES, self)
    }
}

/// The payload that brings sessions of a whole store: the first of them, or more.
pub fn encode_sessions(is_first: bool, sessions: &[(SessionId, &Session)]) -> Vec<u8> {
    wire::write(if is_first { OPENING } else { MORE }, sessions)
}

impl Effect {
    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        let read = |rest| wire::read::<Vec<(SessionId, Box<Session>)>>(rest).ok_or("damaged sessions");
        match payload.split_first() {
            Some((&CHANGES, rest)) => wire::read(rest).map(Self::Step).ok_or("damaged changes"),
            Some((&OPENING, rest)) => read(rest).map(Self::Opening),
            Some((&MORE, rest)) => read(rest).map(Self::More),
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }
}
