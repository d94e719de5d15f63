//! The section `lockwatch_ratelimit` of INFO.

use std::ffi::CStr;

use crate::server::info::{Section, Value};
use crate::window::extra::Extra;
use crate::window::native::Kind;

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
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    field(c"ratelimit_keys", Value::Number(<() as Kind>::handle().keys.get()));
    field(c"ratelimit_bytes", Value::Number(<() as Extra>::bytes().get()));
}
