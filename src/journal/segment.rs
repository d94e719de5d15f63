//! A stretch of the queue: some hundred events that are shared with a snapshot, or copied, as one.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::id::Id;

/// An event and what it is called.
pub(super) type Slot<E> = (Id, Arc<E>);

/// Events in ascending order of their sequence numbers. In a queue it is never empty.
pub(super) struct Segment<E> {
    // Not a Vec: most events leave at the front.
    slots: VecDeque<Slot<E>>,
    /// Between these times all its events lie. Those that have left may have been the reason.
    earliest: Timestamp,
    latest: Timestamp,
}

impl<E> Segment<E> {
    /// The most events a segment holds: so many pointers are copied at most when a snapshot still needs the old ones.
    pub const MOST: usize = 256;

    /// After events have left, at most one slot stays free for so many that are taken.
    pub const FREE_SHARE: usize = 4;

    /// The fewest slots that are allocated or given back.
    const FEWEST: usize = 4;

    /// A segment of one event.
    pub fn of(slot: Slot<E>) -> Self {
        let mut segment = Self::empty();
        segment.push(slot);
        segment
    }

    fn empty() -> Self {
        Self { slots: VecDeque::new(), earliest: Timestamp(u64::MAX), latest: Timestamp(0) }
    }

    /// A time before which none of its events lies, and one after which none does.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        (self.earliest, self.latest)
    }

    fn widen(&mut self, at: Timestamp) {
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none: it is to be dropped.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many it has memory for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// The highest sequence number in it.
    pub fn last_seq(&self) -> u64 {
        self.slots.back().map_or(0, |(id, _)| id.seq)
    }

    /// The events from the `from`th on.
    pub fn iter_from(&self, from: usize) -> impl DoubleEndedIterator<Item = (Id, &Arc<E>)> {
        self.slots.range(from.min(self.len())..).map(|(id, event)| (*id, event))
    }

    /// All events.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Id, &Arc<E>)> {
        self.iter_from(0)
    }

    /// How many of its events come before `seq`.
    pub fn count_before(&self, seq: u64) -> usize {
        self.slots.partition_point(|(id, _)| id.seq < seq)
    }

    /// Where the event numbered `seq` is.
    pub fn position(&self, seq: u64) -> Option<usize> {
        self.slots.binary_search_by_key(&seq, |(id, _)| id.seq).ok()
    }

    /// The event at `position`.
    pub fn get(&self, position: usize) -> Option<(Id, &Arc<E>)> {
        self.slots.get(position).map(|(id, event)| (*id, event))
    }

    /// Puts an event behind the others; the segment is not full.
    pub fn push(&mut self, slot: Slot<E>) {
        let len = self.slots.len();
        if len == self.slots.capacity() {
            // Left to itself, a copy of 200 would grow to room for 400.
            self.slots.reserve_exact(len.max(Self::FEWEST).min(Self::MOST - len));
        }
        self.widen(slot.0.at);
        self.slots.push_back(slot);
    }

    /// Puts an event among the others, in front of the first with a higher number. Returns what must follow in another
    /// segment, since this one would have become too long.
    pub fn insert(&mut self, slot: Slot<E>) -> Option<Self> {
        self.slots.reserve_exact(1);
        self.widen(slot.0.at);
        self.slots.insert(self.count_before(slot.0.seq), slot);
        // The halves keep the times of the whole.
        let follows =
            (self.len() > Self::MOST).then(|| Self { slots: self.slots.split_off(self.len() / 2), ..*self });
        if follows.is_some() {
            self.slots.shrink_to_fit();
        }
        follows
    }

    /// Takes the event at `position` out.
    pub fn remove(&mut self, position: usize) -> Option<Slot<E>> {
        self.slots.remove(position)
    }

    /// Takes the first `count` events out.
    pub fn remove_first(&mut self, count: usize) {
        self.slots.drain(..count);
    }

    /// Adds the events of the segment behind this one.
    pub fn absorb(&mut self, mut next: Self) {
        self.slots.reserve_exact(next.len());
        self.widen(next.earliest);
        self.widen(next.latest);
        self.slots.append(&mut next.slots);
    }

    /// Gives back the memory of free slots once they are more than [a quarter](Self::FREE_SHARE) of the others. That
    /// many events have left since the last time, so it is amortised O(1) an event.
    pub fn shrink(&mut self) {
        let free = self.slots.capacity() - self.len();
        if free > (self.len() / Self::FREE_SHARE).max(Self::FEWEST) {
            self.slots.shrink_to_fit();
        }
    }
}

// Not derived: the pointers are cloned, whatever the events can.
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
