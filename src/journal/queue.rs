//! The queue as a pure value: events in the order of their sequence numbers, bounded by count and
//! bytes.
//!
//! It is a list of [segments](super::segment) of up to 256 events. A change happens in place unless
//! a snapshot shares the segment; then the segment's pointers are copied first. Two sparse
//! neighbours are joined, so a queue of `n` events has at most `n / 64 + 2` segments. Operations
//! are amortised O(1), or O(log n) to find a number.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::id::Id;
use super::segment::{Segment, Slot};

pub(crate) trait Event {
    /// Its size on the heap in bytes, which must not change. The queue adds the size of the value
    /// itself.
    fn size(&self) -> usize;
}

/// The limits of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub events: usize,
    /// Memory in bytes, as [`Queue::bytes`] counts it.
    pub bytes: usize,
}

pub(crate) struct Queue<E> {
    segments: VecDeque<Arc<Segment<E>>>,
    len: usize,
    bytes: usize,
    epoch: u64,
    last_seq: u64,
}

impl<E> Queue<E> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The memory of its events in bytes: their own size and [`Queue::OVERHEAD`] each.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The highest sequence number ever used; 0 if none. Removing events does not change it.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The event numbered `seq`. Another epoch may have used that number as well, so compare the
    /// id.
    pub(crate) fn get(&self, seq: u64) -> Option<(Id, &Arc<E>)> {
        let segment = self.segments.get(self.segment_from(seq))?;
        segment.get(segment.position(seq)?)
    }

    pub(crate) fn front(&self) -> Option<(Id, &Arc<E>)> {
        self.segments.front()?.iter().next()
    }

    #[cfg(test)]
    pub(crate) fn back(&self) -> Option<(Id, &Arc<E>)> {
        self.segments.back()?.iter().next_back()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Id, &Arc<E>)> {
        self.segments.iter().flat_map(|segment| segment.iter())
    }

    /// The events with a higher number than `seq`, oldest first.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = (Id, &Arc<E>)> {
        let next = seq.saturating_add(1);
        let index = self.segment_from(next);
        let first = self.segments.get(index).into_iter();
        let others = self.segments.range(self.segments.len().min(index + 1)..);
        let in_first = first.flat_map(move |segment| segment.iter_from(segment.count_before(next)));
        in_first.chain(others.flat_map(|segment| segment.iter()))
    }

    /// The events with a lower number than `seq`, newest first.
    pub(crate) fn before(&self, seq: u64) -> impl Iterator<Item = (Id, &Arc<E>)> {
        let index = self.segment_from(seq);
        let last = self.segments.get(index).into_iter();
        let others = self.segments.range(..index).rev();
        let in_last = last.flat_map(|segment| segment.iter().rev());
        in_last
            .skip_while(move |(id, _)| id.seq >= seq)
            .chain(others.flat_map(|segment| segment.iter().rev()))
    }

    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = SegmentRef<'_, E>> + ExactSizeIterator {
        self.segments.iter().map(|segment| SegmentRef(segment))
    }

    /// The current contents, for another thread. Copies one pointer per segment.
    pub(crate) fn snapshot(&self) -> Snapshot<E> {
        Snapshot(Self { segments: self.segments.clone(), ..*self })
    }

    /// For each segment, the number of its events and its capacity.
    #[cfg(test)]
    pub(super) fn shape(&self) -> Vec<(usize, usize)> {
        self.segments.iter().map(|segment| (segment.len(), segment.capacity())).collect()
    }

    /// The index of the first segment with a number of at least `seq`.
    fn segment_from(&self, seq: u64) -> usize {
        self.segments.partition_point(|segment| segment.last_seq() < seq)
    }
}

/// A segment of the queue: some neighbouring events.
pub(crate) struct SegmentRef<'a, E>(&'a Segment<E>);

impl<'a, E> SegmentRef<'a, E> {
    /// A lower bound of their times.
    pub(crate) fn earliest(&self) -> Timestamp {
        self.0.times().0
    }

    /// An upper bound of their times.
    pub(crate) fn latest(&self) -> Timestamp {
        self.0.times().1
    }

    /// The events, oldest first.
    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = (Id, &'a Arc<E>)> + use<'a, E> {
        self.0.iter()
    }
}

impl<E: Event> Queue<E> {
    /// The memory of an event in addition to its heap size: the value, the counts of its `Arc`, its
    /// slot in a segment with a share of the free ones, and the rounding of the allocator.
    pub(crate) const OVERHEAD: usize = size_of::<E>()
        + 2 * size_of::<usize>()
        + size_of::<Slot<E>>()
        + size_of::<Slot<E>>() / Segment::<E>::FREE_SHARE
        + ROUNDED_UP;

