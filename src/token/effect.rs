//! A change of a store in the form in which it travels to replicas and the AOF.
//!
//! A payload is a byte that names its kind, then a value in postcard's format:
//! - 1: changes, and when the key expires;
//! - 2: empties the store, then adds sessions;
//! - 3: adds sessions.
//!
//! A whole store is one payload of kind 2, then as many of kind 3 as it takes.

use std::ffi::CStr;

use serde::{Deserialize, Serialize};

use crate::journal::wire;
use crate::text::time::Timestamp;

use super::change::Change;
use super::id::SessionId;
use super::session::Session;

/// The internal command that applies a payload.
pub(crate) const EFFECT: &CStr = c"LW._TOKEN";

const CHANGES: u8 = 1;
const OPENING: u8 = 2;
const MORE: u8 = 3;

/// Changes that are made together, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes {
    pub changes: Vec<Change>,
    /// The new expiry of the key, if it changes.
    pub expires: Option<Timestamp>,
}

/// A decoded payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoreEffect {
    Changes(Changes),
    /// Replaces the whole store.
    Opening(Vec<(SessionId, Box<Session>)>),
    /// Adds sessions to the store.
    More(Vec<(SessionId, Box<Session>)>),
}

impl Changes {
    pub(crate) fn encode(&self) -> Vec<u8> {
        wire::write(CHANGES, self)
    }
}

/// Encodes sessions of a whole store: its first batch, or a later one.
pub(crate) fn encode_sessions(is_first: bool, sessions: &[(SessionId, &Session)]) -> Vec<u8> {
    wire::write(if is_first { OPENING } else { MORE }, sessions)
}

impl StoreEffect {
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        let read = |rest| wire::read::<Vec<(SessionId, Box<Session>)>>(rest).ok_or("damaged sessions");
        match payload.split_first() {
            Some((&CHANGES, rest)) => wire::read(rest).map(Self::Changes).ok_or("damaged changes"),
            Some((&OPENING, rest)) => read(rest).map(Self::Opening),
            Some((&MORE, rest)) => read(rest).map(Self::More),
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_of_a_whole_store_replaces_it_and_the_others_add_to_it() {
        let session = Session::new("alice", Timestamp(1), Timestamp(2), 900, 604_800);
        let batch = [(SessionId([1; 16]), &session)];
        let sent = || vec![(SessionId([1; 16]), Box::new(session.clone()))];
        assert_eq!(StoreEffect::decode(&encode_sessions(true, &batch)), Ok(StoreEffect::Opening(sent())));
        assert_eq!(StoreEffect::decode(&encode_sessions(false, &batch)), Ok(StoreEffect::More(sent())));
    }
}
