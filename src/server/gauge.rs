//! Gauges: numbers of INFO that rise and fall.

use std::sync::atomic::{AtomicU64, Ordering};

/// A sum that any thread may change. The server frees values on threads of its own.
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn subtract(&self, n: usize) {
        self.0.fetch_sub(n as u64, Ordering::Relaxed);
    }

    /// Replaces what one value adds to the sum.
    #[inline]
    pub(crate) fn replace(&self, before: usize, after: usize) {
        if before != after {
            self.0.fetch_add((after as u64).wrapping_sub(before as u64), Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}
