//! Wakes the scheduler of the alerts.

use crate::server::deadline::Deadline;

/// When the scheduler has to run next.
pub(crate) static DEADLINE: Deadline = Deadline::new();

/// The scheduler runs before the event loop sleeps. For the main thread: commands, settings, server
/// events.
pub(crate) fn scheduler() {
    DEADLINE.expire();
}

/// The scheduler runs soon. For worker threads.
pub(crate) fn from_thread() {
    DEADLINE.expire_and_wake();
}
