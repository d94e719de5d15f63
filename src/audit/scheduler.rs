//! What happens before the event loop sleeps: new settings are loaded, batches that Postgres has
//! leave the outbox, gaps are reported, and the next batches go out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::alert::raise;
use crate::outbox::host::{Host, replicate};
use crate::server::events::Tick;
use crate::server::log::{self, Tally};
use crate::ship::SHIP;
use crate::text::time::{Span, Timestamp};

use super::erase::job as erase;
use super::shipper::{Shipped, Shipper};
use super::sqlstate::SqlState;
use super::state::{self, State};
use super::status::{self, ShipperState};
use super::wake::{self, DEADLINE, GAP_INTERVAL};
use super::{counters, settings};

/// How long the shipper may take to end when the server shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the scheduler checks whether a pause of the server has ended: there is no event for
/// it.
const PAUSE_INTERVAL: Span = Span(100);
/// How often it checks the gap, and whether the shipper can start or has ended.
const CHECK_INTERVAL: Span = GAP_INTERVAL;

/// The time between two alerts of one type.
const ALERT_COOLDOWN: Span = Span(3_600_000);

/// The time from the panic of a shipper to the start of the next one: its cause may still be there.
const AFTER_PANIC: Span = Span(5000);

struct Scheduler {
    /// Events that became dead letters.
    refused: Tally,
    /// Why the last of them did.
    refused_for: Option<SqlState>,
    shipper: Option<Shipper>,
    /// No shipper starts before this time.
    not_before: Timestamp,
}

static SCHEDULER: Mutex<Scheduler> = Mutex::new(Scheduler {
    refused: Tally::new(),
    refused_for: None,
    shipper: None,
    not_before: Timestamp(0),
});

/// Only the main thread locks it.
fn lock() -> MutexGuard<'static, Scheduler> {
    SCHEDULER.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn before_sleep(tick: &Tick) {
    DEADLINE.check(tick, |now| lock().run(&mut state::lock(), tick, now));
}

/// The events that the shipper has were purged: none of them is stored from now on, except by a
/// statement that is under way.
pub(crate) fn purged() {
    lock().dismiss_shipper();
}

/// Events that are not shipped are in the outbox.
pub(crate) fn shutdown() {
    let Some(shipper) = lock().shipper.take() else { return };
    shipper.shutdown(SHUTDOWN_TIMEOUT);
    // The server may fail to save, and go on: then another shipper starts over.
    state::lock().rewind();
    wake::scheduler();
}

impl Scheduler {
    /// Does what is due. Returns when to run again.
    fn run(&mut self, state: &mut State, tick: &Tick, now: Timestamp) -> Option<Timestamp> {
        while let Some(message) = status::next_message(Instant::now()) {
            log::warning(&message);
        }
        if let Some(target) = settings::changed() {
            state.set_target(target);
            self.dismiss_shipper();
        }
        if !tick.may_propagate() {
            // A pause, a failover, loading: results wait in their channel.
            return Some(now + PAUSE_INTERVAL);
        }
        if tick.is_primary() {
            self.run_primary(state, tick, now)
        } else {
            self.run_replica(state);
            None
        }
    }

    fn run_primary(&mut self, state: &mut State, tick: &Tick, now: Timestamp) -> Option<Timestamp> {
        state.owe_events();
        self.finish_batches(state, now);
        if erase::advance(state, now) {
            self.shipper.iter().for_each(Shipper::forget);
        }
        let gap_is_open = state.close_gap(now);
        if gap_is_open {
            state.replicate_gap();
        }
        if state.target().is_some() && SHIP.get() {
            raise_alerts(state, now);
            self.dispatch(state, now);
        } else if self.shipper.is_some() {
            self.dismiss_shipper();
            state.rewind();
        }
        replicate(state, tick);
        self.next_run(state, gap_is_open, now)
    }

    fn next_run(&self, state: &State, gap_is_open: bool, now: Timestamp) -> Option<Timestamp> {
        let check = now + CHECK_INTERVAL;
        if state.target().is_none() {
            return gap_is_open.then_some(check);
        }
        if !SHIP.get() {
            return Some(check);
        }
        // A lag of one millisecond more than the limit raises the alert. A limit of 0 raises none.
        let limit = Some(settings::AUDIT_LAG_ALERT.get()).filter(|limit| *limit > Span(0));
        let lag = limit.map(|limit| now + Span((limit.0 + 1).saturating_sub(state.lag(now).0)));
        let start = Some(self.not_before).filter(|_| self.shipper.is_none());
        let due = [state.next_batch_at(), lag, start].into_iter().flatten().filter(|at| *at > now);
        due.chain([check]).min()
    }

