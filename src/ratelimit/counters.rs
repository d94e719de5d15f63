//! What the rate limiter counts.

use crate::server::info::{Counter, Section};

/// Calls of LW.RATELIMIT that were answered.
pub static CALLS: Counter = Counter::new();
/// Those that were denied.
pub static DENIED: Counter = Counter::new();
/// Calls of LW.PEEK that were answered.
pub static PEEKS: Counter = Counter::new();
/// Keys whose later entries were moved because the clock had stepped back.
pub static CLOCK_STEPS: Counter = Counter::new();

/// The section of `INFO lockwatch`.
pub const SECTION: Section = Section {
    name: c"ratelimit",
    counters: &[
        (c"ratelimit_calls_total", &CALLS),
        (c"ratelimit_denied_total", &DENIED),
        (c"ratelimit_peeks_total", &PEEKS),
        (c"ratelimit_clock_steps_total", &CLOCK_STEPS),
    ],
    made: None,
};
