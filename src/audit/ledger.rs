//! The journal of events, what Postgres refused, and what was refused here: the state that is saved and replicated. It
//! changes by [`Change`]s alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event, Queue};
use crate::text::time::Timestamp;

use super::change::{Change, Opening, encode_events, encode_opening};
use super::entry::Entry;

/// The most events that are kept as dead letters; beyond it the oldest go.
pub const MOST_DEAD: usize = 1000;
/// The most bytes of events that are kept as dead letters.
const MOST_DEAD_BYTES: usize = 8 << 20;

/// What a number takes in a set that is filled in ascending order.
const NUMBER: usize = 16;

/// How many bytes of events go into one payload of a whole ledger, about.
const PART: usize = 1 << 20;

/// The state.
#[derive(Default)]
pub struct Ledger {
    queue: Queue<Entry>,
    /// Postgres is to have the events up to this number: they never give way.
    owed_through: u64,
    /// The numbers of the events that a limit denied, and how many bytes they take: they may fill but half.
    limited: BTreeSet<u64>,
    limited_bytes: usize,
    dead: BTreeMap<u64, Dead>,
    dead_bytes: usize,
    gap: Option<Gap>,
}

/// An event that Postgres refused as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    /// Its id.
    pub id: Id,
    /// The event.
    pub entry: Entry,
    /// When it was refused.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Events that were refused for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many.
    pub count: u64,
    /// How many of them a limit had denied.
    pub limited: u64,
    /// When the first was refused.
    pub from: Timestamp,
    /// When the last was.
    pub to: Timestamp,
}

/// What an event is weighed as when it is asked whether there is room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// It may take any room that is left.
    Whole,
    /// A limit denied the request: events like it may fill half.
    Half,
}

impl Ledger {
    /// The events that wait for Postgres, or that are the log.
    pub fn queue(&self) -> &Queue<Entry> {
        &self.queue
    }

    /// The dead letters, oldest first.
    pub fn dead(&self) -> impl DoubleEndedIterator<Item = &Dead> + ExactSizeIterator {
        self.dead.values()
    }

    /// The dead letter of that id.
    pub fn dead_of(&self, id: Id) -> Option<&Dead> {
        self.dead.get(&id.seq).filter(|dead| dead.id == id)
    }

    /// The events that were refused and of which no row tells yet.
    pub fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// Whether all that is held is to be shipped.
    pub fn is_owed(&self) -> bool {
        self.owed_through >= self.queue.last_seq()
    }

    /// Whether there is nothing worth saving.
    pub fn is_empty(&self) -> bool {
        self.queue.last_seq() == 0 && self.gap.is_none()
    }

