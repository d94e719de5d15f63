//! Times in milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix time.
pub fn now_ms() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
