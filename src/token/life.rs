//! Which life of this copy of the data it is: a new one begins when the server has loaded data or becomes a primary, which is
//! when the last writes of the copy before may have been lost.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::text::time::Timestamp;

/// Lives are counted from 1: 0 marks what came from elsewhere.
static LIFE: AtomicU32 = AtomicU32::new(1);
static SINCE: AtomicU64 = AtomicU64::new(0);

/// A life begins.
pub fn begin(now: Timestamp) {
    LIFE.fetch_add(1, Ordering::Relaxed);
    SINCE.store(now.0, Ordering::Relaxed);
}

/// Which it is, and since when.
pub fn current() -> (u32, Timestamp) {
    (LIFE.load(Ordering::Relaxed), Timestamp(SINCE.load(Ordering::Relaxed)))
}
