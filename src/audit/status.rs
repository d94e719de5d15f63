//! The status of the shipper: written by its thread, read by INFO, the log and alerts. The lock is
//! held only to copy.
//!
//! The log gets one line when something starts to fail, when its reason changes and when it works
//! again, and at most one in [`QUIET`]: of changes that follow each other faster only the last is
//! logged.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::histogram::Histogram;
use crate::text::time::Timestamp;

/// How long each batch that Postgres has taken took, in milliseconds.
pub(crate) static DURATIONS: Histogram<14> =
    Histogram::new([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ShipperState {
    /// There is no thread: this is a replica, or nothing had to be shipped yet.
    #[default]
    Idle,
    Connecting,
    Connected,
    /// Something failed. It waits before it tries again.
    Waiting,
}

impl ShipperState {
    /// As INFO shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub state: ShipperState,
    /// The number of batches that Postgres has taken.
    pub batches: u64,
    /// The number of failures after which it tried again.
    pub retries: u64,
    /// Empty if nothing has failed.
    pub last_error: String,
    pub last_error_at: Timestamp,
    /// Postgres refuses every event.
    pub refuses_all: bool,
    /// The dead letters are full, so that nothing is shipped.
    pub dead_are_full: bool,
    /// Why the shipper waits; empty if it does not.
    waits_for: String,
    /// Why the maintenance of partitions failed; empty if it did not.
    unmaintained: String,
    /// Why events of a day go to the DEFAULT partition; empty if they do not.
    in_default: String,
}

/// What `last_error` says while the dead letters are full.
pub(crate) const DEAD_ARE_FULL: &str =
    "the dead letters are full: see LW.AUDITLOG DEAD, then use LW.AUDITLOG REPLAY or DISCARD";

static STATUS: Mutex<Status> = Mutex::new(Status {
    state: ShipperState::Idle,
    batches: 0,
    retries: 0,
    last_error: String::new(),
    last_error_at: Timestamp(0),
    refuses_all: false,
    dead_are_full: false,
    waits_for: String::new(),
    unmaintained: String::new(),
    in_default: String::new(),
});

fn status() -> MutexGuard<'static, Status> {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read() -> Status {
    let mut status = status().clone();
    if status.dead_are_full {
        status.state = ShipperState::Waiting;
    }
    status
}

/// Whether Postgres refuses every event.
pub(crate) fn refuses_all() -> bool {
    status().refuses_all
}

pub(crate) fn set(state: ShipperState) {
    let mut status = status();
    if state != ShipperState::Connecting {
        status.refuses_all = false;
        status.waits_for.clear();
    }
    status.state = state;
}

/// Postgres has taken a batch.
pub(crate) fn count_batch(took: Duration) {
    DURATIONS.observe(took);
    status().batches += 1;
}

/// Something failed, after which the shipper waits.
pub(crate) fn failed(reason: &str, refuses_all: bool) {
    let mut status = status();
    status.state = ShipperState::Waiting;
    status.retries += 1;
    status.refuses_all = refuses_all;
    reason.clone_into(&mut status.waits_for);
    status.note(reason);
}

/// Whether events wait because there is no room for dead letters.
pub(crate) fn set_dead_are_full(are_full: bool) {
    let mut status = status();
    status.dead_are_full = are_full;
    if are_full {
        status.note(DEAD_ARE_FULL);
    }
}

/// The maintenance of partitions failed, which holds up no event.
pub(crate) fn maintenance_failed(reason: &str) {
    let mut status = status();
    let reason = format!("partitions can't be looked after: {reason}");
    status.note(&reason);
    status.unmaintained = reason;
}

pub(crate) fn maintenance_succeeded() {
    status().unmaintained.clear();
}

/// Events of a day go to the DEFAULT partition, which holds up none.
pub(crate) fn uses_default_partition(why: &str) {
    let mut status = status();
    status.note(why);
    why.clone_into(&mut status.in_default);
}

impl Status {
    fn note(&mut self, reason: &str) {
        reason.clone_into(&mut self.last_error);
        self.last_error_at = Timestamp::from_system_clock();
    }
}

/// The minimum time between two lines about the same matter.
const QUIET: Duration = Duration::from_secs(5);

/// What the log says about one matter.
struct Line {
    /// The trouble that was logged last; empty if all was well.
    trouble: String,
    at: Option<Instant>,
}

impl Line {
    const NONE: Self = Self { trouble: String::new(), at: None };

    /// Returns what to log if `trouble` has changed; empty if there is none.
    fn next(&mut self, trouble: &str, relief: &str, now: Instant) -> Option<String> {
        let is_quiet = self.at.is_some_and(|at| now.duration_since(at) < QUIET);
        if self.trouble == trouble || is_quiet {
            return None;
        }
        trouble.clone_into(&mut self.trouble);
        self.at = Some(now);
        Some(if trouble.is_empty() { relief.into() } else { trouble.into() })
    }
}

/// What was logged about shipping, about partitions and about the DEFAULT partition.
static LOGGED: Mutex<[Line; 3]> = Mutex::new([Line::NONE, Line::NONE, Line::NONE]);

/// The next message for the log, which the main thread writes.
pub(crate) fn next_message(now: Instant) -> Option<String> {
    let status = status();
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    let [shipping, partitions, in_default] = &mut *logged;
    let trouble = if status.dead_are_full {
        format!("audit events wait: {DEAD_ARE_FULL}")
    } else if status.waits_for.is_empty() {
        String::new()
    } else {
        format!("audit events wait for Postgres: {}", status.waits_for)
    };
    // Until Postgres has taken something, nothing is known.
    let is_known = !trouble.is_empty() || status.state == ShipperState::Connected;
    let line = is_known.then(|| shipping.next(&trouble, "Postgres takes audit events again", now)).flatten();
    line.or_else(|| partitions.next(&status.unmaintained, "partitions are looked after again", now))
        .or_else(|| in_default.next(&status.in_default, "", now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_quick_changes_the_last_one_is_logged() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut line = Line::NONE;
        assert_eq!(line.next("", "well", at(0)), None);
        assert_eq!(line.next("a", "well", at(0)).as_deref(), Some("a"));
        for ms in 1..5000 {
            let trouble = ["b", "", "a"][ms as usize % 3];
            assert_eq!(line.next(trouble, "well", at(ms)), None);
        }
        assert_eq!(line.next("a", "well", at(5000)), None);
        assert_eq!(line.next("b", "well", at(5001)).as_deref(), Some("b"));
        assert_eq!(line.next("", "well", at(10_001)).as_deref(), Some("well"));
    }
}
