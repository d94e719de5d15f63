//! The changes of an outbox and whole outboxes, as bytes for replicas, the AOF and the RDB.
//!
//! A payload starts with a version byte:
//!
//! | byte | content |
//! |---|---|
//! | 1 | changes, one after the other |
//! | 2 | an [`Opening`], which replaces the outbox |
//! | 3 | entries, which are added to an outbox that was opened |
//!
//! postcard encodes what follows. A whole outbox is an opening and as many payloads of entries as
//! it takes.

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::wire;

use super::dead::DeadLetter;
use super::extension::Extension;

/// A change holds all that it depends on (ids, times, decisions), so that applying it reads no
/// clock and no configuration. The primary applies its own changes in the same way as replicas.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) enum Change<X: Extension> {
    Append(Id, X::Entry),
    /// The entries numbered from the first number to the second are delivered, discarded or
    /// dropped.
    Remove(u64, u64),
    /// An entry of the queue becomes a dead letter as well.
    DeadLetter(u64, X::Cause),
    /// The dead letter of that number goes back into the queue.
    Replay(u64),
    /// The dead letter of that number is deleted.
    Discard(u64),
    Extension(X::Change),
}

/// An outbox without the entries of its queue.
#[derive(Default, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Opening<X: Extension> {
    /// The highest sequence number ever used.
    pub last_seq: u64,
    pub dead: Vec<DeadLetter<X::Entry, X::Cause>>,
    pub extension: X,
}

/// A decoded payload.
pub(crate) enum Effect<X: Extension> {
    Changes(Vec<Change<X>>),
    Opening(Box<Opening<X>>),
    Entries(Vec<(Id, X::Entry)>),
}

const CHANGES: u8 = 1;
pub(super) const OPENING: u8 = 2;
pub(super) const ENTRIES: u8 = 3;

/// Adds `change` to a payload of changes; starts one if `payload` is empty.
pub(crate) fn add<X: Extension>(payload: &mut Vec<u8>, change: &Change<X>) {
    if payload.is_empty() {
        payload.push(CHANGES);
    }
    // Encoding plain data into memory cannot fail.
    *payload = postcard::to_extend(change, std::mem::take(payload)).unwrap_or_default();
}

/// Decodes a payload, which may be damaged or hostile.
pub(crate) fn decode<X: Extension>(payload: &[u8]) -> Result<Effect<X>, &'static str> {
    match payload.split_first() {
        Some((&CHANGES, rest)) => changes(rest).map(Effect::Changes).ok_or("a damaged list of changes"),
        Some((&OPENING, rest)) => {
            wire::read(rest).map(|opening| Effect::Opening(Box::new(opening))).ok_or("a damaged opening")
        }
        Some((&ENTRIES, rest)) => wire::read(rest).map(Effect::Entries).ok_or("damaged entries"),
        Some(_) => Err("a newer version of lockwatch wrote it"),
        None => Err("it is empty"),
    }
}

fn changes<X: Extension>(mut rest: &[u8]) -> Option<Vec<Change<X>>> {
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let (change, after) = postcard::take_from_bytes(rest).ok()?;
        changes.push(change);
        rest = after;
    }
    Some(changes)
}
