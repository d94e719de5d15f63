//! The queue itself, as a pure value: events in the order of their sequence numbers, bounded by count and bytes.
//!
//! It is a list of [segments](super::segment) of up to 256 events. A change is made in place unless a snapshot still
//! holds the segment; then that segment's pointers are copied first. Two neighbours with few events left become one,
//! so that however events leave, a queue of `n` has at most `n / 64 + 2` segments, and everything here is amortised
//! O(1), or O(log n) where a number has to be found.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::id::Id;
use super::segment::{Segment, Slot};

/// What a queue can hold.
pub trait Event {
    /// How many bytes it has on the heap; the same as long as it lives. What it takes in itself the queue counts.
    fn size(&self) -> usize;
}

/// How much a queue may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many events.
    pub events: usize,
    /// How many bytes of memory, as [`Queue::bytes`] counts them.
    pub bytes: usize,
}

/// An ordered queue of events.
pub struct Queue<E> {
    segments: VecDeque<Arc<Segment<E>>>,
    len: usize,
    bytes: usize,
    epoch: u64,
    last_seq: u64,
}

impl<E> Queue<E> {
    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes of memory its events take: their own size and [what the queue adds](Self::OVERHEAD).
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The highest sequence number it has ever seen; 0 if none. It never goes back, whatever is removed.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The event numbered `seq`. Another epoch may have given that number too: compare the id.
    pub fn get(&self, seq: u64) -> Option<(Id, &Arc<E>)> {
        let segment = self.segments.get(self.segment_from(seq))?;
        segment.get(segment.position(seq)?)
    }

    /// The oldest event.
    pub fn front(&self) -> Option<(Id, &Arc<E>)> {
        self.segments.front()?.iter().next()
    }

    /// The newest event.
    pub fn back(&self) -> Option<(Id, &Arc<E>)> {
        self.segments.back()?.iter().next_back()
    }

    /// All events, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Id, &Arc<E>)> {
        self.segments.iter().flat_map(|segment| segment.iter())
    }

    /// The events with a higher number than `seq`, oldest first.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = (Id, &Arc<E>)> {
        let next = seq.saturating_add(1);
        let index = self.segment_from(next);
        let first = self.segments.get(index).into_iter();
        let others = self.segments.range(self.segments.len().min(index + 1)..);
        let in_first = first.flat_map(move |segment| segment.iter_from(segment.count_before(next)));
        in_first.chain(others.flat_map(|segment| segment.iter()))
    }

    /// All events, oldest first, by segment.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = SegmentRef<'_, E>> + ExactSizeIterator {
        self.segments.iter().map(|segment| SegmentRef(segment))
    }

    /// The queue as it is now, to read elsewhere: a pointer for each segment.
    pub fn snapshot(&self) -> Snapshot<E> {
        Snapshot(Self { segments: self.segments.clone(), ..*self })
    }

    /// How many events each segment holds, and how many it has memory for.
    #[cfg(test)]
    pub(super) fn shape(&self) -> Vec<(usize, usize)> {
        self.segments.iter().map(|segment| (segment.len(), segment.capacity())).collect()
    }

    /// The index of the first segment with a number from `seq` on.
    fn segment_from(&self, seq: u64) -> usize {
        self.segments.partition_point(|segment| segment.last_seq() < seq)
    }
}

/// A segment of the queue: some neighbouring events.
pub struct SegmentRef<'a, E>(&'a Segment<E>);

impl<'a, E> SegmentRef<'a, E> {
    /// None of them is before this time.
    pub fn earliest(&self) -> Timestamp {
        self.0.times().0
    }

    /// None of them is after this time.
    pub fn latest(&self) -> Timestamp {
        self.0.times().1
    }

    /// They, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = (Id, &'a Arc<E>)> + use<'a, E> {
        self.0.iter()
    }
}

impl<E: Event> Queue<E> {
    /// What each event takes beyond its own heap content: itself, the two counts of its `Arc`, its slot in a segment
    /// and its share of the free ones, and what an allocator rounds up.
    pub const OVERHEAD: usize = size_of::<E>()
        + 2 * size_of::<usize>()
        + size_of::<Slot<E>>()
        + size_of::<Slot<E>>() / Segment::<E>::FREE_SHARE
        + ROUNDED_UP;

    /// Two neighbouring segments of at most so many events become one.
    const SPARSE: usize = Segment::<E>::MOST / 2;

    /// A queue that has never seen an event.
    pub fn new() -> Self {
        Self { segments: VecDeque::new(), len: 0, bytes: 0, epoch: 0, last_seq: 0 }
    }

