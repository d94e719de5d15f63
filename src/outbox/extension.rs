//! What one outbox adds to the shared one.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journal::id::Id;
use crate::journal::queue::{Event, Queue};
use crate::server::info::Counter;

use super::dead::{Cause, DeadLetter};

/// Further durable state of an outbox and its further changes. Serialized, it holds no entries.
pub(crate) trait Extension: Default + Serialize + DeserializeOwned + Send + 'static {
    type Entry: Event + Serialize + DeserializeOwned + Send + Sync;
    /// Why an entry is dead.
    type Cause: Cause + Clone + Serialize + DeserializeOwned + Send;
    type Change: Serialize + DeserializeOwned;

    /// Counts dead letters dropped for want of room.
    const DROPPED: &'static Counter;

    /// Applies a change. Must depend on nothing but its arguments: replicas and the AOF apply the
    /// same change.
    fn apply(&mut self, change: Self::Change, queue: &mut Queue<Self::Entry>);

    /// An entry was put into the queue: appended, replayed or loaded.
    fn added(&mut self, _id: Id, _entry: &Arc<Self::Entry>) {}

    /// The entries numbered `from` to `through`, with `from <= through`, are about to leave the
    /// queue.
    fn removing(&mut self, from: u64, through: u64, queue: &Queue<Self::Entry>);

    /// A dead letter is replayed. `is_queued`: its entry is still in the queue, because of other
    /// receivers.
    fn replayed(&mut self, _letter: &DeadLetter<Self::Entry, Self::Cause>, _is_queued: bool) {}

    /// Whether it must be saved although the queue never held an entry.
    fn is_used(&self) -> bool;
}
