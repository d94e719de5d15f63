//! Every way in which the ledger changes, in the form in which it travels to replicas and the AOF.
//!
//! The primary applies its own changes in the same way. A change holds all that it depends on (ids, times, what gave
//! way), so applying it asks no clock and no configuration; applied again it changes nothing that matters.
//!
//! Format: the byte 1, then changes, one behind the other, as postcard writes them. A whole ledger is several payloads: the byte 2
//! and an opening, which replaces everything, then as many as it takes of the byte 3 and a stretch of events.

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::wire;
use crate::text::time::Timestamp;

use super::entry::Entry;
use super::ledger::{Dead, Gap};

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// An event is recorded; whether Postgres is to have it.
    Append(Id, bool, Entry),
    /// An event gave way to newer ones, where the journal is the log.
    Overwrite(u64),
    /// Postgres is to have all that is held.
    Owe,
    /// Postgres has the events from the first number to the last.
    Shipped(u64, u64),
    /// Postgres refuses an event as data, and why.
    Bury(u64, Timestamp, String),
    /// A dead letter is put back to be shipped.
    Replay(u64),
    /// A dead letter is thrown away.
    Discard(u64),
    /// Events are being refused for want of room, or no longer.
    Gap(Option<Gap>),
}

const CHANGES: u8 = 1;
const OPENING: u8 = 2;
const EVENTS: u8 = 3;

/// How a whole ledger begins: all of it but the events.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The highest number ever given.
    pub last_seq: u64,
    /// Postgres is to have the events up to this number.
    pub owed_through: u64,
    /// The events that were refused and of which no row tells yet.
    pub gap: Option<Gap>,
    /// The dead letters.
    pub dead: Vec<Dead>,
}

/// What the payload of an effect says.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes, in order.
    Changes(Vec<Change>),
    /// A whole ledger begins.
    Opening(Box<Opening>),
    /// Events of a ledger that has begun, in ascending order.
    Events(Vec<(Id, Entry)>),
}

/// Adds `change` to a payload that makes changes, or begins one.
pub fn add(payload: &mut Vec<u8>, change: &Change) {
    if payload.is_empty() {
        payload.push(CHANGES);
    }
    // Writing plain data into memory can't fail.
    *payload = postcard::to_extend(change, std::mem::take(payload)).unwrap_or_default();
}

/// The payload that begins a whole ledger.
pub fn encode_opening(opening: &Opening) -> Vec<u8> {
    wire::write(OPENING, opening)
}

/// The payload that adds events to a ledger that has begun.
pub fn encode_events(events: &[(Id, &Entry)]) -> Vec<u8> {
    wire::write(EVENTS, events)
}

impl Effect {
    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        match payload.split_first() {
            Some((&CHANGES, rest)) => changes(rest).map(Self::Changes).ok_or("a damaged list of changes"),
            Some((&OPENING, rest)) => {
                wire::read(rest).map(|opening| Self::Opening(Box::new(opening))).ok_or("a damaged opening")
            }
            Some((&EVENTS, rest)) => wire::read(rest).map(Self::Events).ok_or("damaged events"),
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }
}

fn changes(mut rest: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let (change, behind) = postcard::take_from_bytes(rest).ok()?;
        changes.push(change);
        rest = behind;
    }
    Some(changes)
}
