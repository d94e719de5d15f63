//! Builds the queues of the endpoints from the outbox: a part in each run of the scheduler, so that
//! no run takes long, however many alerts wait. Delivery goes on meanwhile.

use std::mem;
use std::sync::Arc;

use crate::outbox::effect::Change as OutboxChange;
use crate::text::time::Timestamp;

use super::super::deliveries::Change;
use super::super::endpoint_queue::EndpointQueue;
use super::State;

/// The number of entries that one run adds to the queues: about two milliseconds of work.
pub(crate) const ENTRIES_PER_RUN: usize = 4000;

/// How far the queues are filled.
#[derive(Clone, Copy)]
pub(super) struct Filling {
    /// The alerts up to this number have been looked at.
    through: u64,
    /// The last alert to look at. A later one was added to the queues when it was raised.
    last: u64,
    /// The number of alerts in between, or more if some have left since.
    left: usize,
}

impl State {
    /// Makes new queues, which [`State::fill_queues`] fills, if the old ones are stale. Returns
    /// whether attempts that were handed over before may be out of date.
    pub(crate) fn rebuild_queues(&mut self) -> bool {
        let attempts_are_stale = mem::take(&mut self.attempts_are_stale);
        if !mem::take(&mut self.queues_are_stale) {
            return attempts_are_stale;
        }
        let mut old = mem::take(&mut self.queues);
        let disabled = self.outbox.extension().disabled();
        for endpoint in self.settings.endpoints.iter().filter(|endpoint| !disabled.contains(&endpoint.id)) {
            let known = old.iter().position(|queue| queue.endpoint.id == endpoint.id);
            let mut queue = match known {
                Some(i) => old.swap_remove(i),
                None => EndpointQueue::new(Arc::clone(endpoint)),
            };
            queue.endpoint = Arc::clone(endpoint);
            if let Some(history) = self.histories.remove(&endpoint.id) {
                queue.history = history;
            }
            self.emptied.push(queue.clear());
            self.queues.push(queue);
        }
        for mut queue in old {
            self.emptied.push(queue.clear());
            self.histories.insert(queue.endpoint.id, queue.history);
        }
        self.emptied.retain(|due| !due.is_empty());
        self.histories.retain(|id, _| self.settings.endpoints.iter().any(|endpoint| endpoint.id == *id));
        let queue = self.outbox.queue();
        let is_needed = !self.queues.is_empty() && queue.front().is_some();
        self.filling = is_needed.then(|| Filling { through: 0, last: queue.last_seq(), left: queue.len() });
        true
    }

    /// Adds the next alerts of the outbox to the queues, about `entries` entries. After a load or a
    /// promotion another clock may have planned their tries: see [`State::replan`].
    pub(crate) fn fill_queues(&mut self, entries: usize, now: Timestamp) {
        let Some(mut filling) = self.filling.take() else { return };
        let most = entries.div_ceil(self.queues.len().max(1));
        let (mut seen, mut changes) = (0, Vec::new());
        let waiting = self.outbox.queue().after(filling.through);
        for (id, _) in waiting.take_while(|(id, _)| id.seq <= filling.last).take(most) {
            seen += 1;
            filling.through = id.seq;
            let mut is_pending = false;
            for queue in &mut self.queues {
                let endpoint = queue.endpoint.id;
                let Some(pending) = self.outbox.extension().pending(id.seq, endpoint) else { continue };
                let planned = pending.replanned(now);
                if let Some(pending) = planned {
                    let seq = id.seq;
                    changes.push(OutboxChange::Extension(Change::Failed { seq, endpoint, pending }));
                }
                queue.restore(id.seq, planned.unwrap_or(pending).next_at);
                is_pending = true;
            }
            // The endpoint it waited for is gone, and another one has it.
            if !is_pending && self.outbox.extension().is_settled_somewhere(id.seq) {
                changes.push(OutboxChange::Remove(id.seq, id.seq));
            }
        }
        changes.into_iter().for_each(|change| self.outbox.change(change));
        if seen == most {
            filling.left = filling.left.saturating_sub(seen);
            self.filling = Some(filling);
        }
    }

    /// Plans the tries anew that were planned under a clock that has stepped back since: each waits
    /// as long from `now` as it was to wait.
    pub(crate) fn replan(&mut self, now: Timestamp) {
        let deliveries = self.outbox.extension();
        let mut changes = Vec::new();
        for queue in &mut self.queues {
            let endpoint = queue.endpoint.id;
            let planned: Vec<u64> = queue.planned().collect();
            for seq in planned {
                let Some(pending) = deliveries.pending(seq, endpoint) else { continue };
                let Some(planned) = pending.replanned(now) else { continue };
                queue.remove(seq, pending.next_at);
                queue.add(seq, planned.next_at);
                let pending = planned;
                changes.push(Change::Failed { seq, endpoint, pending });
            }
        }
        changes.into_iter().for_each(|change| self.outbox.extend(change));
    }

    /// Frees the memory of one emptied queue.
    pub(crate) fn free_emptied_queue(&mut self) {
        drop(self.emptied.pop());
    }

    /// Whether the queues need another run.
    pub(crate) fn has_queue_work(&self) -> bool {
        self.filling.is_some() || !self.emptied.is_empty()
    }

    /// The number of alerts that are not in the queues yet, though they may have to be: an upper
    /// bound.
    pub(crate) fn unfilled(&self) -> usize {
        self.filling.map_or(0, |filling| filling.left)
    }

    /// Adds the alert `seq` to the queue of each endpoint that has to get it.
    pub(super) fn add_to_queues(&mut self, seq: u64) {
        if self.outbox.queue().get(seq).is_none() {
            return;
        }
        for queue in &mut self.queues {
            if let Some(pending) = self.outbox.extension().pending(seq, queue.endpoint.id) {
                queue.restore(seq, pending.next_at);
            }
        }
    }

    /// Removes the alert `seq`, which is still in the outbox, from all queues. An attempt in flight
    /// is recalled.
    pub(super) fn remove_from_queues(&mut self, seq: u64) {
        for queue in &mut self.queues {
            if let Some(pending) = self.outbox.extension().pending(seq, queue.endpoint.id) {
                queue.remove(seq, pending.next_at);
            }
        }
        self.attempts_are_stale = true;
    }

    /// Drops the queues: this server delivers nothing.
    pub(crate) fn drop_queues(&mut self) {
        let emptied = self.queues.iter_mut().map(EndpointQueue::clear);
        self.emptied.extend(emptied.filter(|due| !due.is_empty()));
        self.queues.clear();
        self.filling = None;
        self.queues_are_stale = true;
    }
}
