//! The section `lockwatch_lease` of INFO.

use std::ffi::CStr;

use crate::server::info::{Section, Value};
use crate::server::native::{Boxed, NativeType};

use super::leases::Leases;
use super::{close, counters};

pub(crate) const SECTION: Section = Section {
    name: c"lease",
    counters: &[
        (c"lease_acquired_total", &counters::ACQUIRED),
        (c"lease_denied_total", &counters::DENIED),
        (c"lease_repeated_total", &counters::REPEATED),
        (c"lease_renewed_total", &counters::RENEWED),
        (c"lease_released_total", &counters::RELEASED),
        (c"lease_closed_total", &counters::CLOSED),
        (c"lease_missed_total", &counters::MISSED),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let (leases, connections) = close::counts();
    field(c"lease_onclose_leases", Value::Number(leases as u64));
    field(c"lease_onclose_connections", Value::Number(connections as u64));
    let handle = Boxed::<Leases>::handle();
    field(c"lease_keys", Value::Number(handle.keys.get()));
    field(c"lease_bytes", Value::Number(handle.bytes.get()));
    field(c"lease_leases", Value::Number(handle.items.get()));
}
