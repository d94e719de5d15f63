//! A change in the form in which it travels to replicas and the AOF.
//!
//! A payload is a byte that names its kind, then a value in postcard's format:
//! - 1: a step;
//! - 2: replaces all leases: the header, then leases;
//! - 3: adds leases.
//!
//! All leases of a key are one payload of kind 2, then as many of kind 3 as it takes.

use std::ffi::CStr;

use crate::journal::wire;
use crate::text::time::Timestamp;

use super::id::Fence;
use super::leases::{Header, Lease, Leases};
use super::snapshot;
use super::step::Step;

/// The internal command that applies a payload.
pub(super) const EFFECT: &CStr = c"LW._LEASE";

const STEP: u8 = 1;
const OPENING: u8 = 2;
const MORE: u8 = 3;

/// A decoded payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LeaseEffect {
    Step(Step),
    Opening(Header, Vec<(Fence, Lease)>),
    More(Vec<(Fence, Lease)>),
}

impl Step {
    pub(super) fn encode(&self) -> Vec<u8> {
        wire::write(STEP, self)
    }
}

/// Passes on the payloads that create `leases` from nothing.
pub(super) fn whole(leases: &Leases, emit: &mut dyn FnMut(&[u8])) {
    let mut is_first = true;
    snapshot::batches(leases, &mut |batch| {
        let payload =
            if is_first { wire::write(OPENING, &(leases.header(), batch)) } else { wire::write(MORE, batch) };
        emit(&payload);
        is_first = false;
    });
}

impl LeaseEffect {
    pub(super) fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        let damaged = "it is damaged";
        match payload.split_first() {
            Some((&STEP, rest)) => {
                wire::read(rest).filter(Step::is_sound).map(Self::Step).ok_or("a damaged step")
            }
            Some((&OPENING, rest)) => {
                let (header, leases): (Header, _) = wire::read(rest).ok_or(damaged)?;
                let is_sound = header.fence <= Fence::LAST && header.at < Timestamp::NEVER;
                is_sound.then_some(Self::Opening(header, leases)).ok_or(damaged)
            }
            Some((&MORE, rest)) => wire::read(rest).map(Self::More).ok_or(damaged),
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }
}
