//! What happens before the event loop sleeps: settings come into force, batches that Postgres has are taken out, gaps are
//! told of, and the next batches go out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::alert::raise;
use crate::server::call::Call;
use crate::server::events::{self, Tick};
use crate::server::log;
use crate::server::turn::Turn;
use crate::ship::SHIP;
use crate::text::time::{Span, Timestamp};

use super::apply::EFFECT;
use super::recorder::{self, Recorder};
use super::shipper::Shipper;
use super::status::{self, State};
use super::{counters, settings};

static TURN: Turn = Turn::new();

/// How long the thread may take to end when the server does.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a pause of the server is looked at: no event tells when it ends.
const LOOK_AGAIN: Span = Span(100);

/// How often it is looked how far a gap has grown, and whether a thread can be started or has ended.
const GAP_GROWS: Span = Span(1000);

/// How long it is quiet about a lag after an alert.
const LAG_COOLDOWN: Span = Span(3_600_000);

/// There is something to do. From any thread.
pub fn attend() {
    TURN.now();
}

/// There is something to do then, if ever.
pub fn attend_at(at: Option<Timestamp>) {
    TURN.at(at);
}

/// An event was refused.
pub fn attend_to_gap(now: Timestamp) {
    TURN.at(Some(now + GAP_GROWS));
}

/// A child was forked.
pub fn forked(rewrites_aof: bool) {
    TURN.forked(rewrites_aof);
}

fn wake() {
    attend();
    events::wake();
}

/// The thread that ships, as long as there is one, and when the next one may begin.
struct Shipping {
    thread: Option<Shipper>,
    not_before: Timestamp,
}

static SHIPPING: Mutex<Shipping> = Mutex::new(Shipping { thread: None, not_before: Timestamp(0) });

fn shipping() -> MutexGuard<'static, Shipping> {
    SHIPPING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long it is waited after a thread has ended by itself: what it ended at may be there still.
const AFTER_A_PANIC: Span = Span(5000);

/// Does what is due.
pub fn before_sleep(tick: &Tick) {
    TURN.take(tick, |now| work(tick, now));
}

/// Does it, and returns when there will be something to do again.
fn work(tick: &Tick, now: Timestamp) -> Option<Timestamp> {
    let mut recorder = recorder::open();
    let mut shipping = shipping();
    if let Some(news) = status::take_news() {
        log::warning(&news);
    }
    if let Some(target) = settings::changed() {
        recorder.set_target(target);
        dismiss(&mut shipping);
    }
    if !tick.may_propagate() {
        // A pause, a failover, loading: what comes in waits in its channel.
        return Some(now + LOOK_AGAIN);
    }
    let next = if tick.is_primary() {
        lead(&mut recorder, &mut shipping, tick, now)
    } else {
        follow(&mut recorder, &mut shipping);
        None
    };
    if TURN.takes_aof(tick) && !recorder.ledger().is_empty() {
        recorder.ledger().payloads().for_each(|payload| tick.append_to_aof(EFFECT, &payload));
    }
    next
}

/// What a primary does.
fn lead(recorder: &mut Recorder, shipping: &mut Shipping, tick: &Tick, now: Timestamp) -> Option<Timestamp> {
    let ships = recorder.target().is_some();
    if ships {
        recorder.owe();
    }
    take_shipped(recorder, shipping, now);
    let gap_is_open = recorder.close_gap(now);
    if gap_is_open {
        recorder.tell_gap();
    }
    if ships && SHIP.get() {
        alert_of_lag(recorder, now);
        hand_over(recorder, shipping, now);
    } else if shipping.thread.is_some() {
        dismiss(shipping);
        recorder.hand_back();
    }
    recorder.send_made(|made| tick.replicate(EFFECT, made));
    next_look(recorder, shipping, gap_is_open, now)
}

