//! The body of a worker thread: takes an attempt, makes it and reports, until no attempt can come.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::alert::attempt::{Attempt, AttemptResult, DURATIONS};
use crate::alert::dial::{DialOptions, KEEP_ALIVE};
use crate::alert::webhook::{self, DeliveryStatus};
use crate::server::thread::guarded;

pub(super) struct Reporter {
    pub(super) results: Sender<AttemptResult>,
    pub(super) wake: fn(),
    /// Dropped when the thread ends: that is how `Workers` waits for all.
    pub(super) _alive: Sender<Infallible>,
}

impl Reporter {
    fn report(&self, attempt: &Attempt, status: DeliveryStatus, took: Duration) {
        // There is always room. Without a receiver nobody needs the result.
        let _ = self.results.try_send(attempt.finished(status, took));
    }
}

/// Makes the attempts of one endpoint. Ends when the other end of `queue` is dropped; starts no new
/// attempt after `closing`.
pub(super) fn serve(queue: &Receiver<Attempt>, reporter: &Reporter, closing: &Arc<AtomicBool>) {
    let mut sender = webhook::Sender::default();
    while let Some(attempt) = next(queue, &mut sender) {
        let is_open = !closing.load(Ordering::Relaxed);
        let is_delivered = is_open && make(&attempt, &mut sender, reporter);
        if !is_open {
            reporter.report(&attempt, DeliveryStatus::NotAttempted, Duration::ZERO);
        }
        if !is_delivered {
            // What failed for one will fail for the next: the main thread decides when to try
            // again.
            for attempt in queue.try_iter() {
                reporter.report(&attempt, DeliveryStatus::NotAttempted, Duration::ZERO);
            }
        }
        (reporter.wake)();
    }
}

pub(super) fn make_one(attempt: &Attempt, reporter: &Reporter) {
    make(attempt, &mut webhook::Sender::default(), reporter);
    (reporter.wake)();
}

/// The next attempt; `None` if none can come. An idle connection is closed after a while.
fn next(queue: &Receiver<Attempt>, sender: &mut webhook::Sender) -> Option<Attempt> {
    match queue.recv_timeout(KEEP_ALIVE) {
        Ok(attempt) => Some(attempt),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            sender.disconnect();
            queue.recv().ok()
        }
    }
}

/// Makes an attempt and reports. Returns whether the alert was delivered.
fn make(attempt: &Attempt, sender: &mut webhook::Sender, reporter: &Reporter) -> bool {
    let options = DialOptions { timeout: attempt.timeout, allow_private: attempt.allow_private };
    let started = Instant::now();
    // A panic loses neither the attempt nor the thread.
    let status = guarded(|| sender.send(attempt.id, &attempt.alert, &attempt.endpoint, options));
    let status = status.unwrap_or_else(|| {
        *sender = webhook::Sender::default();
        DeliveryStatus::no_answer("internal error: the try panicked")
    });
    let is_delivered = status.is_delivered();
    let took = started.elapsed();
    DURATIONS.observe(took);
    reporter.report(attempt, status, took);
    is_delivered
}
