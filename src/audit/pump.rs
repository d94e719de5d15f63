//! What happens before the event loop sleeps: settings come into force, batches that Postgres has are taken out, gaps are
//! told of, and the next batches go out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::alert::raise;
use crate::config;
use crate::server::call::Call;
use crate::server::events::{self, Tick};
use crate::server::log;
use crate::server::time::{Span, Timestamp};

use super::apply::EFFECT;
use super::recorder::{self, Recorder};
use super::shipper::Shipper;
use super::status::{self, State};
use super::{counters, settings};

/// When there is something to do next, in Unix milliseconds. Most of the time there is nothing, and this is all that is
/// looked at.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The AOF must be given the whole ledger: a rewrite of it has begun.
static AOF_WANTS_ALL: AtomicBool = AtomicBool::new(false);

/// How long the thread may take to end when the server does.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked at what nothing tells of: directives, the lag, how far a gap has grown.
const LOOK_AGAIN: Span = Span(100);
const GAP_GROWS: Span = Span(1000);

/// How long it is quiet about a lag after an alert.
const LAG_COOLDOWN: Span = Span(3_600_000);

/// There is something to do. From any thread.
pub fn attend() {
    NEXT.store(0, Ordering::Release);
}

/// There is something to do then, if ever.
pub fn attend_at(at: Option<Timestamp>) {
    if let Some(at) = at {
        NEXT.fetch_min(at.0, Ordering::AcqRel);
    }
}

/// An event was refused.
pub fn attend_to_gap(now: Timestamp) {
    attend_at(Some(now + GAP_GROWS));
}

/// A child was forked. If it rewrites the AOF, without an RDB preamble, the new AOF knows nothing of the ledger.
pub fn forked(rewrites_aof: bool) {
    if rewrites_aof {
        AOF_WANTS_ALL.store(true, Ordering::Relaxed);
        attend();
    }
}

fn wake() {
    attend();
    events::wake();
}

/// The thread that ships, as long as there is one.
static SHIPPER: Mutex<Option<Shipper>> = Mutex::new(None);

fn shipper() -> MutexGuard<'static, Option<Shipper>> {
    SHIPPER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does what is due.
pub fn before_sleep(tick: &Tick) {
    if NEXT.load(Ordering::Acquire) == u64::MAX {
        return;
    }
    let now = tick.now();
    if now.0 < NEXT.load(Ordering::Acquire) {
        return;
    }
    // Whatever comes in from here on asks for another round.
    NEXT.store(u64::MAX, Ordering::Release);
    attend_at(work(tick, now));
}

/// Does it, and returns when there will be something to do again.
fn work(tick: &Tick, now: Timestamp) -> Option<Timestamp> {
    let mut recorder = recorder::open();
    let mut shipper = shipper();
    if let Some(news) = status::take_news() {
        log::warning(&news);
    }
    if let Some(target) = settings::changed() {
        recorder.set_target(target);
        dismiss(&mut shipper);
    }
    if !tick.may_propagate() {
        // A pause, a failover, loading: what comes in waits in its channel.
        return Some(now + LOOK_AGAIN);
    }
    let next = if tick.is_primary() {
        lead(&mut recorder, &mut shipper, tick, now)
    } else {
        follow(&mut recorder, &mut shipper);
        None
    };
    if AOF_WANTS_ALL.swap(false, Ordering::Relaxed) && tick.has_aof() && !recorder.ledger().is_empty() {
        recorder.ledger().payloads().for_each(|payload| tick.append_to_aof(EFFECT, &payload));
    }
    next
}

/// What a primary does.
fn lead(
    recorder: &mut Recorder,
    shipper: &mut Option<Shipper>,
    tick: &Tick,
    now: Timestamp,
) -> Option<Timestamp> {
    let ships = recorder.target().is_some();
    if ships {
        recorder.owe();
    }
    take_shipped(recorder, shipper, now);
    let gap_is_open = recorder.close_gap(now);
    if gap_is_open {
        recorder.tell_gap();
    }
    if ships && config::SHIP.get() {
        alert_of_lag(recorder, now);
        hand_over(recorder, shipper, now);
    } else if shipper.is_some() {
        dismiss(shipper);
        recorder.hand_back();
    }
    recorder.send_made(|made| tick.replicate(EFFECT, made));
    next_look(recorder, shipper.is_some(), gap_is_open, now)
}

fn next_look(recorder: &Recorder, has_shipper: bool, gap_is_open: bool, now: Timestamp) -> Option<Timestamp> {
    let gap = gap_is_open.then_some(now + GAP_GROWS);
    if recorder.target().is_none() {
        return gap;
    }
    let batch = recorder.next_batch_at().filter(|_| config::SHIP.get());
    // Nothing tells of a directive that has changed, nor of time that goes by.
    let idle = recorder.ledger().queue().is_empty() && has_shipper;
    let look = (!idle || gap_is_open).then_some(now + LOOK_AGAIN);
    [gap, batch, look, Some(now + GAP_GROWS)].into_iter().flatten().min()
}

/// What a replica does: it ships nothing.
fn follow(recorder: &mut Recorder, shipper: &mut Option<Shipper>) {
    if shipper.is_some() {
        dismiss(shipper);
        recorder.hand_back();
    }
    recorder.forget_made();
}

fn dismiss(shipper: &mut Option<Shipper>) {
    if let Some(shipper) = shipper.take() {
        // It ends by itself.
        drop(shipper.dismiss());
        status::set(State::Idle);
    }
}

fn take_shipped(recorder: &mut Recorder, shipper: &mut Option<Shipper>, now: Timestamp) {
    let Some(thread) = shipper else { return };
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
        // It has panicked, which is counted and logged: another one begins where it was.
        *shipper = None;
        recorder.hand_back();
    }
}

fn hand_over(recorder: &mut Recorder, shipper: &mut Option<Shipper>, now: Timestamp) {
    let days = config::AUDIT_RETENTION_DAYS.get();
    if shipper.is_none() {
        let Some(target) = recorder.target() else { return };
        *shipper = Shipper::start(target.clone(), days, wake);
        recorder.hand_back();
    }
    // Without a thread to be had it is tried again.
    let Some(shipper) = shipper else { return };
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
    let most = u64::try_from(config::AUDIT_LAG_ALERT.get()).unwrap_or(0) * 1000;
    let lag = recorder.lag(now);
    if most == 0 || lag.0 <= most {
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
    let Some(shipper) = shipper().take() else { return };
    let thread = shipper.dismiss();
    let until = Instant::now() + PATIENCE;
    while !thread.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The server may find that it can't save, and go on: then another one begins where this one was.
    recorder::open().hand_back();
    attend();
}