fn next_look(
    recorder: &Recorder,
    shipping: &Shipping,
    gap_is_open: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    let soon = now + GAP_GROWS;
    if recorder.target().is_none() {
        return gap_is_open.then_some(soon);
    }
    if !SHIP.get() {
        return Some(soon);
    }
    let batch = recorder.next_batch_at();
    // A millisecond beyond the directive's value raises the alert.
    let lag = now + Span((settings::AUDIT_LAG_ALERT.get().0 + 1).saturating_sub(recorder.lag(now).0));
    let start = Some(shipping.not_before).filter(|_| shipping.thread.is_none());
    [batch, Some(lag), start].into_iter().flatten().filter(|at| *at > now).chain([soon]).min()
}

/// What a replica does: it ships nothing.
fn follow(recorder: &mut Recorder, shipping: &mut Shipping) {
    if shipping.thread.is_some() {
        dismiss(shipping);
        recorder.hand_back();
    }
    recorder.forget_made();
}

fn dismiss(shipping: &mut Shipping) {
    if let Some(shipper) = shipping.thread.take() {
        // It ends by itself.
        drop(shipper.dismiss());
        status::set(State::Idle);
    }
}

fn take_shipped(recorder: &mut Recorder, shipping: &mut Shipping, now: Timestamp) {
    let Some(thread) = &mut shipping.thread else { return };
    while let Some(shipped) = thread.shipped() {
        if shipped.round != recorder.round() {
            continue;
        }
        if let [(seq, reason), ..] = &shipped.stored.refused[..] {
            let (count, id) = (shipped.stored.refused.len(), recorder.id_of(*seq));
            let code = reason.split(' ').next().unwrap_or_default();
            log::warning(&format!(
                "Postgres refused {count} audit events as data; the first is {id} (SQLSTATE {code}): see LW.AUDITLOG DEAD"
            ));
        }
        counters::EXPIRED.add(shipped.stored.expired as u64);
        recorder.shipped(shipped.from, shipped.through, shipped.stored.refused, now);
    }
    if thread.is_gone() {
        // It has panicked, which is logged: another one begins where it was.
        *shipping = Shipping { thread: None, not_before: now + AFTER_A_PANIC };
        recorder.hand_back();
    }
}

fn hand_over(recorder: &mut Recorder, shipping: &mut Shipping, now: Timestamp) {
    let days = settings::AUDIT_RETENTION_DAYS.get();
    if shipping.thread.is_none() {
        // If the clock has stepped back meanwhile, it is not waited for that.
        let waits = now < shipping.not_before && shipping.not_before <= now + AFTER_A_PANIC;
        let Some(target) = recorder.target().filter(|_| !waits) else { return };
        shipping.thread = Shipper::start(target.clone(), days, wake);
        recorder.hand_back();
    }
    // Without a thread to be had it is tried again.
    let Some(shipper) = &mut shipping.thread else { return };
    shipper.keep_days(days);
    recorder.set_busy(false);
    while shipper.has_room() {
        let batch = recorder.next_batch(now);
        if batch.is_empty() {
            return;
        }
        shipper.offer(batch, recorder.round());
    }
    recorder.set_busy(true);
}

fn alert_of_lag(recorder: &Recorder, now: Timestamp) {
    let most = settings::AUDIT_LAG_ALERT.get();
    let lag = recorder.lag(now);
    if most == Span(0) || lag <= most {
        return;
    }
    let pending = recorder.ledger().queue().len();
    let data = serde_json::json!({
        "lag_ms": lag.0,
        "pending": pending,
        "last_error": status::read().last_error,
    });
    raise::own_once(now, "audit.lag", &data.to_string(), LAG_COOLDOWN);
}

/// Does something at the recorder, and replicates what was changed there.
pub fn at_recorder<R>(call: &Call<'_>, act: impl FnOnce(&mut Recorder) -> R) -> R {
    let mut recorder = recorder::open();
    let answer = act(&mut recorder);
    recorder.send_made(|made| call.replicate_node_effect(EFFECT, made));
    attend();
    answer
}

/// The server ends: what was not shipped is in the journal.
pub fn shutdown() {
    let Some(shipper) = shipping().thread.take() else { return };
    let thread = shipper.dismiss();
    let until = Instant::now() + PATIENCE;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The server may find that it can't save, and go on: then another one begins where this one was.
    recorder::open().hand_back();
    attend();
}
