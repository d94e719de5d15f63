//! Writes a whole guard in pieces for the RDB and DUMP, and reads it back from bytes that may be
//! damaged or hostile.
//!
//! Version 1: the first piece is the byte 1 and an [`Opening`]. Each further piece is the byte 1
//! and up to [`BATCH`] items: bans, known users, addresses, then people, each in ascending order.
//! Values are in postcard's format.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::journal::wire;
use crate::text::time::{Span, Timestamp};

use super::cap::Cap;
use super::step::{Change, ChangeOf};
use super::value::{Guard, Header, Pulse};

const VERSION: u8 = 1;

const BATCH: usize = 200;
/// More entries than fit into the largest guard.
const MOST: u64 = 1 << 26;

/// What concerns a guard as a whole, and the number of its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opening {
    header: Header,
    pulse: Pulse,
    cap: Cap,
    items: u64,
}

/// An entry: a change that sets it.
pub(crate) type Item = Change;

impl Opening {
    pub(crate) fn of(guard: &Guard) -> Self {
        let items = guard.bans.len() + guard.known.len() + guard.subjects();
        Self { header: guard.header, pulse: guard.pulse.clone(), cap: guard.cap.clone(), items: items as u64 }
    }

    /// The guard without entries.
    pub(crate) fn into_guard(self) -> Guard {
        Guard { header: self.header, pulse: self.pulse, cap: self.cap, ..Guard::default() }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.header.created < Timestamp::NEVER
            && self.header.until <= Timestamp::NEVER + Span::MAX
            && self.pulse.is_sound()
            && self.cap.is_sound()
            && self.items <= MOST
    }
}

/// Writes a guard. Equal guards give equal pieces.
pub(crate) fn write(guard: &Guard, write: &mut dyn FnMut(&[u8])) {
    write(&wire::write(VERSION, &Opening::of(guard)));
    batches(guard, &mut |batch| write(&wire::write(VERSION, batch)));
}

/// Passes the entries on in batches.
pub(crate) fn batches(guard: &Guard, give: &mut dyn FnMut(&[ChangeOf<'_>])) {
    let bans = guard.bans.iter().map(|(key, entry)| Change::Ban(key, Some(entry)));
    let known = guard.known.iter().map(|(user, known)| Change::Known(user, Some(known)));
    let places = guard.places.iter().map(|(place, state)| Change::Place(place, Some(state)));
    let people = guard.people.iter().map(|(who, state)| Change::Person(who, Some(state)));
    let mut batch = Vec::with_capacity(BATCH);
    for item in bans.chain(known).chain(places).chain(people) {
        batch.push(item);
        if batch.len() == BATCH {
            give(&batch);
            batch.clear();
        }
    }
    if !batch.is_empty() {
        give(&batch);
    }
}

/// Reads a guard from its first piece and those that `more` returns.
pub(crate) fn read<P: Deref<Target = [u8]>>(
    first: &[u8],
    more: &mut dyn FnMut() -> Option<P>,
) -> Result<Guard, &'static str> {
    let opening: Opening = versioned(first)?;
    if !opening.is_sound() {
        return Err("it is damaged");
    }
    let mut left = opening.items;
    let mut guard = opening.into_guard();
    while left > 0 {
        let piece = more().ok_or("the stream is cut short")?;
        let items: Vec<Item> = versioned(&piece)?;
        let count = items.len() as u64;
        if count == 0 || items.len() > BATCH || count > left || !guard.extend(items) {
            return Err("it is damaged");
        }
        left -= count;
    }
    Ok(guard)
}

impl Guard {
    /// Adds entries that are sound and not there yet. Returns whether all are.
    pub(crate) fn extend(&mut self, items: Vec<Item>) -> bool {
        items.into_iter().all(|item| {
            let is_new = match &item {
                Change::Person(who, Some(_)) => !self.people.contains(who),
                Change::Place(place, Some(_)) => !self.places.contains(place),
                Change::Known(user, Some(_)) => !self.known.contains(user),
                Change::Ban(key, Some(_)) => self.bans.get(key).is_none(),
                _ => false,
            };
            let is_right = is_new && item.is_sound();
            if is_right {
                self.set(item);
            }
            is_right
        })
    }
}

fn versioned<'a, T: Deserialize<'a>>(piece: &'a [u8]) -> Result<T, &'static str> {
    match piece.split_first() {
        Some((&VERSION, rest)) => wire::read(rest).ok_or("it is damaged"),
        Some(_) => Err("it was written by a newer version of lockwatch"),
        None => Err("it is empty"),
    }
}
