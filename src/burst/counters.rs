//! The counters of burst detection. `info.rs` names them.

use crate::server::info::Counter;

/// Answered calls of LW.BURST.
pub(super) static CALLS: Counter = Counter::new();
/// Calls that were in a burst.
pub(super) static BURSTS: Counter = Counter::new();
/// Calls that raised an alert.
pub(super) static ALERTS: Counter = Counter::new();
/// Keys whose later entries moved to now because the clock had stepped back.
pub(super) static CLOCK_STEPS: Counter = Counter::new();