    /// A replica ships nothing.
    fn run_replica(&mut self, state: &mut State) {
        if self.shipper.is_some() {
            self.dismiss_shipper();
            state.rewind();
        }
        erase::abandon();
        state.outbox().forget_pending();
    }

    fn dismiss_shipper(&mut self) {
        if let Some(shipper) = self.shipper.take() {
            shipper.dismiss();
            status::set_dead_are_full(false);
            status::set(ShipperState::Idle);
        }
    }

    fn finish_batches(&mut self, state: &mut State, now: Timestamp) {
        let Some(shipper) = &mut self.shipper else { return };
        while let Some(shipped) = shipper.next_shipped() {
            if shipped.generation == state.generation() {
                let last = shipped.stored.refused.last().map(|(_, error)| error.state);
                self.refused_for = last.or(self.refused_for);
                self.refused.add(finish_batch(state, shipped, now));
            }
        }
        if let Some(count) = self.refused.due(Instant::now()) {
            let why = self
                .refused_for
                .map_or_else(String::new, |state| format!("{} (SQLSTATE {state})", state.meaning()));
            log::warning(&format!(
                "Postgres refused audit events, which are dead letters now: {count}, the last for: {why}; see LW.AUDITLOG DEAD"
            ));
        }
        if shipper.has_ended() {
            // It has panicked, which is logged.
            self.shipper = None;
            self.not_before = now + AFTER_PANIC;
            state.rewind();
        }
    }

    fn dispatch(&mut self, state: &mut State, now: Timestamp) {
        let days = settings::AUDIT_RETENTION_DAYS.get();
        if self.shipper.is_none() {
            // A time further away than `AFTER_PANIC` means that the clock has stepped back.
            let waits = now < self.not_before && self.not_before <= now + AFTER_PANIC;
            let Some(target) = state.target().filter(|_| !waits) else { return };
            self.shipper = Shipper::start(target.clone(), days, wake::from_thread);
            state.rewind();
        }
        // If the system has no thread to give, the next run tries again.
        let Some(shipper) = &mut self.shipper else { return };
        shipper.set_retention(days);
        state.set_busy(false);
        while shipper.has_room() {
            let batch = state.next_batch(now);
            if batch.is_empty() {
                return;
            }
            shipper.offer(batch, state.generation());
        }
        state.set_busy(true);
    }
}

/// Returns the number of new dead letters.
fn finish_batch(state: &mut State, shipped: Shipped, now: Timestamp) -> u64 {
    let Shipped { from, through, stored, .. } = shipped;
    counters::EXPIRED.add(stored.expired as u64);
    let before = counters::DEAD.get();
    let had_room = state.shipped(from, through, stored.refused, now);
    status::set_dead_are_full(!had_room);
    if !had_room {
        raise_dead_alert(state, now);
    }
    counters::DEAD.get() - before
}

fn raise_alerts(state: &State, now: Timestamp) {
    raise_lag_alert(state, now);
    if status::refuses_all() {
        raise_refused_alert(state, now);
    }
}

fn raise_lag_alert(state: &State, now: Timestamp) {
    let limit = settings::AUDIT_LAG_ALERT.get();
    let lag = state.lag(now);
    if limit == Span(0) || lag <= limit {
        return;
    }
    let data = serde_json::json!({
        "lag_ms": lag.0,
        "pending": state.contents().queue().len(),
        "last_error": status::read().last_error,
    });
    raise::own_once(now, "audit.lag", &data.to_string(), ALERT_COOLDOWN);
}

/// Postgres refuses every event.
fn raise_refused_alert(state: &State, now: Timestamp) {
    let data = serde_json::json!({
        "pending": state.contents().queue().len(),
        "last_error": status::read().last_error,
    });
    raise::own_once(now, "audit.refused", &data.to_string(), ALERT_COOLDOWN);
}

/// Events wait because the dead letters are full.
fn raise_dead_alert(state: &State, now: Timestamp) {
    let data = serde_json::json!({
        "dead": state.contents().dead().len(),
        "pending": state.contents().queue().len(),
        "last_error": status::DEAD_ARE_FULL,
    });
    raise::own_once(now, "audit.dead", &data.to_string(), ALERT_COOLDOWN);
}
