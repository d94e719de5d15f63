//! The outbox as a pure value: the queue, the dead letters, the extension, and the changes that
//! were not replicated yet.

use std::ops::Deref;
use std::sync::Arc;

use crate::journal::id::Id;
use crate::journal::queue::{Event, Queue};
use crate::journal::wire;
use crate::server::thread::drop_elsewhere;

use super::dead::{DeadLetters, MAX_DEAD};
use super::effect::{self, Change, ENTRIES, Effect, OPENING, Opening};
use super::extension::Extension;

/// The approximate size of one payload of entries.
const PART_BYTES: usize = 1 << 20;

/// The capacity kept for pending changes.
const PENDING_BYTES: usize = 4096;

pub(crate) struct Outbox<X: Extension> {
    queue: Queue<X::Entry>,
    dead: DeadLetters<X::Entry, X::Cause>,
    extension: X,
    /// A payload of changes, or nothing.
    pending: Vec<u8>,
    /// What the outbox held before the load that is running.
    before_load: Option<Box<Self>>,
}

impl<X: Extension> Default for Outbox<X> {
    fn default() -> Self {
        Self {
            queue: Queue::new(),
            dead: DeadLetters::default(),
            extension: X::default(),
            pending: Vec::new(),
            before_load: None,
        }
    }
}

impl<X: Extension> Outbox<X> {
    pub(crate) fn queue(&self) -> &Queue<X::Entry> {
        &self.queue
    }

    pub(crate) fn dead(&self) -> &DeadLetters<X::Entry, X::Cause> {
        &self.dead
    }

    pub(crate) fn extension(&self) -> &X {
        &self.extension
    }

    /// For what is replicated later, by a change that holds the result.
    pub(crate) fn extension_mut(&mut self) -> &mut X {
        &mut self.extension
    }

