//! A segment of the queue: up to 256 events, which a snapshot shares or a change copies as a whole.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::id::Id;

pub(super) type Slot<E> = (Id, Arc<E>);

/// Events in ascending order of their sequence numbers. A segment of a queue is never empty.
pub(super) struct Segment<E> {
    // Most events are removed at the front, so this is not a Vec.
    slots: VecDeque<Slot<E>>,
    /// Bounds of the times of its events. They may be too wide after events were removed.
    earliest: Timestamp,
    latest: Timestamp,
}

impl<E> Segment<E> {
    /// The most events of a segment. At most this many pointers are copied when a snapshot shares
    /// the segment.
    pub(super) const MOST: usize = 256;

    /// After removals at most one slot is free for this many used ones.
    pub(super) const FREE_SHARE: usize = 4;

    /// The smallest number of slots that is allocated or freed.
    const FEWEST: usize = 4;

    /// A segment of one event.
    pub(super) fn of(slot: Slot<E>) -> Self {
        let mut segment = Self::empty();
        segment.push(slot);
        segment
    }

    fn empty() -> Self {
        Self { slots: VecDeque::new(), earliest: Timestamp(u64::MAX), latest: Timestamp(0) }
    }

    /// Lower and upper bound of the times of its events.
    pub(super) fn times(&self) -> (Timestamp, Timestamp) {
        (self.earliest, self.latest)
    }

    fn widen(&mut self, at: Timestamp) {
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.slots.back().map_or(0, |(id, _)| id.seq)
    }

    /// The events from the position `from`.
    pub(super) fn iter_from(&self, from: usize) -> impl DoubleEndedIterator<Item = (Id, &Arc<E>)> {
        self.slots.range(from.min(self.len())..).map(|(id, event)| (*id, event))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Id, &Arc<E>)> {
        self.iter_from(0)
    }

    /// The number of events before `seq`.
    pub(super) fn count_before(&self, seq: u64) -> usize {
        self.slots.partition_point(|(id, _)| id.seq < seq)
    }

    /// The position of the event numbered `seq`.
    pub(super) fn position(&self, seq: u64) -> Option<usize> {
        self.slots.binary_search_by_key(&seq, |(id, _)| id.seq).ok()
    }

    pub(super) fn get(&self, position: usize) -> Option<(Id, &Arc<E>)> {
        self.slots.get(position).map(|(id, event)| (*id, event))
    }

    /// Appends an event. The segment must not be full.
    pub(super) fn push(&mut self, slot: Slot<E>) {
        let len = self.slots.len();
        if len == self.slots.capacity() {
            // By default a copy of 200 events would grow to a capacity of 400.
            self.slots.reserve_exact(len.max(Self::FEWEST).min(Self::MOST - len));
        }
        self.widen(slot.0.at);
        self.slots.push_back(slot);
    }

    /// Inserts an event before the first with a higher number. Returns the second half if the
    /// segment would have become too long.
    pub(super) fn insert(&mut self, slot: Slot<E>) -> Option<Self> {
        self.slots.reserve_exact(1);
        self.widen(slot.0.at);
        self.slots.insert(self.count_before(slot.0.seq), slot);
        // Both halves keep the bounds of the whole.
        let follows =
            (self.len() > Self::MOST).then(|| Self { slots: self.slots.split_off(self.len() / 2), ..*self });
        if follows.is_some() {
            self.slots.shrink_to_fit();
        }
        follows
    }

    /// Removes the event at `position`.
    pub(super) fn remove(&mut self, position: usize) -> Option<Slot<E>> {
        self.slots.remove(position)
    }

    /// Removes the first `count` events.
    pub(super) fn remove_first(&mut self, count: usize) {
        self.slots.drain(..count);
    }

    /// Appends the events of the next segment.
    pub(super) fn absorb(&mut self, mut next: Self) {
        self.slots.reserve_exact(next.len());
        self.widen(next.earliest);
        self.widen(next.latest);
        self.slots.append(&mut next.slots);
    }

    /// Frees slots once more than [a quarter](Self::FREE_SHARE) of the used ones are free. That
    /// many events were removed since the last time, so the cost is amortised O(1) per event.
    pub(super) fn shrink(&mut self) {
        let free = self.slots.capacity() - self.len();
        if free > (self.len() / Self::FREE_SHARE).max(Self::FEWEST) {
            self.slots.shrink_to_fit();
        }
    }
}

// Not derived, because it clones the pointers even if the events are not `Clone`.
impl<E> Clone for Segment<E> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_most_events_and_no_further_from_any_length() {
        for len in 1..Segment::<()>::MOST {
            let slot = |seq: usize| (Id { at: Timestamp(0), epoch: 0, seq: seq as u64 }, Arc::new(()));
            let mut segment = Segment::of(slot(1));
            (2..=len).for_each(|seq| segment.push(slot(seq)));
            // A copy has no free slot.
            let mut copy = segment.clone();
            (len + 1..=Segment::<()>::MOST).for_each(|seq| copy.push(slot(seq)));
            assert_eq!(
                (copy.len(), copy.capacity()),
                (Segment::<()>::MOST, Segment::<()>::MOST),
                "from {len}"
            );
        }
    }
}
