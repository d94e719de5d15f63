//! The state of the alerts on this server: the outbox, the endpoints and their queues.

#[cfg(test)]
mod properties;
pub(crate) mod queues;

use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event};
use crate::outbox::apply::EFFECT;
use crate::outbox::effect::Change as OutboxChange;
use crate::outbox::host::Host;
use crate::outbox::limits::{self, Full, Source};
use crate::outbox::reserved::summary_of;
use crate::outbox::state::Outbox;
use crate::server::spec::Spec;
use crate::server::{events, log};
use crate::text::time::{Span, Timestamp};

use super::attempt::{Attempt, AttemptResult};
use super::dedup::{Decision, Digest};
use super::deliveries::{Change, Deliveries, Pending};
use super::endpoint::{Endpoint, EndpointId};
use super::endpoint_queue::{Due, EndpointQueue, History};
use super::letter::Letter;
use super::reason::Reason;
use super::rollup::{self, Route};
use super::schedule::{hurried, retry_after_failure};
use super::settings::{self, Settings};
use super::webhook::DeliveryStatus;
use super::{Alert, counters, wake};

use queues::Filling;

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let mut state = State::default();
    state.outbox.begin_epoch(events::random_u64());
    Mutex::new(state)
});

/// See [`Host::lock`].
pub(crate) fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The maximum number of alerts that give way to a new one. More than one, so that a lowered bound
/// is reached, but not at the expense of one call.
const MAX_DROPPED: usize = 64;

#[derive(Default)]
pub(crate) struct State {
    outbox: Outbox<Deliveries>,
    settings: Settings,
    /// Empty on a replica. Built anew from the outbox when `queues_are_stale`.
    queues: Vec<EndpointQueue>,
    queues_are_stale: bool,
    /// Of disabled endpoints, which have no queue.
    histories: HashMap<EndpointId, History>,
    /// The queues are being built.
    filling: Option<Filling>,
    /// Contents of queues that were built anew. To free a large one takes milliseconds.
    emptied: Vec<Due>,
    /// Attempts that were handed over may be out of date.
    attempts_are_stale: bool,
}

impl Host for State {
    type Extension = Deliveries;

    const APPLY: &'static Spec = &Spec {
        name: c"LW._ALERTS",
        summary: c"Internal: applies a change of the alerts that comes from the primary or the AOF.",
        complexity: c"O(log N) for a change with N alerts waiting, O(N) for a whole outbox.",
        ..EFFECT
    };
    const RDB_NAME: &'static CStr = c"lw-alerts";

    fn lock() -> MutexGuard<'static, Self> {
        lock()
    }

    fn outbox(&mut self) -> &mut Outbox<Deliveries> {
        &mut self.outbox
    }

    fn invalidate(&mut self) {
        self.queues_are_stale = true;
    }

    fn wake_scheduler() {
        wake::scheduler();
    }
}

impl State {
    pub(crate) fn contents(&self) -> &Outbox<Deliveries> {
        &self.outbox
    }

    fn deliveries(&self) -> &Deliveries {
        self.outbox.extension()
    }

