//! A deadline checked before the event loop sleeps. The idle path is one atomic load.

use std::sync::atomic::{AtomicU64, Ordering};

use super::events::{self, Tick};
use crate::text::time::Timestamp;

pub(crate) struct Deadline {
    /// In Unix milliseconds.
    next: AtomicU64,
    /// The time of the last check, by which a clock that has stepped back is noticed.
    checked: AtomicU64,
}

impl Deadline {
    /// A deadline that has passed.
    pub(crate) const fn new() -> Self {
        Self { next: AtomicU64::new(0), checked: AtomicU64::new(0) }
    }

    /// The work is due at once. To be called on the main thread, which is going to check before it
    /// sleeps.
    pub(crate) fn expire(&self) {
        self.next.store(0, Ordering::Release);
    }

    /// Like [`Deadline::expire`], from any thread: also wakes the event loop.
    pub(crate) fn expire_and_wake(&self) {
        self.expire();
        events::wake();
    }

    /// The work is due at `at`, or earlier if an earlier time was set.
    pub(crate) fn set(&self, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.next.fetch_min(at.0, Ordering::AcqRel);
        }
    }

    /// Runs `work` if the deadline has passed; `work` returns the next one.
    #[inline]
    pub(crate) fn check(&self, tick: &Tick, work: impl FnOnce(Timestamp) -> Option<Timestamp>) {
        if self.next.load(Ordering::Acquire) == u64::MAX {
            return;
        }
        let now = tick.now();
        if self.is_due(now) {
            // A deadline that is set while `work` runs is kept.
            self.next.store(u64::MAX, Ordering::Release);
            self.set(work(now));
        }
    }

    /// After the clock has stepped back the deadline may be far away, so the work is due, which
    /// computes it anew.
    #[inline]
    fn is_due(&self, now: Timestamp) -> bool {
        let checked = self.checked.swap(now.0, Ordering::Relaxed);
        now.0 >= self.next.load(Ordering::Acquire) || now.0 < checked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_due_at_its_time_and_when_the_clock_has_stepped_back() {
        let deadline = Deadline::new();
        assert!(deadline.is_due(Timestamp(1000)), "a new one has passed");
        deadline.next.store(u64::MAX, Ordering::Release);
        deadline.set(Some(Timestamp(90_000_000)));
        assert!(!deadline.is_due(Timestamp(1000)));
        assert!(!deadline.is_due(Timestamp(1001)));
        // The clock was a day ahead when the deadline was set, and is corrected.
        assert!(deadline.is_due(Timestamp(900)));
        assert!(!deadline.is_due(Timestamp(900)), "a step counts once");
        assert!(!deadline.is_due(Timestamp(89_999_999)));
        assert!(deadline.is_due(Timestamp(90_000_000)));
        deadline.set(Some(Timestamp(95_000_000)));
        assert!(deadline.is_due(Timestamp(90_000_001)), "an earlier one stays");
        deadline.expire();
        assert!(deadline.is_due(Timestamp(90_000_002)));
    }
}
