//! The counters of the rate limiter. `info.rs` names them.

use crate::server::info::Counter;

/// Answered calls of LW.RATELIMIT.
pub(super) static CALLS: Counter = Counter::new();
/// Denied calls of LW.RATELIMIT.
pub(super) static DENIED: Counter = Counter::new();
/// Answered calls of LW.PEEK.
pub(super) static PEEKS: Counter = Counter::new();
/// Keys whose later entries moved to now because the clock had stepped back.
pub(super) static CLOCK_STEPS: Counter = Counter::new();
