//! The section `lockwatch_burst` of INFO.

use crate::server::info::Section;

use super::counters;

pub(crate) const SECTION: Section = Section {
    name: c"burst",
    counters: &[
        (c"burst_calls_total", &counters::CALLS),
        (c"burst_bursts_total", &counters::BURSTS),
        (c"burst_alerts_total", &counters::ALERTS),
        (c"burst_clock_steps_total", &counters::CLOCK_STEPS),
    ],
    made: None,
};
