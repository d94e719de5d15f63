//! What burst detection counts.

use crate::server::info::Counter;

/// Calls of LW.BURST that were answered.
pub static CALLS: Counter = Counter::new();
/// Those that were answered with a burst.
pub static BURSTS: Counter = Counter::new();
/// Those that raised an alert.
pub static ALERTS: Counter = Counter::new();
/// Keys whose later entries were moved because the clock had stepped back.
pub static CLOCK_STEPS: Counter = Counter::new();
