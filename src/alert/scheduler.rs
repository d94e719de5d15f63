//! What happens before the event loop sleeps: new settings are loaded, results of the workers come
//! in, summaries and attempts that are due go out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::outbox::host::{Host, replicate};
use crate::server::blocked::{Answer, Waiting};
use crate::server::events::{self, Tick};
use crate::server::log::{self, Tally};
use crate::ship::SHIP;
use crate::text::time::Timestamp;

use super::attempt::Attempt;
use super::counters::DEAD_DROPPED;
use super::endpoint::EndpointId;
use super::state::queues::ENTRIES_PER_RUN;
use super::state::{self, State};
use super::test_run::{Report, TestRuns};
use super::wake::{self, DEADLINE};
use super::worker::Workers;

/// How long attempts in flight may take to end when the server shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Scheduler {
    workers: Option<Workers>,
    /// Grows when attempts that were handed over may be out of date.
    generation: u64,
    tests: TestRuns,
    /// Dead letters that gave way to newer ones.
    dropped: Tally,
    /// How many of those are counted in `dropped`.
    dropped_before: u64,
    /// The time of the last run, by which a clock that has stepped back is noticed.
    last_run: Timestamp,
}

static SCHEDULER: Mutex<Scheduler> = Mutex::new(Scheduler {
    workers: None,
    generation: 0,
    tests: TestRuns::new(),
    dropped: Tally::new(),
    dropped_before: 0,
    last_run: Timestamp(0),
});

/// Only the main thread locks it.
fn lock() -> MutexGuard<'static, Scheduler> {
    SCHEDULER.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn before_sleep(tick: &Tick) {
    DEADLINE.check(tick, |now| lock().run(tick, now));
}

/// Sends a test to each endpoint. `wait` blocks the client, unless it refuses; `answer` makes the
/// reply of the reports. Returns false if too many tests are running.
pub(crate) fn begin_test(
    wait: impl FnOnce() -> Option<Waiting>,
    attempts: Vec<Attempt>,
    answer: fn(Vec<Report>) -> Answer,
) -> bool {
    let mut scheduler = lock();
    if scheduler.tests.is_full() {
        return false;
    }
    let Some(waiting) = wait() else { return true };
    scheduler.tests.add(&attempts, waiting, answer);
    scheduler.workers().test(attempts);
    true
}

/// No new attempt begins, and those in flight have a moment to end. Alerts that are not delivered
/// are in the outbox.
pub(crate) fn shutdown() {
    // The workers are kept: the server may fail to save, and go on.
    if let Some(workers) = &mut lock().workers {
        workers.shutdown(SHUTDOWN_TIMEOUT);
    }
    wake::scheduler();
}

impl Scheduler {
    fn workers(&mut self) -> &mut Workers {
        self.workers.get_or_insert_with(|| Workers::new(wake::from_thread))
    }

    /// Does what is due. Returns when to run again.
    fn run(&mut self, tick: &Tick, now: Timestamp) -> Option<Timestamp> {
        let mut state = state::lock();
        if !tick.may_propagate() {
            // A pause, a failover, loading: results wait in their channel.
            return Some(now);
        }
        if tick.is_primary() {
            self.run_primary(&mut state, tick, now);
        } else {
            self.run_replica(&mut state, now);
        }
        state.free_emptied_queue();
        if state.has_queue_work() {
            // The next run comes as soon as the clients that wait were served.
            wake::from_thread();
        }
        state.next_due(SHIP.get()).filter(|_| tick.is_primary())
    }

    fn run_primary(&mut self, state: &mut State, tick: &Tick, now: Timestamp) {
        if let (Some(endpoints), Some(workers)) = (state.reload_settings(true), &mut self.workers) {
            workers.retain(&endpoints);
        }
        if now < std::mem::replace(&mut self.last_run, now) {
            state.replan(now);
        }
        if state.rebuild_queues() {
            self.generation += 1;
            if let Some(workers) = &mut self.workers {
                workers.recall(self.generation);
            }
        }
        while let Some(result) = self.workers.as_mut().and_then(Workers::next_result) {
            state.finish_attempt(result, now, events::random_u64());
        }
        self.finish_tests(state, now);
        self.log_dropped();
        state.queue_summaries(now);
        // An endpoint that answered 410 loses its queue.
        state.rebuild_queues();
        state.fill_queues(ENTRIES_PER_RUN, now);
        replicate(state, tick);
        if SHIP.get() {
            self.dispatch(state, now);
        }
    }

    fn log_dropped(&mut self) {
        let dropped = DEAD_DROPPED.get();
        self.dropped.add(dropped - std::mem::replace(&mut self.dropped_before, dropped));
        if let Some(count) = self.dropped.due(Instant::now()) {
            log::warning(&format!(
                "dead letters of alerts gave way to newer ones: {count}; see LW.ALERTS DEAD, REPLAY and DISCARD"
            ));
        }
    }

    /// A replica delivers nothing. It only keeps its settings up to date.
    fn run_replica(&mut self, state: &mut State, now: Timestamp) {
        state.reload_settings(false);
        state.drop_queues();
        if let Some(workers) = &mut self.workers {
            workers.retain(&[]);
            while workers.next_result().is_some() {}
        }
        self.finish_tests(state, now);
        state.outbox().forget_pending();
    }

    fn dispatch(&mut self, state: &mut State, now: Timestamp) {
        let generation = self.generation;
        let mut refused: Vec<(u64, EndpointId)> = Vec::new();
        while let Some(attempt) = state.next_attempt(now, generation) {
            if let Err(attempt) = self.workers().offer(attempt) {
                refused.push((attempt.id.seq, attempt.endpoint.id));
            }
        }
        // The queue of a worker is full, or the system has no thread to give: the next run tries
        // again.
        for (seq, endpoint) in refused {
            state.return_attempt(seq, endpoint);
        }
    }

    fn finish_tests(&mut self, state: &mut State, now: Timestamp) {
        while let Some(result) = self.workers.as_mut().and_then(Workers::next_test_result) {
            state.test_finished(result.endpoint, &result.status, now);
            self.tests.finish(result);
        }
    }
}
