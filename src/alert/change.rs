//! Every way in which the outbox changes, in the form in which it travels to replicas and the AOF.
//!
//! The primary applies its own changes in the same way. A change holds all that it depends on (ids, times, what was
//! decided), so applying it asks no clock and no configuration; applied again it changes nothing that matters.
//!
//! Format: the byte 1, then a list of changes as postcard writes them. The byte 2 and an outbox replaces everything.

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::wire;
use crate::text::time::Timestamp;

use super::Alert;
use super::dedup::{Digest, Quiet};
use super::endpoint::EndpointId;
use super::outbox::{Letter, Outbox};

/// A change of the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// An alert is to be delivered.
    Append(Id, Alert),
    /// An alert is done with: delivered everywhere, discarded, or dropped for want of room.
    Remove(u64),
    /// A try has failed, and the next one has its time.
    Failed {
        /// The alert.
        seq: u64,
        /// Where.
        endpoint: EndpointId,
        /// How many tries have failed.
        failures: u8,
        /// When the next one is due.
        next_at: Timestamp,
    },
    /// An endpoint is done with an alert that others still wait for.
    Settled(u64, EndpointId),
    /// An endpoint's tries of an alert are used up.
    Bury(u64, Letter),
    /// The dead letters of an alert are put back to be delivered.
    Replay(u64, Vec<EndpointId>),
    /// The dead letters of an alert are thrown away.
    Discard(u64),
    /// An endpoint wants nothing any more (410).
    Disable(EndpointId),
    /// It was set again.
    Enable(EndpointId),
    /// An alert with a DEDUP text was raised.
    Quiet(Digest, Quiet),
    /// An alert went out singly in its type's period that began then.
    Single(String, Timestamp),
    /// An alert did not: it is part of the summary that will have that id.
    Rolled(String, Id, Timestamp, Option<String>),
    /// A type's period is over.
    EndPeriod(String),
}

const CHANGES: u8 = 1;
const SNAPSHOT: u8 = 2;

/// What the payload of an effect says.
pub enum Effect {
    /// Changes, in order.
    Changes(Vec<Change>),
    /// A whole outbox.
    Snapshot(Box<Outbox>),
}

/// The payload that makes `changes`.
pub fn encode(changes: &[Change]) -> Vec<u8> {
    wire::write(CHANGES, changes)
}

/// The payload that makes `outbox` out of whatever is there.
pub fn encode_snapshot(outbox: &Outbox) -> Vec<u8> {
    wire::write(SNAPSHOT, outbox)
}

impl Effect {
    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        match payload.split_first() {
            Some((&CHANGES, rest)) => wire::read(rest).map(Self::Changes).ok_or("a damaged list of changes"),
            Some((&SNAPSHOT, rest)) => {
                wire::read(rest).map(|outbox| Self::Snapshot(Box::new(outbox))).ok_or("a damaged outbox")
            }
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }
}