    /// From now on ids are made in the epoch `epoch`.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.queue.begin_epoch(epoch);
    }

    /// Whether an event of `size` bytes has room within `bounds`.
    pub fn has_room(&self, size: usize, bounds: Bounds, share: Share) -> bool {
        self.queue.has_room(size + self.beside(), bounds)
            && (share == Share::Whole || self.half_has_room(size, bounds))
    }

    /// How many bytes of memory the events take.
    pub fn bytes(&self) -> usize {
        self.queue.bytes() + self.beside()
    }

    /// What is kept of events beside the queue.
    fn beside(&self) -> usize {
        self.limited.len() * NUMBER
    }

    /// Whether it has room within the half that is for what limits denied.
    pub fn half_has_room(&self, size: usize, bounds: Bounds) -> bool {
        let bytes = self.limited_bytes.saturating_add(size + Queue::<Entry>::OVERHEAD);
        self.limited.len() < bounds.events.div_ceil(2) && bytes <= bounds.bytes / 2
    }

    /// The event that gives way to a newer one, where the journal is the log: the oldest that Postgres is not to have, or
    /// the oldest denial of those, so that a flood of denials can't wash the rest away.
    pub fn oldest_to_overwrite(&self, share: Share) -> Option<u64> {
        match share {
            // The oldest of all, as long as there has been no database.
            Share::Whole => match self.queue.front() {
                Some((id, _)) if id.seq > self.owed_through => Some(id.seq),
                _ => self.queue.after(self.owed_through).next().map(|(id, _)| id.seq),
            },
            Share::Half => self.limited.range(self.owed_through + 1..).next().copied(),
        }
    }

    /// Takes a change. Returns how many dead letters had to go for want of room.
    pub fn apply(&mut self, change: Change) -> usize {
        match change {
            Change::Append(id, owed, entry) => self.append(id, owed, entry),
            Change::Overwrite(seq) => self.remove(seq),
            Change::Owe => self.owed_through = self.queue.last_seq(),
            Change::Shipped(from, through) => self.remove_range(from, through),
            Change::Bury(seq, at, reason) => return self.bury(seq, at, reason),
            Change::Replay(seq) => self.replay(seq),
            Change::Discard(seq) => drop(self.take_dead(seq)),
            Change::Gap(gap) => self.gap = gap,
        }
        0
    }

    /// What is refused from now on counts as part of this. Not a change of its own: it is replicated with the others.
    pub fn refuse(&mut self, now: Timestamp, share: Share) {
        let gap = self.gap.get_or_insert(Gap { count: 0, limited: 0, from: now, to: now });
        gap.count += 1;
        gap.limited += u64::from(share == Share::Half);
        gap.to = gap.to.max(now);
    }

    fn append(&mut self, id: Id, owed: bool, entry: Entry) {
        let (is_limited, size) = (entry.is_limited(), entry.size());
        if !self.queue.append(id, entry) {
            return;
        }
        if is_limited {
            self.count_limited(id.seq, size);
        }
        if owed {
            self.owed_through = id.seq;
        }
    }

    fn remove(&mut self, seq: u64) {
        let is_oldest = self.queue.front().is_some_and(|(id, _)| id.seq == seq);
        let removed = if is_oldest { self.queue.pop_front() } else { self.queue.remove(seq) };
        if let Some((_, entry)) = removed {
            self.uncount(seq, &entry);
        }
    }

    fn uncount(&mut self, seq: u64, entry: &Entry) {
        if entry.is_limited() && self.limited.remove(&seq) {
            self.limited_bytes -= entry.size() + Queue::<Entry>::OVERHEAD;
        }
    }

    fn remove_range(&mut self, from: u64, through: u64) {
        if from > through {
            return;
        }
        let gone: Vec<u64> = self.limited.range(from..=through).copied().collect();
        for seq in gone {
            let size = self.queue.get(seq).map_or(0, |(_, entry)| entry.size());
            self.limited.remove(&seq);
            self.limited_bytes -= size + Queue::<Entry>::OVERHEAD;
        }
        self.queue.remove_range(from, through);
    }

    fn bury(&mut self, seq: u64, at: Timestamp, reason: String) -> usize {
        let Some((id, entry)) = self.queue.remove(seq) else { return 0 };
        self.uncount(seq, &entry);
        self.keep_dead(Dead { id, entry: (*entry).clone(), at, reason });
        let mut lost = 0;
        while self.dead.len() > MOST_DEAD || self.dead_bytes > MOST_DEAD_BYTES {
            let Some(oldest) = self.dead.keys().next().copied() else { break };
            drop(self.take_dead(oldest));
            lost += 1;
        }
        lost
    }

    fn keep_dead(&mut self, dead: Dead) {
        self.dead_bytes += dead.size();
        if let Some(old) = self.dead.insert(dead.id.seq, dead) {
            self.dead_bytes -= old.size();
        }
    }

    fn take_dead(&mut self, seq: u64) -> Option<Dead> {
        let dead = self.dead.remove(&seq)?;
        self.dead_bytes -= dead.size();
        Some(dead)
    }

    fn replay(&mut self, seq: u64) {
        if let Some(dead) = self.take_dead(seq) {
            self.insert(dead.id, dead.entry);
        }
    }

    fn insert(&mut self, id: Id, entry: Entry) {
        let (is_limited, size) = (entry.is_limited(), entry.size());
        if self.queue.insert(id, entry.into()) && is_limited {
            self.count_limited(id.seq, size);
        }
    }

    fn count_limited(&mut self, seq: u64, size: usize) {
        self.limited.insert(seq);
        self.limited_bytes += size + Queue::<Entry>::OVERHEAD;
    }

    /// A ledger that begins so, without its events.
    pub fn open(opening: Opening) -> Result<Self, &'static str> {
        let mut ledger = Self { gap: opening.gap, ..Self::default() };
        if opening.last_seq > Id::MAX_SEQ || opening.owed_through > opening.last_seq {
            return Err("a ledger with numbers that can't be");
        }
        ledger.owed_through = opening.owed_through;
        for dead in opening.dead.into_iter().take(MOST_DEAD) {
            if dead.id.seq > opening.last_seq {
                return Err("a dead letter with a number that was never given");
            }
            ledger.keep_dead(dead);
        }
        // The events come next, each where its number belongs.
        ledger.queue.reserve(opening.last_seq);
        Ok(ledger)
    }

    /// Adds events to a ledger that was opened.
    pub fn fill(&mut self, events: Vec<(Id, Entry)>) -> Result<(), &'static str> {
        for (id, entry) in events {
            if id.seq > self.queue.last_seq() {
                return Err("an event with a number that was never given");
            }
            self.insert(id, entry);
        }
        Ok(())
    }

    /// The whole ledger, as payloads in order.
    pub fn payloads(&self) -> impl Iterator<Item = Vec<u8>> {
        let opening = Opening {
            last_seq: self.queue.last_seq(),
            owed_through: self.owed_through,
            gap: self.gap,
            dead: self.dead.values().cloned().collect(),
        };
        let mut events = self.queue.iter().peekable();
        let parts = std::iter::from_fn(move || {
            events.peek()?;
            let (mut part, mut bytes) = (Vec::new(), 0);
            while let Some((id, entry)) = events.next_if(|_| bytes < PART) {
                bytes += entry.size() + size_of::<Id>();
                part.push((id, &**entry));
            }
            Some(encode_events(&part))
        });
        std::iter::once(encode_opening(&opening)).chain(parts)
    }
}

impl Dead {
    fn size(&self) -> usize {
        self.entry.size() + self.reason.len() + size_of::<Self>()
    }
}
