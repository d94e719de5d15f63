//! Wakes the scheduler of the audit log.

use crate::server::deadline::Deadline;
use crate::text::time::{Span, Timestamp};

/// How often the size of a growing gap is replicated.
pub(crate) const GAP_INTERVAL: Span = Span(1000);

/// When the scheduler has to run next.
pub(crate) static DEADLINE: Deadline = Deadline::new();

/// The scheduler runs before the event loop sleeps. For the main thread: commands, settings, server
/// events.
pub(crate) fn scheduler() {
    DEADLINE.expire();
}

/// The scheduler runs at `at`, if that is a time.
pub(crate) fn scheduler_at(at: Option<Timestamp>) {
    DEADLINE.set(at);
}

/// The scheduler replicates the gap soon: an event was refused at `now`.
pub(crate) fn for_gap(now: Timestamp) {
    DEADLINE.set(Some(now + GAP_INTERVAL));
}

/// The scheduler runs soon. For worker threads.
pub(crate) fn from_thread() {
    DEADLINE.expire_and_wake();
}
