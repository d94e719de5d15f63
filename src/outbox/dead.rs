//! Dead letters: entries that could not be delivered. Bounded by count and bytes; the oldest give
//! way.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::Event;

/// The maximum number of entries kept as dead letters.
pub(crate) const MAX_DEAD: usize = 1000;
/// The maximum number of bytes they take.
const MAX_DEAD_BYTES: usize = 8 << 20;

/// When and why one receiver did not get an entry.
pub(crate) trait Cause {
    /// The number of bytes it has on the heap.
    fn size(&self) -> usize;
    /// Whether it is about the same receiver as `earlier`, and replaces it.
    fn replaces(&self, earlier: &Self) -> bool;
}

/// An entry that at least one receiver did not get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeadLetter<E, C> {
    pub id: Id,
    pub entry: Arc<E>,
    /// One for each receiver, at least one.
    pub causes: Vec<C>,
}

impl<E: Event, C: Cause> DeadLetter<E, C> {
    fn size(&self) -> usize {
        let causes: usize = self.causes.iter().map(|cause| cause.size() + size_of::<C>()).sum();
        self.entry.size() + causes + size_of::<Self>()
    }
}

pub(crate) struct DeadLetters<E, C> {
    letters: BTreeMap<u64, DeadLetter<E, C>>,
    bytes: usize,
}

impl<E, C> Default for DeadLetters<E, C> {
    fn default() -> Self {
        Self { letters: BTreeMap::new(), bytes: 0 }
    }
}

impl<E: Event, C: Cause> DeadLetters<E, C> {
    pub(crate) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Those with a lower number than `seq`, newest first.
    pub(crate) fn before(&self, seq: u64) -> impl Iterator<Item = &DeadLetter<E, C>> {
        self.letters.range(..seq).rev().map(|(_, letter)| letter)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &DeadLetter<E, C>> {
        self.letters.values()
    }

    pub(crate) fn get(&self, id: Id) -> Option<&DeadLetter<E, C>> {
        self.letters.get(&id.seq).filter(|letter| letter.id == id)
    }

    /// Whether a new letter of an entry fits without another giving way.
    pub(crate) fn has_room(&self, entry: &E, cause: &C) -> bool {
        let size = entry.size() + cause.size() + size_of::<C>() + size_of::<DeadLetter<E, C>>();
        self.letters.len() < MAX_DEAD && self.bytes + size <= MAX_DEAD_BYTES
    }

    /// Adds a cause to the letter of an entry. Returns the number of causes that were dropped for
    /// want of room.
    pub(crate) fn add(&mut self, id: Id, entry: Arc<E>, cause: C) -> usize {
        let known = self.remove(id.seq);
        let mut letter = known.unwrap_or(DeadLetter { id, entry, causes: Vec::new() });
        letter.causes.retain(|earlier| !cause.replaces(earlier));
        letter.causes.push(cause);
        self.insert(letter)
    }

    /// Adds a whole letter. Returns the number of causes that were dropped for want of room.
    pub(crate) fn insert(&mut self, letter: DeadLetter<E, C>) -> usize {
        self.remove(letter.id.seq);
        self.bytes += letter.size();
        self.letters.insert(letter.id.seq, letter);
        let mut dropped = 0;
        while self.letters.len() > MAX_DEAD || self.bytes > MAX_DEAD_BYTES {
            let Some(&oldest) = self.letters.keys().next() else { break };
            dropped += self.remove(oldest).map_or(0, |letter| letter.causes.len());
        }
        dropped
    }

    pub(crate) fn remove(&mut self, seq: u64) -> Option<DeadLetter<E, C>> {
        let letter = self.letters.remove(&seq)?;
        self.bytes -= letter.size();
        Some(letter)
    }
}
