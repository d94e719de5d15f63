//! Where it all comes together on the main thread: what waits, who is to get it, and when.

#[cfg(test)]
mod properties;

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::journal::id::Id;
use crate::journal::queue::Bounds;
use crate::server::{events, log};
use crate::text::time::{Span, Timestamp};

use super::Alert;
use super::change::Change;
use super::counters;
use super::dedup::{Decision, Digest};
use super::endpoint::EndpointId;
use super::lane::Lane;
use super::outbox::{Letter, Outbox};
use super::rollup::{self, Way};
use super::schedule::{hurried, retry_after_failure};
use super::settings::{self, Settings};
use super::worker::{Answer, Order, Outcome};

/// The state of alerts on this server. Only the main thread opens it, and the child that saves an RDB, which is forked
/// while it is closed: so its lock is always free.
static DESK: LazyLock<Mutex<Desk>> = LazyLock::new(|| {
    let mut desk = Desk::default();
    desk.begin_epoch(events::random_u64());
    Mutex::new(desk)
});

/// Opens the desk. Never while it is open.
pub fn open() -> MutexGuard<'static, Desk> {
    DESK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What waits, who is to get it, and when.
#[derive(Default)]
pub struct Desk {
    outbox: Outbox,
    epoch: u64,
    settings: Settings,
    /// The endpoints that are sent to. Made anew from the outbox when `stale`.
    lanes: Vec<Lane>,
    stale: bool,
    /// What was changed and has not been replicated yet.
    made: Vec<Change>,
}

/// Who raises an alert.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// LW.ALERT: refused when there is no room.
    Caller,
    /// The module: there is some room that nobody else gets.
    Module,
}

/// There is no room for another alert.
#[derive(Debug)]
pub struct Full;

/// An eighth more than the bounds is kept for what the module itself raises.
const RESERVED: usize = 8;

impl Desk {
    /// The state that is saved and replicated.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The endpoints' lanes; none on a replica.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The endpoints, and how to speak to them.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes a change, to be replicated with [`Desk::take_made`].
    fn make(&mut self, change: Change) {
        self.made.push(change.clone());
        let lost = self.outbox.apply(change);
        counters::DROPPED.add(lost as u64);
    }

    /// Takes a change that was made elsewhere.
    pub fn apply(&mut self, change: Change) {
        self.outbox.apply(change);
        self.stale = true;
    }

    /// Replaces the state.
    pub fn replace(&mut self, outbox: Outbox) {
        self.outbox = outbox;
        self.outbox.begin_epoch(self.epoch);
        self.made.clear();
        self.stale = true;
    }

