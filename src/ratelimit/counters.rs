//! What the rate limiter counts.

use crate::server::info::Counter;

/// Calls of LW.RATELIMIT that were answered.
pub static CALLS: Counter = Counter::new();
/// Those that were denied.
pub static DENIED: Counter = Counter::new();
/// Calls of LW.PEEK that were answered.
pub static PEEKS: Counter = Counter::new();
/// Keys whose later entries were moved because the clock had stepped back.
pub static CLOCK_STEPS: Counter = Counter::new();
