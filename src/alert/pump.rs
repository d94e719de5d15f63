//! What happens before the event loop sleeps: settings come into force, answers of the workers come in, summaries and
//! tries that are due go out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::journal::id::Id;
use crate::server::blocked::Waiting;
use crate::server::events::{self, Tick};
use crate::server::log;
use crate::server::turn::Turn;
use crate::ship::SHIP;
use crate::text::time::Timestamp;

use super::apply::EFFECT;
use super::change::{encode, encode_snapshot};
use super::desk::{self, Desk};
use super::endpoint::{Endpoint, EndpointId};
use super::manage;
use super::manage::test::Report;
use super::worker::{Answer, Order, Outcome, Pool};

static TURN: Turn = Turn::new();

/// How long tries that are under way may take to end when the server does.
const PATIENCE: Duration = Duration::from_secs(1);

/// There is something to do. From any thread.
pub fn attend() {
    TURN.now();
}

/// A child was forked.
pub fn forked(rewrites_aof: bool) {
    TURN.forked(rewrites_aof);
}

fn wake() {
    attend();
    events::wake();
}

/// The workers and what they are asked, on the main thread.
#[derive(Default)]
struct Workers {
    pool: Option<Pool>,
    generation: u64,
    tests: Vec<Test>,
}

/// A client that waits for a test.
struct Test {
    /// The id of the alert that the endpoints get.
    id: Id,
    waiting: Waiting,
    /// What each endpoint has answered, so far.
    reports: Vec<(Arc<Endpoint>, Option<Outcome>)>,
}

/// How many tests may be under way.
const MOST_TESTS: usize = 8;

static WORKERS: Mutex<Workers> = Mutex::new(Workers { pool: None, generation: 0, tests: Vec::new() });

fn workers() -> MutexGuard<'static, Workers> {
    WORKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workers {
    fn pool(&mut self) -> &mut Pool {
        self.pool.get_or_insert_with(|| Pool::new(wake))
    }
}

/// Does what is due.
pub fn before_sleep(tick: &Tick) {
    TURN.take(tick, |now| work(tick, now));
}

/// Does it, and returns when there will be something to do again.
fn work(tick: &Tick, now: Timestamp) -> Option<Timestamp> {
    let mut desk = desk::open();
    let mut workers = workers();
    if !tick.may_propagate() {
        // A pause, a failover, loading: what comes in waits in its channel.
        return Some(now);
    }
    if tick.is_primary() {
        lead(&mut desk, &mut workers, tick, now);
    } else {
        follow(&mut desk, &mut workers);
    }
    if TURN.takes_aof(tick) && !desk.outbox().is_empty() {
        tick.append_to_aof(EFFECT, &encode_snapshot(desk.outbox()));
    }
    desk.next_due(SHIP.get()).filter(|_| tick.is_primary())
}

/// What a primary does.
fn lead(desk: &mut Desk, workers: &mut Workers, tick: &Tick, now: Timestamp) {
    if let Some(endpoints) = desk.take_settings(true) {
        if let Some(pool) = &mut workers.pool {
            pool.retain(&endpoints);
        }
    }
    if desk.lay_lanes() {
        workers.generation += 1;
        if let Some(pool) = &mut workers.pool {
            pool.recall(workers.generation);
        }
    }
    take_outcomes(desk, workers, now);
    finish_tests(desk, workers);
    desk.roll_up(now);
    // An endpoint that was found gone leaves its lane.
    desk.lay_lanes();
    let made = desk.take_made();
    if !made.is_empty() {
        tick.replicate(EFFECT, &encode(&made));
    }
    if SHIP.get() {
        dispatch(desk, workers, now);
    }
}

/// What a replica does: it delivers nothing, and its settings wait until it is asked to.
fn follow(desk: &mut Desk, workers: &mut Workers) {
    desk.take_settings(false);
    desk.close_lanes();
    if let Some(pool) = &mut workers.pool {
        pool.retain(&[]);
        while pool.outcomes().is_some() {}
    }
    finish_tests(desk, workers);
    drop(desk.take_made());
}

fn take_outcomes(desk: &mut Desk, workers: &mut Workers, now: Timestamp) {
    let Some(pool) = &mut workers.pool else { return };
    while let Some(outcome) = pool.outcomes() {
        if matches!(outcome.answer, Answer::Gone) {
            tell_gone(desk, &outcome);
        }
        desk.take_outcome(outcome, now, events::random_u64());
    }
}

fn tell_gone(desk: &Desk, outcome: &Outcome) {
    let endpoint = desk.settings().endpoints.iter().find(|endpoint| endpoint.id == outcome.endpoint);
    if let Some(endpoint) = endpoint {
        log::warning(&format!(
            "the webhook endpoint at {} answered 410 (gone) and gets no more alerts until it is set again",
            endpoint.label
        ));
    }
}

fn dispatch(desk: &mut Desk, workers: &mut Workers, now: Timestamp) {
    let generation = workers.generation;
    let mut held: Vec<(u64, EndpointId)> = Vec::new();
    while let Some(order) = desk.next_order(now, generation) {
        if let Err(order) = workers.pool().offer(order) {
            held.push((order.id.seq, order.endpoint.id));
        }
    }
    // A queue is full, or the system has no thread to give: they stay due, and the next round tries again.
    for (seq, endpoint) in held {
        desk.not_sent(seq, endpoint);
    }
}

/// Sends a test to each endpoint: orders of one alert. The client that `wait` makes wait hears what they say. False if
/// too many tests are under way.
pub fn begin_test(wait: impl FnOnce() -> Option<Waiting>, id: Id, orders: Vec<Order>) -> bool {
    let mut workers = workers();
    if workers.tests.len() >= MOST_TESTS {
        return false;
    }
    let Some(waiting) = wait() else { return true };
    let reports = orders.iter().map(|order| (Arc::clone(&order.endpoint), None)).collect();
    workers.pool().test(orders);
    workers.tests.push(Test { id, waiting, reports });
    true
}

fn finish_tests(desk: &mut Desk, workers: &mut Workers) {
    let Workers { pool: Some(pool), tests, .. } = workers else { return };
    while let Some(outcome) = pool.test_outcomes() {
        if matches!(outcome.answer, Answer::Delivered { .. }) {
            desk.is_well(outcome.endpoint);
        }
        let Some(test) = tests.iter_mut().find(|test| test.id == outcome.id) else { continue };
        let report = test.reports.iter_mut().find(|(endpoint, _)| endpoint.id == outcome.endpoint);
        if let Some((_, report)) = report {
            *report = Some(outcome);
        }
    }
    let is_over = |test: &Test| test.reports.iter().all(|(_, report)| report.is_some());
    let (over, waiting) = std::mem::take(tests).into_iter().partition(is_over);
    *tests = waiting;
    for Test { waiting, reports, .. } in Vec::into_iter(over) {
        let report = |(endpoint, outcome): (Arc<Endpoint>, Option<Outcome>)| {
            Some(Report { label: endpoint.label.clone(), outcome: outcome? })
        };
        waiting.answer(manage::test::answer(reports.into_iter().filter_map(report).collect()));
    }
}

/// The server ends: no try begins any more, and those under way have a moment to end. What was not delivered is in the
/// journal.
pub fn shutdown() {
    // It is kept: the server may find that it can't save, and go on.
    if let Some(pool) = &mut workers().pool {
        pool.shutdown(PATIENCE);
    }
    attend();
}
