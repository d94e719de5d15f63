//! The section `lockwatch_burst` of INFO.

use std::ffi::CStr;

use crate::server::info::{Section, Value};
use crate::window::extra::Extra;
use crate::window::native::Kind;

use super::cooldown::Cooldown;
use super::counters;

pub(crate) const SECTION: Section = Section {
    name: c"burst",
    counters: &[
        (c"burst_calls_total", &counters::CALLS),
        (c"burst_bursts_total", &counters::BURSTS),
        (c"burst_alerts_total", &counters::ALERTS),
        (c"burst_clock_steps_total", &counters::CLOCK_STEPS),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    field(c"burst_keys", Value::Number(Cooldown::handle().keys.get()));
    field(c"burst_bytes", Value::Number(Cooldown::bytes().get()));
}
