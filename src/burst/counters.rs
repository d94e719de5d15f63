//! What burst detection counts.

use crate::server::info::{Counter, Section};

/// Calls of LW.BURST that were answered.
pub static CALLS: Counter = Counter::new();
/// Those that were answered with a burst.
pub static BURSTS: Counter = Counter::new();
/// Those that raised an alert.
pub static ALERTS: Counter = Counter::new();
/// Keys whose later entries were moved because the clock had stepped back.
pub static CLOCK_STEPS: Counter = Counter::new();

/// The section of `INFO lockwatch`.
pub const SECTION: Section = Section {
    name: c"burst",
    counters: &[
        (c"burst_calls_total", &CALLS),
        (c"burst_bursts_total", &BURSTS),
        (c"burst_alerts_total", &ALERTS),
        (c"burst_clock_steps_total", &CLOCK_STEPS),
    ],
    made: None,
};
