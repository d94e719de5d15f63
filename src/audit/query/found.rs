//! The events of a page: at most as many as asked for, and of bounded size, because the main thread
//! has to write them all in one turn.

use std::cmp::Reverse;

use super::super::entry::Record;
use super::order::{Place, place};
use crate::journal::queue::Event;

/// A page ends with the event that reaches this size, so it has at least one.
const PAGE_BYTES: usize = 2 << 20;

/// What an event takes besides its own fields: their names, its id and numbers.
const EVENT_BYTES: usize = 512;

/// The most events of a page.
pub(crate) const MOST: usize = PAGE_BYTES / EVENT_BYTES;

/// Events, newest first.
pub(crate) struct Found {
    events: Vec<Record>,
    /// The number of events asked for.
    count: usize,
    bytes: usize,
}

impl Found {
    pub(crate) fn new(count: usize) -> Self {
        Self { events: Vec::new(), count: count.min(MOST), bytes: 0 }
    }

    pub(crate) fn events(&self) -> &[Record] {
        &self.events
    }

    /// Whether there is no room for another event.
    pub(crate) fn is_full(&self) -> bool {
        self.room() == 0 || self.bytes >= PAGE_BYTES
    }

    /// The number of events that can be added at most.
    pub(crate) fn room(&self) -> usize {
        self.count - self.events.len()
    }

    /// Adds the next older event, if there is room. Returns whether there is room for another.
    pub(crate) fn push(&mut self, record: Record) -> bool {
        if !self.is_full() {
            self.bytes += record.1.size() + EVENT_BYTES;
            self.events.push(record);
        }
        !self.is_full()
    }

    /// Joins two lists of one search. An event of both occurs once.
    pub(crate) fn joined(self, other: Self) -> Self {
        let mut joined = Self::new(self.count);
        // Older events may be missing in a list that is full.
        let end: Option<Place> = [self.end(), other.end()].into_iter().flatten().max();
        let mut all: Vec<Record> = self.events.into_iter().chain(other.events).collect();
        all.retain(|(id, _)| end.is_none_or(|end| place(*id) >= end));
        all.sort_by_key(|(id, _)| Reverse(place(*id)));
        all.dedup_by_key(|(id, _)| place(*id));
        for record in all {
            if !joined.push(record) {
                break;
            }
        }
        joined
    }

    /// The last event of a full list.
    fn end(&self) -> Option<Place> {
        self.events.last().filter(|_| self.is_full()).map(|(id, _)| place(*id))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::entry::{Entry, Fields};
    use crate::journal::id::Id;
    use crate::text::time::Timestamp;

    fn record(seq: u64, bytes: usize) -> Record {
        let data = "x".repeat(bytes);
        let fields = Fields { data: Some(&data), ..Fields::default() };
        (Id { at: Timestamp(1000 + seq / 3), epoch: 1, seq }, Arc::new(Entry::new(&fields)))
    }

    fn page(records: impl Iterator<Item = Record>, count: usize) -> Found {
        let mut found = Found::new(count);
        let _ = records.into_iter().all(|record| found.push(record));
        found
    }

    fn seqs(found: &Found) -> Vec<u64> {
        found.events().iter().map(|(id, _)| id.seq).collect()
    }

    #[test]
    fn a_page_ends_at_its_count_or_size_but_has_an_event() {
        assert_eq!(page((1..9).rev().map(|seq| record(seq, 1)), 3).events().len(), 3);
        let large = page((1..900).rev().map(|seq| record(seq, 16_000)), 10_000);
        assert!(large.is_full() && (120..=130).contains(&large.events().len()));
        assert_eq!(page([record(1, 3 << 20), record(2, 1)].into_iter(), 9).events().len(), 1);
        let small = page((1..9999).rev().map(|seq| record(seq, 0)), 10_000);
        assert!(small.is_full() && (3900..=MOST).contains(&small.events().len()));
    }

    proptest! {
        #[test]
        fn pages_of_a_joined_list_miss_none(
            held in prop::collection::btree_set(1_u64..400, 0..200),
            stored in prop::collection::btree_set(1_u64..400, 0..200),
            bytes in 1_usize..60_000,
            count in 1_usize..50,
        ) {
            let mut all: Vec<u64> = held.union(&stored).copied().collect();
            all.reverse();
            let mut listed: Vec<u64> = Vec::new();
            loop {
                let before = |seq: &&u64| listed.last().is_none_or(|last| *seq < last);
                // An event in the database may have grown.
                let one = page(held.iter().rev().filter(before).map(|seq| record(*seq, bytes)), count);
                let other = page(stored.iter().rev().filter(before).map(|seq| record(*seq, 2 * bytes)), count);
                let joined = one.joined(other);
                if joined.events().is_empty() {
                    break;
                }
                listed.extend(seqs(&joined));
            }
            prop_assert_eq!(listed, all);
        }
    }
}