    /// From now on ids are made in the epoch `epoch`.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.outbox.begin_epoch(epoch);
        self.stale = true;
    }

    /// What was changed since the last time this was asked.
    pub fn take_made(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.made)
    }

    // --- raising ---

    /// Whether an alert with that digest is to be raised now.
    pub fn is_news(&mut self, digest: Digest, cooldown: Span, now: Timestamp) -> bool {
        match self.outbox.memory().decide(&digest, now, cooldown) {
            Decision::Raise(_) => true,
            Decision::Suppress => false,
            Decision::Restart(quiet) => {
                self.make(Change::Quiet(digest, quiet));
                false
            }
        }
    }

    /// Alerts with that digest are quiet for a while.
    pub fn quiet(&mut self, digest: Digest, cooldown: Span, now: Timestamp) {
        if let Decision::Raise(quiet) = self.outbox.memory().decide(&digest, now, cooldown) {
            self.make(Change::Quiet(digest, quiet));
        }
    }

    /// Raises an alert. Returns the id that its receivers will see: its own or its summary's.
    pub fn raise(&mut self, kind: &str, data: &str, now: Timestamp, source: Source) -> Result<Id, Full> {
        let way = self.outbox.rollup().way(kind, now, hurried(rollup::PERIOD));
        let fresh = self.outbox.waiting().next_id(now);
        let id = match way {
            Way::Rolled(id) => {
                let id = id.unwrap_or(fresh);
                let example = self.outbox.rollup().example(kind, data);
                self.make(Change::Rolled(kind.to_owned(), id, now, example));
                counters::ROLLED_UP.count();
                id
            }
            Way::Single(_) | Way::Uncounted => {
                self.append(fresh, Alert::new(fresh, kind, data), source)?;
                if let Way::Single(began) = way {
                    self.make(Change::Single(kind.to_owned(), began));
                }
                fresh
            }
        };
        counters::RAISED.count();
        Ok(id)
    }

    fn append(&mut self, id: Id, alert: Alert, source: Source) -> Result<(), Full> {
        self.make_room(crate::journal::queue::Event::size(&alert), source)?;
        self.make(Change::Append(id, alert));
        for lane in &mut self.lanes {
            lane.add(id.seq, Timestamp(0));
        }
        Ok(())
    }

    /// Where nobody is to get the alerts the newest are kept; otherwise none that waits ever gives way.
    fn make_room(&mut self, size: usize, source: Source) -> Result<(), Full> {
        let bounds = bounds(source);
        while !self.outbox.waiting().has_room(size, bounds) {
            let oldest = self.outbox.waiting().front().map(|(id, _)| id.seq);
            let Some(oldest) = oldest.filter(|_| self.settings.endpoints.is_empty()) else {
                return Err(Full);
            };
            self.make(Change::Remove(oldest));
            counters::DROPPED.count();
        }
        Ok(())
    }

    /// Sends the summaries whose period is over.
    pub fn roll_up(&mut self, now: Timestamp) {
        let period = hurried(rollup::PERIOD);
        let over = self.outbox.rollup().over(now, period);
        let over: Vec<_> = over.map(|(kind, rest)| (kind.to_owned(), rest.id, rest.data(kind))).collect();
        for (kind, id, data) in over {
            let alert = Alert::new(id, &rollup::summary_kind(&kind), &data);
            // Without room for it the period goes on, and what comes joins it, until there is.
            if self.append(id, alert, Source::Module).is_ok() {
                self.make(Change::EndPeriod(kind));
            }
        }
    }

    // --- delivering ---

    /// Takes the settings in force, if they have changed. Returns the endpoints that stay or come. A primary lets those
    /// that were set again have alerts again; a replica hears of that from its primary.
    pub fn take_settings(&mut self, is_primary: bool) -> Option<Vec<EndpointId>> {
        let (settings, set_again) = settings::changed()?;
        for endpoint in set_again.into_iter().filter(|_| is_primary) {
            if self.outbox.disabled().contains(&endpoint) {
                self.make(Change::Enable(endpoint));
            }
        }
        self.settings = settings;
        self.stale = true;
        Some(self.settings.endpoints.iter().map(|endpoint| endpoint.id).collect())
    }

    /// Makes the lanes anew, if something has changed behind their back. Returns whether it did: what was handed over
    /// before may be out of date.
    pub fn lay_lanes(&mut self) -> bool {
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        let mut old = std::mem::take(&mut self.lanes);
        let disabled = self.outbox.disabled();
        for endpoint in self.settings.endpoints.iter().filter(|endpoint| !disabled.contains(&endpoint.id)) {
            let known = old.iter().position(|lane| lane.endpoint.id == endpoint.id);
            let mut lane = known.map_or_else(|| Lane::new(Arc::clone(endpoint)), |i| old.swap_remove(i));
            lane.endpoint = Arc::clone(endpoint);
            lane.clear();
            self.lanes.push(lane);
        }
        let mut done = Vec::new();
        for (id, _) in self.outbox.waiting().iter() {
            let mut owed = false;
            for lane in &mut self.lanes {
                if let Some(due) = self.outbox.owed(id.seq, lane.endpoint.id) {
                    lane.lay(id.seq, due.next_at);
                    owed = true;
                }
            }
            // The endpoint it waited for is gone, and another one has it.
            if !owed && !self.lanes.is_empty() && self.outbox.is_settled_somewhere(id.seq) {
                done.push(id.seq);
            }
        }
        done.into_iter().for_each(|seq| self.make(Change::Remove(seq)));
        true
    }

    /// Drops the lanes: this server delivers nothing.
    pub fn close_lanes(&mut self) {
        self.lanes.clear();
        self.stale = true;
    }

    /// The next try that is due, if any.
    pub fn next_order(&mut self, now: Timestamp, generation: u64) -> Option<Order> {
        for lane in &mut self.lanes {
            while let Some(seq) = lane.take_due(now) {
                let Some((id, alert)) = self.outbox.waiting().get(seq) else {
                    lane.remove(seq, Timestamp(0));
                    continue;
                };
                return Some(Order {
                    id,
                    alert: Arc::clone(alert),
                    endpoint: Arc::clone(&lane.endpoint),
                    timeout: settings::WEBHOOK_TIMEOUT.get(),
                    allow_private: settings::WEBHOOK_ALLOW_PRIVATE.get(),
                    generation,
                });
            }
        }
        None
    }

    /// A try could not be handed over: it is due again.
    pub fn not_sent(&mut self, seq: u64, endpoint: EndpointId) {
        let owed = self.outbox.owed(seq, endpoint);
        if let (Some(lane), Some(owed)) = (self.lane(endpoint), owed) {
            lane.add(seq, owed.next_at);
        }
    }

    /// When something will be due: a summary, or a try if `ships`.
    pub fn next_due(&self, ships: bool) -> Option<Timestamp> {
        let tries = self.lanes.iter().filter(|_| ships).filter_map(Lane::next_try);
        tries.chain(self.outbox.rollup().next_end(hurried(rollup::PERIOD))).min()
    }

    fn lane(&mut self, endpoint: EndpointId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.endpoint.id == endpoint)
    }

    /// Takes what came of a try.
    pub fn take_outcome(&mut self, outcome: Outcome, now: Timestamp, random: u64) {
        let Outcome { id, endpoint, answer, .. } = outcome;
        // Another data set may have been loaded meanwhile, with another alert of that number.
        let waits = self.outbox.waiting().get(id.seq).is_some_and(|(known, _)| known == id);
        let owed = self.outbox.owed(id.seq, endpoint).filter(|_| waits);
        let Some(lane) = self.lane(endpoint) else { return };
        let Some(owed) = owed else {
            lane.remove(id.seq, Timestamp(0));
            self.stale = true;
            return;
        };
        match answer {
            Answer::Untouched => lane.add(id.seq, owed.next_at),
            Answer::Delivered { status } => {
                lane.succeeded(status);
                lane.remove(id.seq, owed.next_at);
                counters::DELIVERED.count();
                self.settle(id.seq, endpoint);
            }
            Answer::Gone => {
                lane.failed("status 410", now);
                self.make(Change::Disable(endpoint));
                self.stale = true;
            }
            Answer::Failed { reason, retry_after } => {
                let spent = lane.failed(&reason, now);
                let failures = owed.failures.saturating_add(u8::from(spent));
                if !spent {
                    lane.add(id.seq, owed.next_at);
                    return;
                }
                match retry_after_failure(failures, random, retry_after) {
                    Some(wait) => {
                        let next_at = now + hurried(wait);
                        lane.add(id.seq, next_at);
                        counters::RETRIED.count();
                        self.make(Change::Failed { seq: id.seq, endpoint, failures, next_at });
                    }
                    None => {
                        lane.remove(id.seq, owed.next_at);
                        let label = lane.endpoint.label.clone();
                        log::warning(&format!(
                            "the alert {id} is a dead letter: {label} did not take it in {failures} tries ({reason})"
                        ));
                        let letter = Letter { endpoint, label, tries: failures, at: now, reason };
                        counters::DEAD.count();
                        self.make(Change::Bury(id.seq, letter));
                        self.settle(id.seq, endpoint);
                    }
                }
            }
        }
    }

    /// `endpoint` is done with an alert; if it was the last, all are.
    fn settle(&mut self, seq: u64, endpoint: EndpointId) {
        let mut others = self.lanes.iter().filter(|lane| lane.endpoint.id != endpoint);
        let last = others.all(|lane| self.outbox.owed(seq, lane.endpoint.id).is_none());
        self.make(if last { Change::Remove(seq) } else { Change::Settled(seq, endpoint) });
    }

    // --- managing ---

    /// Puts dead letters back to be delivered: those of one alert, or all. Returns how many.
    pub fn replay(&mut self, seq: Option<u64>) -> usize {
        self.with_dead(seq, |desk, seq| {
            let Some(dead) = desk.outbox.dead_of(seq) else { return };
            let configured = |id: &EndpointId| desk.settings.endpoints.iter().any(|known| known.id == *id);
            let mut only: Vec<_> = dead.letters.iter().map(|letter| letter.endpoint).collect();
            // Of an endpoint that is gone the others get it: its address was the mistake, most likely.
            if !only.iter().all(configured) {
                only.clear();
            }
            desk.make(Change::Replay(seq, only));
        })
    }

    /// Throws dead letters away: those of one alert, or all. Returns how many.
    pub fn discard(&mut self, seq: Option<u64>) -> usize {
        self.with_dead(seq, |desk, seq| desk.make(Change::Discard(seq)))
    }

    /// Throws an alert away that still waits.
    pub fn discard_waiting(&mut self, seq: u64) {
        self.make(Change::Remove(seq));
        self.stale = true;
    }

    fn with_dead(&mut self, seq: Option<u64>, mut act: impl FnMut(&mut Self, u64)) -> usize {
        let chosen = self.outbox.dead().filter(|dead| seq.is_none_or(|seq| dead.id.seq == seq));
        let chosen: Vec<_> = chosen.map(|dead| (dead.id.seq, dead.letters.len())).collect();
        for (seq, _) in &chosen {
            act(self, *seq);
        }
        self.stale = true;
        chosen.iter().map(|(_, letters)| letters).sum()
    }

    /// An endpoint has answered a test: it is well, and wants alerts.
    pub fn is_well(&mut self, endpoint: EndpointId) {
        if self.outbox.disabled().contains(&endpoint) {
            self.make(Change::Enable(endpoint));
            self.stale = true;
        }
        if let Some(lane) = self.lane(endpoint) {
            lane.close_circuit();
        }
    }
}

fn bounds(source: Source) -> Bounds {
    let (events, bytes) = (settings::ALERT_MAX_EVENTS.get(), settings::ALERT_MAX_BYTES.get());
    match source {
        Source::Caller => Bounds { events, bytes },
        Source::Module => Bounds { events: events + events / RESERVED + 16, bytes: bytes + bytes / RESERVED },
    }
}
