//! The queue as it was at one moment, for a thread that reads while the owner goes on.

use std::ops::Deref;

use super::queue::Queue;

/// A [`Queue`] that only reads: it sees exactly what was there when it was taken.
///
/// It can go to another thread if the events can. It keeps the events it sees in memory, beyond the queue's bounds,
/// so it is not to be kept for long.
pub struct Snapshot<E>(Queue<E>);

impl<E> Snapshot<E> {
    pub(super) fn of(copy: Queue<E>) -> Self {
        Self(copy)
    }
}

impl<E> Deref for Snapshot<E> {
    type Target = Queue<E>;

    fn deref(&self) -> &Queue<E> {
        &self.0
    }
}
