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
        let checked = self.checked.swap(now.0, Ordering::Relaxed);
        // After the clock has stepped back the deadline may be far away: it is computed anew.
        if now.0 < self.next.load(Ordering::Acquire) && now.0 >= checked {
            return;
        }
        // A deadline that is set while `work` runs is kept.
        self.next.store(u64::MAX, Ordering::Release);
        self.set(work(now));
    }
}