    pub(crate) fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.settings.endpoints
    }

    /// The queue of `endpoint`; `None` on a replica, where nothing was sent yet, and for a disabled
    /// endpoint.
    pub(crate) fn queue_of(&self, endpoint: EndpointId) -> Option<&EndpointQueue> {
        self.queues.iter().find(|queue| queue.endpoint.id == endpoint)
    }

    /// What is known of `endpoint`; `None` on a replica, and before the first answer of a disabled
    /// endpoint.
    pub(crate) fn history_of(&self, endpoint: EndpointId) -> Option<&History> {
        self.queue_of(endpoint).map(|queue| &queue.history).or_else(|| self.histories.get(&endpoint))
    }

    fn queue_mut(&mut self, endpoint: EndpointId) -> Option<&mut EndpointQueue> {
        self.queues.iter_mut().find(|queue| queue.endpoint.id == endpoint)
    }

    // --- raising ---

    /// Raises an alert unless `source` raised one with the same digest within the cooldown. `None`
    /// if it did.
    pub(crate) fn raise_once(
        &mut self,
        kind: &str,
        data: &str,
        (digest, cooldown): (Digest, Span),
        now: Timestamp,
        source: Source,
    ) -> Result<Option<Id>, Full> {
        match self.deliveries().space(source).dedup.decide(&digest, now, cooldown) {
            Decision::Raise(suppression) => {
                let id = self.raise(kind, data, now, source)?;
                self.outbox.extend(Change::Suppress(source, digest, suppression));
                Ok(Some(id))
            }
            Decision::Suppress => Ok(None),
            Decision::Restart(suppression) => {
                self.outbox.extend(Change::Suppress(source, digest, suppression));
                Ok(None)
            }
        }
    }

    /// Raises an alert. Returns the id that receivers see: that of the alert, or of the summary
    /// that it joins.
    pub(crate) fn raise(
        &mut self,
        kind: &str,
        data: &str,
        now: Timestamp,
        source: Source,
    ) -> Result<Id, Full> {
        let rollup = &self.deliveries().space(source).rollup;
        let route = rollup.route(kind, now, hurried(rollup::PERIOD));
        let fresh = self.outbox.queue().next_id(now);
        let id = match route {
            Route::Summary(id) => {
                let id = id.unwrap_or(fresh);
                let example = rollup.example(kind, data);
                self.outbox.extend(Change::RolledUp(source, kind.to_owned(), id, now, example));
                counters::ROLLED_UP.count();
                id
            }
            Route::Single(_) | Route::Uncounted => {
                let alert = Alert::new(fresh, kind, data);
                self.make_room(alert.size(), source)?;
                self.outbox.change(OutboxChange::Append(fresh, alert));
                self.enqueue(fresh);
                if let Route::Single(began) = route {
                    self.outbox.extend(Change::Single(source, kind.to_owned(), began));
                }
                fresh
            }
        };
        counters::RAISED.count();
        Ok(id)
    }

    fn enqueue(&mut self, id: Id) {
        self.queues.iter_mut().for_each(|queue| queue.add(id.seq, Timestamp(0)));
    }

    /// Drops the oldest alerts where there is no endpoint to wait for; otherwise no alert that
    /// waits is ever dropped.
    fn make_room(&mut self, size: usize, source: Source) -> Result<(), Full> {
        let bounds = bounds(source);
        for _ in 0..MAX_DROPPED {
            if self.outbox.queue().has_room(size, bounds) {
                return Ok(());
            }
            let oldest = self.outbox.queue().front().map(|(id, _)| id.seq);
            let oldest = oldest.filter(|_| self.endpoints().is_empty()).ok_or(Full)?;
            self.outbox.change(OutboxChange::Remove(oldest, oldest));
            counters::DROPPED.count();
        }
        // The next alerts will reach a bound that was lowered by much.
        Ok(())
    }

    /// Queues the summaries of the periods that have ended.
    pub(crate) fn queue_summaries(&mut self, now: Timestamp) {
        for source in [Source::Module, Source::Caller] {
            let ended = self.deliveries().space(source).rollup.ended(now, hurried(rollup::PERIOD));
            let ended: Vec<_> =
                ended.map(|(kind, rest)| (kind.to_owned(), rest.id, rest.data(kind))).collect();
            for (kind, id, data) in ended {
                let alert = Alert::new(id, &summary_of(&kind), &data);
                // Without room the period goes on until there is some.
                if self.make_room(alert.size(), source).is_ok() {
                    self.outbox.extend(Change::Summary(source, kind, alert));
                    self.enqueue(id);
                }
            }
        }
    }

    // --- delivering ---

    /// Loads the settings, if they have changed. Returns the endpoints then. On a primary, an
    /// endpoint that was set again is enabled again; a replica learns of that from its primary.
    pub(crate) fn reload_settings(&mut self, is_primary: bool) -> Option<Vec<EndpointId>> {
        let (settings, set_again) = settings::changed()?;
        for endpoint in set_again.into_iter().filter(|_| is_primary) {
            self.enable(endpoint);
        }
        self.settings = settings;
        self.queues_are_stale = true;
        Some(self.endpoints().iter().map(|endpoint| endpoint.id).collect())
    }

    fn enable(&mut self, endpoint: EndpointId) {
        if self.deliveries().disabled().contains(&endpoint) {
            self.outbox.extend(Change::Enable(endpoint));
            self.queues_are_stale = true;
        }
    }

    /// The next attempt that is due.
    pub(crate) fn next_attempt(&mut self, now: Timestamp, generation: u64) -> Option<Attempt> {
        for queue in &mut self.queues {
            while let Some(seq) = queue.pop_due(now) {
                let Some((id, alert)) = self.outbox.queue().get(seq) else {
                    queue.remove(seq, Timestamp(0));
                    continue;
                };
                return Some(Attempt {
                    id,
                    alert: Arc::clone(alert),
                    endpoint: Arc::clone(&queue.endpoint),
                    timeout: settings::WEBHOOK_TIMEOUT.get(),
                    allow_private: settings::WEBHOOK_ALLOW_PRIVATE.get(),
                    generation,
                });
            }
        }
        None
    }

    /// An attempt could not be handed to a worker: it is due again.
    pub(crate) fn return_attempt(&mut self, seq: u64, endpoint: EndpointId) {
        let pending = self.deliveries().pending(seq, endpoint);
        if let (Some(queue), Some(pending)) = (self.queue_mut(endpoint), pending) {
            queue.add(seq, pending.next_at);
        }
    }

    /// When the next summary is due, or the next attempt if `ships`.
    pub(crate) fn next_due(&self, ships: bool) -> Option<Timestamp> {
        let attempts = self.queues.iter().filter(|_| ships).filter_map(EndpointQueue::next_try);
        attempts.chain(self.deliveries().next_summary(hurried(rollup::PERIOD))).min()
    }

    pub(crate) fn finish_attempt(&mut self, result: AttemptResult, now: Timestamp, random: u64) {
        let AttemptResult { id, endpoint, status, .. } = result;
        // Another data set may have been loaded meanwhile, with another alert of that number.
        let is_queued = self.outbox.queue().get(id.seq).is_some_and(|(known, _)| known == id);
        let pending = self.deliveries().pending(id.seq, endpoint).filter(|_| is_queued);
        let Some(queue) = self.queue_mut(endpoint) else { return };
        let Some(pending) = pending else {
            queue.remove(id.seq, Timestamp(0));
            // Another alert may have that number now.
            self.add_to_queues(id.seq);
            return;
        };
        match status {
            DeliveryStatus::NotAttempted => queue.add(id.seq, pending.next_at),
            DeliveryStatus::Delivered { status } => {
                queue.succeeded(status);
                queue.remove(id.seq, pending.next_at);
                counters::DELIVERED.count();
                self.settle(id.seq, endpoint);
            }
            DeliveryStatus::Gone => {
                queue.failed(Reason::Status(410), now);
                log::warning(&format!(
                    "the webhook endpoint at {} ({}) answered 410 (gone) and gets no more alerts until it is set again",
                    queue.endpoint.label, queue.endpoint.source
                ));
                self.outbox.extend(Change::Disable(endpoint));
                self.queues_are_stale = true;
            }
            DeliveryStatus::Failed { reason, retry_after } => {
                let wait = |failures| {
                    retry_after_failure(failures, random, retry_after).map(|wait| now + hurried(wait))
                };
                self.attempt_failed(id, endpoint, pending, reason, now, wait);
            }
        }
    }

    /// `next_try` returns when to try again after a number of failures; `None` if that was the last
    /// try.
    fn attempt_failed(
        &mut self,
        id: Id,
        endpoint: EndpointId,
        pending: Pending,
        reason: Reason,
        now: Timestamp,
        next_try: impl Fn(u8) -> Option<Timestamp>,
    ) {
        let Some(queue) = self.queue_mut(endpoint) else { return };
        let counts = queue.failed(reason.clone(), now);
        if !counts {
            queue.add(id.seq, pending.next_at);
            return;
        }
        let failures = pending.failures.saturating_add(1);
        if let Some(next_at) = next_try(failures) {
            queue.add(id.seq, next_at);
            counters::RETRIED.count();
            let pending = Pending { failures, failed_at: now, next_at };
            self.outbox.extend(Change::Failed { seq: id.seq, endpoint, pending });
            return;
        }
        queue.remove(id.seq, pending.next_at);
        let label = queue.endpoint.label.clone();
        let source = &queue.endpoint.source;
        log::warning(&format!(
            "the alert {id} is a dead letter: {label} ({source}) did not take it in {failures} tries ({reason})"
        ));
        counters::DEAD.count();
        let letter = Letter { endpoint, label, tries: failures, at: now, reason };
        self.outbox.change(OutboxChange::DeadLetter(id.seq, letter));
        self.settle(id.seq, endpoint);
    }

    /// `endpoint` is done with an alert, which leaves the outbox if that was the last endpoint.
    fn settle(&mut self, seq: u64, endpoint: EndpointId) {
        let mut others = self.queues.iter().filter(|queue| queue.endpoint.id != endpoint);
        let is_last = others.all(|queue| self.deliveries().pending(seq, queue.endpoint.id).is_none());
        if is_last {
            self.outbox.change(OutboxChange::Remove(seq, seq));
        } else {
            self.outbox.extend(Change::Settled(seq, endpoint));
        }
    }

    // --- managing ---

    /// Puts the dead letter of `id` back into the queue. If one of its endpoints is no longer
    /// configured, its address was most likely a mistake: then every endpoint gets the alert.
    pub(crate) fn replay_letter(&mut self, id: Id) {
        let Some(letter) = self.outbox.dead().get(id) else { return };
        let is_configured = |cause: &Letter| self.endpoints().iter().any(|known| known.id == cause.endpoint);
        let for_everyone = !letter.causes.iter().all(is_configured);
        self.outbox.change(OutboxChange::Replay(id.seq));
        if for_everyone {
            self.outbox.extend(Change::ForEveryone(id.seq));
        }
        self.add_to_queues(id.seq);
    }

    /// Deletes the queued alert `id`. Returns whether there was one.
    pub(crate) fn discard_alert(&mut self, id: Id) -> bool {
        let is_queued = self.outbox.queue().get(id.seq).is_some_and(|(known, _)| known == id);
        if is_queued {
            self.remove_from_queues(id.seq);
            self.outbox.change(OutboxChange::Remove(id.seq, id.seq));
        }
        is_queued
    }

    /// An endpoint has answered a test alert, or has failed to. One that took it is enabled, and
    /// its circuit closes.
    pub(crate) fn test_finished(&mut self, endpoint: EndpointId, status: &DeliveryStatus, now: Timestamp) {
        if self.endpoints().iter().any(|known| known.id == endpoint) {
            let known = self.queues.iter_mut().find(|queue| queue.endpoint.id == endpoint);
            let history = match known {
                Some(queue) => &mut queue.history,
                None => self.histories.entry(endpoint).or_default(),
            };
            match status {
                DeliveryStatus::Delivered { status } => history.answered(*status),
                DeliveryStatus::Gone => history.got_error(Reason::Status(410), now),
                DeliveryStatus::Failed { reason, .. } => history.got_error(reason.clone(), now),
                DeliveryStatus::NotAttempted => {}
            }
        }
        if status.is_delivered() {
            self.enable(endpoint);
            if let Some(queue) = self.queue_mut(endpoint) {
                queue.close_circuit();
            }
        }
    }
}

fn bounds(source: Source) -> Bounds {
    limits::bounds(source, settings::ALERT_MAX_EVENTS.get(), settings::ALERT_MAX_BYTES.get())
}
