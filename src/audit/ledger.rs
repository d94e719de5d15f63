//! What the outbox of the audit log keeps besides events and dead letters: which events are owed to
//! Postgres, which were denials, and the gap.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event, Queue};
use crate::outbox::extension::Extension;
use crate::outbox::state::Outbox;
use crate::server::info::Counter;
use crate::text::time::Timestamp;

use super::counters;
use super::entry::Entry;
use super::gap::Gap;
use super::refused::Refused;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Postgres is to get the events up to this number, whatever is configured later: they are
    /// never overwritten.
    owed_through: u64,
    gap: Option<Gap>,
    /// The numbers of the queued events that a limit denied, and their size. They may take half of
    /// the bounds.
    #[serde(skip)]
    limited: BTreeSet<u64>,
    #[serde(skip)]
    limited_bytes: usize,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Change {
    /// Postgres is to get the events up to this number; [`ALL`] includes those to come.
    OweThrough(u64),
    /// Events are being refused for want of room, or no longer.
    Gap(Option<Gap>),
}

pub(crate) const ALL: u64 = u64::MAX;

/// What a number takes in a set that is filled in ascending order.
const NUMBER_BYTES: usize = 16;

/// How much of the bounds an event may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Whole,
    /// A limit denied the request: such events may fill half, so that a flood of denials leaves
    /// room for the rest.
    Half,
}

impl Ledger {
    pub(crate) fn owed_through(&self) -> u64 {
        self.owed_through
    }

    /// The refused events that no row reports yet.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// Adds a refused event to the gap. To be replicated by [`Change::Gap`].
    pub(crate) fn refuse(&mut self, now: Timestamp, share: Share) {
        let gap = self.gap.get_or_insert(Gap { count: 0, limited: 0, from: now, to: now });
        gap.count += 1;
        gap.limited += u64::from(share == Share::Half);
        gap.to = gap.to.max(now);
    }

    /// Whether a denial of `size` bytes has room within the half for denials.
    pub(crate) fn half_has_room(&self, size: usize, bounds: Bounds) -> bool {
        let bytes = self.limited_bytes.saturating_add(size + Queue::<Entry>::OVERHEAD);
        self.limited.len() < bounds.events.div_ceil(2) && bytes <= bounds.bytes / 2
    }

    fn bytes(&self) -> usize {
        self.limited.len() * NUMBER_BYTES
    }
}

impl Outbox<Ledger> {
    pub(crate) fn has_room(&self, size: usize, bounds: Bounds, share: Share) -> bool {
        self.queue().has_room(size + self.extension().bytes(), bounds)
            && (share == Share::Whole || self.extension().half_has_room(size, bounds))
    }

    /// The memory that the events take.
    pub(crate) fn bytes(&self) -> usize {
        self.queue().bytes() + self.extension().bytes()
    }

    /// The event that a newer one overwrites, where there is no database: the oldest that is not
    /// owed, or the oldest denial of those.
    pub(crate) fn oldest_to_overwrite(&self, share: Share) -> Option<u64> {
        let owed = self.extension().owed_through;
        match share {
            Share::Whole => match self.queue().front() {
                Some((id, _)) if id.seq > owed => Some(id.seq),
                _ => self.queue().after(owed).next().map(|(id, _)| id.seq),
            },
            Share::Half => self.extension().limited.range(owed.saturating_add(1)..).next().copied(),
        }
    }
}

impl Extension for Ledger {
    type Entry = Entry;
    type Cause = Refused;
    type Change = Change;

    const DROPPED: &'static Counter = &counters::DROPPED;

    fn apply(&mut self, change: Change, _queue: &mut Queue<Entry>) {
        match change {
            Change::OweThrough(seq) => self.owed_through = seq,
            Change::Gap(gap) => self.gap = gap,
        }
    }

    fn added(&mut self, id: Id, entry: &Arc<Entry>) {
        if entry.is_limited() {
            self.limited.insert(id.seq);
            self.limited_bytes += entry.size() + Queue::<Entry>::OVERHEAD;
        }
    }

    fn removing(&mut self, from: u64, through: u64, queue: &Queue<Entry>) {
        let gone: Vec<u64> = self.limited.range(from..=through).copied().collect();
        for seq in gone {
            let size = queue.get(seq).map_or(0, |(_, entry)| entry.size());
            self.limited.remove(&seq);
            self.limited_bytes -= size + Queue::<Entry>::OVERHEAD;
        }
    }

    fn is_used(&self) -> bool {
        self.gap.is_some()
    }
}