    /// Whether an event of `size` bytes more is within `bounds`.
    pub fn has_room(&self, size: usize, bounds: Bounds) -> bool {
        let numbered = self.last_seq < Id::MAX_SEQ;
        numbered && self.len < bounds.events && self.bytes.saturating_add(Self::weight(size)) <= bounds.bytes
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Ids made from now on carry `epoch`: to be called with a random number after every load and promotion.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The id that the next event appended here should have.
    pub fn next_id(&self, now: Timestamp) -> Id {
        Id { at: now, epoch: self.epoch, seq: self.last_seq + 1 }
    }

    /// Puts an event behind all others. False, and nothing changes, if its number is not above all that were ever
    /// seen: it comes again.
    pub fn append(&mut self, id: Id, event: impl Into<Arc<E>>) -> bool {
        if id.seq <= self.last_seq || id.seq > Id::MAX_SEQ {
            return false;
        }
        let event = event.into();
        let size = event.size();
        self.push((id, event));
        self.last_seq = id.seq;
        self.len += 1;
        self.bytes = self.bytes.saturating_add(Self::weight(size));
        true
    }

    /// Puts an event where its number belongs: one that had been taken out, or whose number was [reserved](Self::reserve).
    /// False, and nothing changes, if there is one with its number.
    pub fn insert(&mut self, id: Id, event: Arc<E>) -> bool {
        if !(1..=Id::MAX_SEQ).contains(&id.seq) || self.get(id.seq).is_some() {
            return false;
        }
        let size = event.size();
        let slot = (id, event);
        let index = self.segment_from(id.seq);
        match self.segments.get_mut(index) {
            Some(segment) => {
                if let Some(follows) = Arc::make_mut(segment).insert(slot) {
                    self.segments.insert(index + 1, Arc::new(follows));
                }
            }
            None => self.push(slot),
        }
        self.reserve(id.seq);
        self.len += 1;
        self.bytes = self.bytes.saturating_add(Self::weight(size));
        true
    }

    /// Gives the number `seq` away: no event appended from now on has it.
    pub fn reserve(&mut self, seq: u64) {
        self.last_seq = self.last_seq.max(seq.min(Id::MAX_SEQ));
    }

    /// Takes the event numbered `seq` out, wherever it is.
    pub fn remove(&mut self, seq: u64) -> Option<(Id, Arc<E>)> {
        let index = self.segment_from(seq);
        let segment = self.segments.get_mut(index)?;
        // Found first, changed then: what is not there costs no copy.
        let position = segment.position(seq)?;
        let slot = Arc::make_mut(segment).remove(position)?;
        self.count_out(&slot.1);
        self.tidy(index);
        Some(slot)
    }

    /// Takes the oldest event out.
    pub fn pop_front(&mut self) -> Option<(Id, Arc<E>)> {
        let slot = Arc::make_mut(self.segments.front_mut()?).remove(0)?;
        self.count_out(&slot.1);
        self.tidy(0);
        Some(slot)
    }

    /// Takes out all events up to and including the one numbered `seq`, and says how many there were.
    pub fn remove_through(&mut self, seq: u64) -> usize {
        let before = self.len;
        while self.segments.front().is_some_and(|front| front.last_seq() <= seq) {
            if let Some(segment) = self.segments.pop_front() {
                segment.iter().for_each(|(_, event)| self.count_out(event));
            }
        }
        self.remove_from_front_segment(seq);
        before - self.len
    }

    /// Takes out all events from the one numbered `from` to the one numbered `through`, and says how many there were.
    pub fn remove_range(&mut self, from: u64, through: u64) -> usize {
        if self.front().is_none_or(|(id, _)| id.seq >= from) {
            return self.remove_through(through);
        }
        // Seldom: some older ones were put back.
        let range = self.after(from.saturating_sub(1)).map(|(id, _)| id.seq);
        let range: Vec<u64> = range.take_while(|seq| *seq <= through).collect();
        range.into_iter().filter(|seq| self.remove(*seq).is_some()).count()
    }

    /// Takes out the first segment's events up to and including the one numbered `seq`; it holds higher ones too.
    fn remove_from_front_segment(&mut self, seq: u64) {
        let Some(mut front) = self.segments.pop_front() else { return };
        let through = front.count_before(seq.saturating_add(1));
        front.iter().take(through).for_each(|(_, event)| self.count_out(event));
        if through > 0 {
            Arc::make_mut(&mut front).remove_first(through);
        }
        self.segments.push_front(front);
        if through > 0 {
            self.tidy(0);
        }
    }

    fn push(&mut self, slot: Slot<E>) {
        match self.segments.back_mut() {
            Some(back) if back.len() < Segment::<E>::MOST => Arc::make_mut(back).push(slot),
            _ => self.segments.push_back(Arc::new(Segment::of(slot))),
        }
    }

    fn weight(size: usize) -> usize {
        size.saturating_add(Self::OVERHEAD)
    }

    fn count_out(&mut self, event: &E) {
        self.len -= 1;
        self.bytes = self.bytes.saturating_sub(Self::weight(event.size()));
    }

    /// After events of the segment at `index` have left: it is dropped, joined with a neighbour, or made smaller.
    fn tidy(&mut self, index: usize) {
        if self.segments.get(index).is_some_and(|segment| segment.is_empty()) {
            self.segments.remove(index);
            return;
        }
        // Joined ones may have room for far more than both hold.
        let index = if !self.join(index) && index > 0 && self.join(index - 1) { index - 1 } else { index };
        // The last one's free slots are for the events to come.
        if index + 1 == self.segments.len() {
            return;
        }
        if let Some(segment) = self.segments.get_mut(index) {
            Arc::make_mut(segment).shrink();
        }
    }

    /// Joins the segments at `index` and behind it if both have few events; false if they stay two.
    fn join(&mut self, index: usize) -> bool {
        let (Some(one), Some(next)) = (self.segments.get(index), self.segments.get(index + 1)) else {
            return false;
        };
        if one.len() + next.len() > Self::SPARSE {
            return false;
        }
        if let (Some(next), Some(one)) = (self.segments.remove(index + 1), self.segments.get_mut(index)) {
            Arc::make_mut(one).absorb(Arc::unwrap_or_clone(next));
        }
        true
    }
}

/// What malloc adds to the event's own block and to the one of its content: half a step of 16 bytes each, on average.
const ROUNDED_UP: usize = 16;

impl<E: Event> Default for Queue<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// A read-only view of a [`Queue`] at one moment, for another thread.
///
/// It keeps the events that it sees in memory, beyond the queue's bounds, so nobody should hold it for long.
pub struct Snapshot<E>(Queue<E>);

impl<E> Deref for Snapshot<E> {
    type Target = Queue<E>;

    fn deref(&self) -> &Queue<E> {
        &self.0
    }
}
