//! Numbers the lives of this copy of the data. A new life begins when the server has loaded data or
//! has become a primary: the last writes of the previous copy may have been lost then.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::text::time::Timestamp;

/// Lives count from 1. Sessions from elsewhere have life 0.
static LIFE: AtomicU32 = AtomicU32::new(1);
static SINCE: AtomicU64 = AtomicU64::new(0);

/// Begins a life.
pub(crate) fn begin(now: Timestamp) {
    LIFE.fetch_add(1, Ordering::Relaxed);
    SINCE.store(now.0, Ordering::Relaxed);
}

/// The current life and its beginning.
pub(crate) fn current() -> (u32, Timestamp) {
    (LIFE.load(Ordering::Relaxed), Timestamp(SINCE.load(Ordering::Relaxed)))
}