    /// Whether there is nothing worth saving.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.last_seq() == 0 && !self.extension.is_used()
    }

    /// Ids made from now on carry `epoch`: to be called with a random number after every load and
    /// promotion, so that ids made, and lost, after the data was saved are not used again.
    pub(crate) fn begin_epoch(&mut self, epoch: u64) {
        self.queue.begin_epoch(epoch);
    }

    /// Replaces what the outbox holds. The epoch and what was set aside before a load stay.
    pub(crate) fn replace(&mut self, other: Self) {
        dispose(self.exchange(other));
    }

    /// Like [`Outbox::replace`]. Returns what the outbox held.
    fn exchange(&mut self, other: Self) -> Self {
        let epoch = self.queue.epoch();
        let before_load = self.before_load.take();
        let old = std::mem::replace(self, Self { before_load, ..other });
        self.queue.begin_epoch(epoch);
        old
    }

    /// A data set is about to be loaded, which brings its own outbox: empties this one. What it
    /// holds is set aside until [`Outbox::end_load`].
    pub(crate) fn begin_load(&mut self) {
        let old = self.exchange(Self::default());
        match self.before_load {
            // An earlier load has not ended.
            Some(_) => dispose(old),
            None => self.before_load = Some(Box::new(old)),
        }
    }

    /// Loading has ended. If it has not succeeded, the outbox holds again what it held before.
    pub(crate) fn end_load(&mut self, has_succeeded: bool) {
        let Some(before) = self.before_load.take() else { return };
        if has_succeeded {
            dispose(*before);
        } else {
            self.replace(*before);
        }
    }

    /// Empties the outbox, as if it had never been used, and returns the effect that does the same.
    pub(crate) fn purge(&mut self) -> Vec<u8> {
        self.replace(Self::default());
        self.opening()
    }

    // --- changes ---

    /// Makes a change, which stays pending until [`Outbox::replicate`].
    pub(crate) fn change(&mut self, change: Change<X>) {
        effect::add(&mut self.pending, &change);
        X::DROPPED.add(self.apply(change) as u64);
    }

    /// Like [`Outbox::change`], for a change of the extension.
    pub(crate) fn extend(&mut self, change: X::Change) {
        self.change(Change::Extension(change));
    }

    /// Passes the pending changes, if there are any, to `send`.
    pub(crate) fn replicate(&mut self, send: impl FnOnce(&[u8])) {
        if !self.pending.is_empty() {
            send(&self.pending);
            self.forget_pending();
        }
    }

    /// Drops the pending changes: a replica replicates none of its own.
    pub(crate) fn forget_pending(&mut self) {
        self.pending.clear();
        self.pending.shrink_to(PENDING_BYTES);
    }

    /// Applies a payload that another server or the AOF sent.
    pub(crate) fn apply_effect(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        match effect::decode(payload)? {
            Effect::Changes(changes) => changes.into_iter().for_each(|change| {
                self.apply(change);
            }),
            Effect::Opening(opening) => self.replace(Self::open(*opening)?),
            Effect::Entries(entries) => self.fill(entries)?,
        }
        Ok(())
    }

    /// Returns the number of causes of dead letters that were dropped for want of room.
    fn apply(&mut self, change: Change<X>) -> usize {
        match change {
            Change::Append(id, entry) => {
                let entry = Arc::new(entry);
                if self.queue.append(id, Arc::clone(&entry)) {
                    self.extension.added(id, &entry);
                }
            }
            Change::Remove(from, through) if from <= through => {
                self.extension.removing(from, through, &self.queue);
                self.queue.remove_range(from, through);
            }
            Change::Remove(..) => {}
            Change::DeadLetter(seq, cause) => {
                if let Some((id, entry)) = self.queue.get(seq) {
                    return self.dead.add(id, Arc::clone(entry), cause);
                }
            }
            Change::Replay(seq) => {
                let Some(letter) = self.dead.remove(seq) else { return 0 };
                let is_queued = !self.insert(letter.id, Arc::clone(&letter.entry));
                self.extension.replayed(&letter, is_queued);
            }
            Change::Discard(seq) => drop(self.dead.remove(seq)),
            Change::Extension(change) => self.extension.apply(change, &mut self.queue),
        }
        0
    }

    fn insert(&mut self, id: Id, entry: Arc<X::Entry>) -> bool {
        let is_new = self.queue.insert(id, Arc::clone(&entry));
        if is_new {
            self.extension.added(id, &entry);
        }
        is_new
    }

    // --- the whole outbox ---

    /// The whole outbox as payloads, in order.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut entries = self.queue.iter().peekable();
        let parts = std::iter::from_fn(move || {
            entries.peek()?;
            let (mut part, mut bytes) = (Vec::new(), 0);
            while let Some((id, entry)) = entries.next_if(|_| bytes < PART_BYTES) {
                bytes += entry.size() + size_of::<Id>();
                part.push((id, &**entry));
            }
            Some(wire::write(ENTRIES, &part))
        });
        std::iter::once(self.opening()).chain(parts)
    }

    /// The outbox without its entries, as a payload.
    fn opening(&self) -> Vec<u8> {
        // As an `Opening` is encoded, without a copy of anything.
        let dead: Vec<_> = self.dead.iter().collect();
        wire::write(OPENING, &(self.queue.last_seq(), dead, &self.extension))
    }

    /// Loads an outbox from its payloads. `next` returns an empty one after the last, and `None` if
    /// the stream ends early.
    pub(crate) fn load<P: Deref<Target = [u8]>>(
        first: &[u8],
        next: &mut dyn FnMut() -> Option<P>,
    ) -> Result<Self, &'static str> {
        let Effect::Opening(opening) = effect::decode(first)? else {
            return Err("it does not begin with an opening");
        };
        let mut outbox = Self::open(*opening)?;
        loop {
            let payload = next().ok_or("the stream is cut short")?;
            if payload.is_empty() {
                return Ok(outbox);
            }
            match effect::decode::<X>(&payload)? {
                Effect::Entries(entries) => outbox.fill(entries)?,
                _ => return Err("something else than entries follows the opening"),
            }
        }
    }

    fn open(opening: Opening<X>) -> Result<Self, &'static str> {
        let Opening { last_seq, dead, extension } = opening;
        if last_seq > Id::MAX_SEQ {
            return Err("a sequence number that is too high");
        }
        let mut outbox = Self { extension, ..Self::default() };
        for letter in dead.into_iter().take(MAX_DEAD) {
            if letter.id.seq > last_seq {
                return Err("a dead letter with a number that was never used");
            }
            outbox.dead.insert(letter);
        }
        outbox.queue.reserve(last_seq);
        Ok(outbox)
    }

    fn fill(&mut self, entries: Vec<(Id, X::Entry)>) -> Result<(), &'static str> {
        for (id, entry) in entries {
            if id.seq > self.queue.last_seq() {
                return Err("an entry with a number that was never used");
            }
            self.insert(id, Arc::new(entry));
        }
        Ok(())
    }
}

/// Frees an outbox. One with many entries is freed by another thread, because the main thread would
/// stall.
fn dispose<X: Extension>(outbox: Outbox<X>) {
    if outbox.queue.len() > MANY {
        drop_elsewhere(outbox);
    }
}

/// The number of entries that the main thread frees at once.
const MANY: usize = 4096;
