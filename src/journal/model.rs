//! The model that tests compare the queue with: a sorted map.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::time::Timestamp;

use super::id::Id;
use super::queue::{Bounds, Event, Queue};

/// Some time in 2026.
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Note(pub String);

impl Event for Note {
    fn size(&self) -> usize {
        self.0.len()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Model {
    events: BTreeMap<u64, (Id, Note)>,
    last_seq: u64,
}

impl Model {
    pub(crate) fn append(&mut self, id: Id, note: Note) -> bool {
        let is_new = id.seq > self.last_seq;
        if is_new {
            self.last_seq = id.seq;
            self.events.insert(id.seq, (id, note));
        }
        is_new
    }

    pub(crate) fn insert(&mut self, id: Id, note: Note) -> bool {
        self.last_seq = self.last_seq.max(id.seq);
        self.events.insert(id.seq, (id, note)).is_none()
    }

    pub(crate) fn remove(&mut self, seq: u64) -> Option<(Id, Note)> {
        self.events.remove(&seq)
    }

    pub(crate) fn pop_front(&mut self) -> Option<(Id, Note)> {
        self.events.pop_first().map(|(_, event)| event)
    }

    pub(crate) fn remove_through(&mut self, seq: u64) -> usize {
        let before = self.events.len();
        self.events.retain(|number, _| *number > seq);
        before - self.events.len()
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.events.keys().copied().collect()
    }

    /// Asserts that every method of `queue` agrees with the model.
    pub(crate) fn is_equal_to(&self, queue: &Queue<Note>) {
        let own = |(id, note): (Id, &Arc<Note>)| (id, (**note).clone());
        let expected: Vec<_> = self.events.values().cloned().collect();
        assert_eq!(queue.iter().map(own).collect::<Vec<_>>(), expected);
        assert!(queue.iter().rev().map(own).eq(expected.iter().rev().cloned()));
        assert_eq!((queue.len(), queue.is_empty()), (expected.len(), expected.is_empty()));
        assert_eq!(queue.last_seq(), self.last_seq);
        let bytes: usize = expected.iter().map(|(_, note)| note.0.len() + Queue::<Note>::OVERHEAD).sum();
        assert_eq!(queue.bytes(), bytes);
        assert_eq!(queue.front().map(own), expected.first().cloned());
        assert_eq!(queue.back().map(own), expected.last().cloned());
        let room = |events, bytes| queue.has_room(3, Bounds { events, bytes });
        let needed = bytes + Queue::<Note>::OVERHEAD + 3;
        assert!(room(expected.len() + 1, needed) && !room(expected.len(), needed));
        assert!(!room(usize::MAX, needed - 1));
    }

    /// Asserts that `queue` finds the same events from `seq` on as the model.
    pub(crate) fn finds_equally(&self, queue: &Queue<Note>, seq: u64) {
        let found = queue.get(seq).map(|(id, note)| (id, (**note).clone()));
        assert_eq!(found, self.events.get(&seq).cloned());
        let after: Vec<u64> = queue.after(seq).map(|(id, _)| id.seq).collect();
        let expected: Vec<u64> = self.events.keys().copied().filter(|number| *number > seq).collect();
        assert_eq!(after, expected, "after {seq}");
        let before: Vec<u64> = queue.before(seq).map(|(id, _)| id.seq).collect();
        let expected: Vec<u64> = self.events.range(..seq).rev().map(|(number, _)| *number).collect();
        assert_eq!(before, expected, "before {seq}");
    }
}

/// Asserts that the memory of `queue` is proportional to the events that it holds now.
pub(crate) fn is_compact(queue: &Queue<Note>) {
    let shape = queue.shape();
    assert!(shape.iter().all(|(len, _)| (1..=256).contains(len)), "{shape:?}");
    assert!(shape.iter().all(|(_, capacity)| *capacity <= 256), "{shape:?}");
    assert!(shape.windows(2).all(|pair| pair[0].0 + pair[1].0 > 128), "{shape:?}");
    // The free slots of the last segment are for new events.
    let inner = shape.iter().rev().skip(1);
    assert!(inner.clone().all(|(len, capacity)| capacity - len <= (len / 4).max(4)), "{shape:?}");
}

/// The contents of `queue`.
pub(super) fn contents(queue: &Queue<Note>) -> (u64, Vec<(Id, Note)>) {
    (queue.last_seq(), queue.iter().map(|(id, note)| (id, (**note).clone())).collect())
}

/// A copy of `queue`, built like one that is loaded from a file: without an epoch.
pub(super) fn reloaded(queue: &Queue<Note>) -> Queue<Note> {
    let mut loaded = Queue::new();
    loaded.reserve(queue.last_seq());
    queue.iter().for_each(|(id, note)| assert!(loaded.insert(id, Arc::clone(note))));
    loaded
}
