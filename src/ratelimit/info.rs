//! The section `lockwatch_ratelimit` of INFO.

use crate::server::info::Section;

use super::counters;

pub(crate) const SECTION: Section = Section {
    name: c"ratelimit",
    counters: &[
        (c"ratelimit_calls_total", &counters::CALLS),
        (c"ratelimit_denied_total", &counters::DENIED),
        (c"ratelimit_forced_total", &counters::FORCED),
        (c"ratelimit_peeks_total", &counters::PEEKS),
        (c"ratelimit_refunds_total", &counters::REFUNDS),
        (c"ratelimit_settles_total", &counters::SETTLES),
        (c"ratelimit_clock_steps_total", &counters::CLOCK_STEPS),
        (c"mratelimit_calls_total", &counters::MULTI_CALLS),
        (c"mratelimit_denied_total", &counters::MULTI_DENIED),
        (c"mratelimit_peeks_total", &counters::MULTI_PEEKS),
    ],
    made: None,
};
