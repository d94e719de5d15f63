//! The counters of CL.THROTTLE. `info.rs` names them.

use crate::server::info::Counter;

/// Answered calls.
pub(super) static CALLS: Counter = Counter::new();
/// Denied calls.
pub(super) static DENIED: Counter = Counter::new();
