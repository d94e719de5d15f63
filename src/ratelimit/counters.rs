//! The counters of the rate limiter. `info.rs` names them.

use crate::server::info::Counter;

/// Answered calls of LW.RATELIMIT.
pub(super) static CALLS: Counter = Counter::new();
/// Denied calls of LW.RATELIMIT, without those that FORCE recorded.
pub(super) static DENIED: Counter = Counter::new();
/// Answered calls of LW.RATELIMIT with FORCE, which are never counted as denied.
pub(super) static FORCED: Counter = Counter::new();
/// Answered calls of LW.REFUND and LW.SETTLE.
pub(super) static REFUNDS: Counter = Counter::new();
pub(super) static SETTLES: Counter = Counter::new();
/// Answered calls of LW.PEEK.
pub(super) static PEEKS: Counter = Counter::new();
/// Answered calls of LW.MRATELIMIT.
pub(super) static MULTI_CALLS: Counter = Counter::new();
/// Denied calls of LW.MRATELIMIT.
pub(super) static MULTI_DENIED: Counter = Counter::new();
/// Answered calls of LW.MPEEK.
pub(super) static MULTI_PEEKS: Counter = Counter::new();
/// Keys whose later entries moved to now because the clock had stepped back.
pub(super) static CLOCK_STEPS: Counter = Counter::new();
