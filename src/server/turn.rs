//! When it is somebody's turn before the event loop sleeps: most of the time it is nobody's, and one number is all that is
//! looked at.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::events::Tick;
use crate::text::time::Timestamp;

/// The turn of one who works there.
pub struct Turn {
    /// In Unix milliseconds.
    next: AtomicU64,
    /// What the clock showed when it was last asked.
    seen: AtomicU64,
    /// The AOF must be given the whole state: a rewrite of it, without an RDB preamble, knows nothing of it.
    aof_wants_all: AtomicBool,
}

impl Turn {
    /// One that comes at once.
    pub const fn new() -> Self {
        Self { next: AtomicU64::new(0), seen: AtomicU64::new(0), aof_wants_all: AtomicBool::new(false) }
    }

    /// It comes at once. From any thread.
    pub fn now(&self) {
        self.next.store(0, Ordering::Release);
    }

    /// It comes then, or earlier, if ever.
    pub fn at(&self, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.next.fetch_min(at.0, Ordering::AcqRel);
        }
    }

    /// A child was forked. If it rewrites the AOF, the new one wants all.
    pub fn forked(&self, rewrites_aof: bool) {
        if rewrites_aof {
            self.aof_wants_all.store(true, Ordering::Relaxed);
            self.now();
        }
    }

    /// Whether the AOF is to be given the whole state now.
    pub fn takes_aof(&self, tick: &Tick) -> bool {
        self.aof_wants_all.swap(false, Ordering::Relaxed) && tick.has_aof()
    }

    /// Has `work` done if its time has come; it says when it has something to do again.
    #[inline]
    pub fn take(&self, tick: &Tick, work: impl FnOnce(Timestamp) -> Option<Timestamp>) {
        if self.next.load(Ordering::Acquire) == u64::MAX {
            return;
        }
        let now = tick.now();
        let seen = self.seen.load(Ordering::Relaxed);
        self.seen.store(now.0, Ordering::Relaxed);
        // After the clock has stepped back the time may be far away by now: it is worked out anew.
        if now.0 < self.next.load(Ordering::Acquire) && now.0 >= seen {
            return;
        }
        // Whatever comes in from here on asks for another turn.
        self.next.store(u64::MAX, Ordering::Release);
        self.at(work(now));
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}
