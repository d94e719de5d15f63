//! The server's wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::text::time::Timestamp;

use super::api::api;

/// The wall clock in force. Main thread only; a command reads it once.
pub(crate) fn now() -> Timestamp {
    let milliseconds = api!(RedisModule_Milliseconds);
    // SAFETY: RedisModule_Milliseconds has no preconditions.
    let ms = unsafe { milliseconds() };
    #[cfg(feature = "debug-commands")]
    let ms = debug::time(ms);
    Timestamp(u64::try_from(ms).unwrap_or(0))
}

/// The same clock in nanoseconds since 1970, read from the system, because Redis 7.0 has no finer
/// one than milliseconds.
pub(crate) fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ns = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
    #[cfg(feature = "debug-commands")]
    let ns = debug::time_ns(ns);
    u64::try_from(ns).unwrap_or(0)
}

/// Moves the clock in tests.
#[cfg(feature = "debug-commands")]
pub(crate) mod debug {
    use std::sync::atomic::{AtomicI64, Ordering};

    /// The offset in milliseconds.
    pub(crate) static STEP: AtomicI64 = AtomicI64::new(0);
    /// The time at which the clock stands still; 0 if it runs.
    pub(crate) static STOPPED: AtomicI64 = AtomicI64::new(0);

    /// Stops the clock at the time in `LOCKWATCH_CLOCK`, if there is one: before data is loaded, when
    /// no client can.
    pub(crate) fn read_environment() {
        let stopped = std::env::var("LOCKWATCH_CLOCK").ok().and_then(|ms| ms.parse().ok());
        if let Some(ms) = stopped {
            STOPPED.store(ms, Ordering::Relaxed);
        }
    }

    /// The time that tests want where the server's clock shows `ms`.
    pub(super) fn time(ms: i64) -> i64 {
        match STOPPED.load(Ordering::Relaxed) {
            0 => ms.saturating_add(STEP.load(Ordering::Relaxed)),
            stopped => stopped,
        }
    }

    /// The same in nanoseconds.
    pub(super) fn time_ns(ns: i64) -> i64 {
        match STOPPED.load(Ordering::Relaxed) {
            0 => ns.saturating_add(STEP.load(Ordering::Relaxed).saturating_mul(1_000_000)),
            stopped => stopped.saturating_mul(1_000_000),
        }
    }
}