    /// Two neighbouring segments with at most this many events are joined.
    const SPARSE: usize = Segment::<E>::MOST / 2;

    pub(crate) fn new() -> Self {
        Self { segments: VecDeque::new(), len: 0, bytes: 0, epoch: 0, last_seq: 0 }
    }

    /// Whether one more event of `size` bytes is within `bounds`.
    pub(crate) fn has_room(&self, size: usize, bounds: Bounds) -> bool {
        let numbered = self.last_seq < Id::MAX_SEQ;
        numbered && self.len < bounds.events && self.bytes.saturating_add(Self::weight(size)) <= bounds.bytes
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Sets the epoch of new ids. Call it with a random number after every load and promotion.
    pub(crate) fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The id for the next event.
    pub(crate) fn next_id(&self, now: Timestamp) -> Id {
        Id { at: now, epoch: self.epoch, seq: self.last_seq + 1 }
    }

    /// Appends an event. Returns false and changes nothing unless its number is higher than all
    /// before: the event is a repetition.
    pub(crate) fn append(&mut self, id: Id, event: impl Into<Arc<E>>) -> bool {
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

    /// Inserts an event at the place of its number: a removed one, or one whose number was
    /// [reserved](Self::reserve). Returns false and changes nothing if an event has that number.
    pub(crate) fn insert(&mut self, id: Id, event: Arc<E>) -> bool {
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

    /// Marks the number `seq` as used.
    pub(crate) fn reserve(&mut self, seq: u64) {
        self.last_seq = self.last_seq.max(seq.min(Id::MAX_SEQ));
    }

    /// Removes the event numbered `seq`.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<(Id, Arc<E>)> {
        let index = self.segment_from(seq);
        let segment = self.segments.get_mut(index)?;
        // Found before the segment is changed, so that a missing event causes no copy.
        let position = segment.position(seq)?;
        let slot = Arc::make_mut(segment).remove(position)?;
        self.count_out(&slot.1);
        self.tidy(index);
        Some(slot)
    }

    #[cfg(test)]
    pub(crate) fn pop_front(&mut self) -> Option<(Id, Arc<E>)> {
        let slot = Arc::make_mut(self.segments.front_mut()?).remove(0)?;
        self.count_out(&slot.1);
        self.tidy(0);
        Some(slot)
    }

    /// Removes all events up to and including the one numbered `seq`. Returns their number.
    pub(crate) fn remove_through(&mut self, seq: u64) -> usize {
        let before = self.len;
        while self.segments.front().is_some_and(|front| front.last_seq() <= seq) {
            if let Some(segment) = self.segments.pop_front() {
                segment.iter().for_each(|(_, event)| self.count_out(event));
            }
        }
        self.remove_from_front_segment(seq);
        before - self.len
    }

    /// Removes all events numbered from `from` to `through`. Returns their number.
    pub(crate) fn remove_range(&mut self, from: u64, through: u64) -> usize {
        if self.front().is_none_or(|(id, _)| id.seq >= from) {
            return self.remove_through(through);
        }
        // The rare case: some older events were inserted again.
        let range = self.after(from.saturating_sub(1)).map(|(id, _)| id.seq);
        let range: Vec<u64> = range.take_while(|seq| *seq <= through).collect();
        range.into_iter().filter(|seq| self.remove(*seq).is_some()).count()
    }

    /// Removes the events up to and including the one numbered `seq` from the first segment, which
    /// has higher ones as well.
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

    /// Drops, joins or shrinks the segment at `index` after events were removed from it.
    fn tidy(&mut self, index: usize) {
        if self.segments.get(index).is_some_and(|segment| segment.is_empty()) {
            self.segments.remove(index);
            return;
        }
        // A joined segment may have far more capacity than events.
        let index = if !self.join(index) && index > 0 && self.join(index - 1) { index - 1 } else { index };
        // The free slots of the last segment are for new events.
        if index + 1 == self.segments.len() {
            return;
        }
        if let Some(segment) = self.segments.get_mut(index) {
            Arc::make_mut(segment).shrink();
        }
    }

    /// Joins the segments at `index` and `index + 1` if both are sparse. Returns whether it did.
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

/// What malloc adds to the blocks of the event and its content: half of 16 bytes each, on average.
const ROUNDED_UP: usize = 16;

impl<E: Event> Default for Queue<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// A read-only view of a [`Queue`] at one moment, for another thread.
///
/// It keeps the events that it sees in memory, beyond the queue's bounds, so nobody should hold it
/// for long.
pub(crate) struct Snapshot<E>(Queue<E>);

impl<E> Deref for Snapshot<E> {
    type Target = Queue<E>;

    fn deref(&self) -> &Queue<E> {
        &self.0
    }
}
