//! The section of the audit log in `INFO lockwatch`.

use std::ffi::CStr;

use crate::server::clock;
use crate::server::info::{Section, Value};
use crate::ship::SHIP;

use super::counters::{APPENDED, DEAD, DROPPED, ERASED, EXPIRED, GAPS, OVERWRITTEN, REFUSED, SHIPPED};
use super::settings::{AUDIT_MAX_BYTES, AUDIT_MAX_EVENTS};
use super::status::ShipperState;
use super::{state, status};

pub(crate) const SECTION: Section = Section {
    name: c"audit",
    counters: &[
        (c"audit_appended_total", &APPENDED),
        (c"audit_shipped_total", &SHIPPED),
        (c"audit_expired_total", &EXPIRED),
        (c"audit_refused_total", &REFUSED),
        (c"audit_gaps_total", &GAPS),
        (c"audit_dead_total", &DEAD),
        (c"audit_dropped_total", &DROPPED),
        (c"audit_overwritten_total", &OVERWRITTEN),
        (c"audit_erased_total", &ERASED),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let state = state::lock();
    let outbox = state.contents();
    let held = outbox.queue().len() as u64;
    // Without a database the events are the log and wait for nothing.
    let ships = state.target().is_some();
    field(c"audit_events", Value::Number(held));
    field(c"audit_bytes", Value::Number(outbox.bytes() as u64));
    field(c"audit_max_events", Value::Number(AUDIT_MAX_EVENTS.get() as u64));
    field(c"audit_max_bytes", Value::Number(AUDIT_MAX_BYTES.get() as u64));
    field(c"audit_pending", Value::Number(if ships { held } else { 0 }));
    field(c"audit_lag_ms", Value::Number(state.lag(clock::now()).0));
    field(c"audit_gap", Value::Number(outbox.extension().gap().map_or(0, |gap| gap.count)));
    field(c"audit_dead", Value::Number(outbox.dead().len() as u64));
    field(c"audit_postgres", Value::Text(state.target().map_or("", |target| target.label())));
    let status = status::read();
    let (name, number) = if !SHIP.get() {
        ("held", HELD)
    } else if !ships {
        ("off", OFF)
    } else {
        (status.state.name(), number(status.state))
    };
    field(c"audit_state", Value::Text(name));
    field(c"audit_state_number", Value::Number(number));
    field(c"audit_batches_total", Value::Number(status.batches));
    field(c"audit_retries_total", Value::Number(status.retries));
    field(c"audit_ship_ms", Value::Text(&status::DURATIONS.line()));
    field(c"audit_last_error", Value::Text(&status.last_error));
    field(c"audit_last_error_ms", Value::Number(status.last_error_at.0));
}

/// There is no database.
const OFF: u64 = 0;
/// `ship no` holds everything back.
const HELD: u64 = 2;

/// The state as a number. 4 and above mean that there is no connection.
fn number(state: ShipperState) -> u64 {
    match state {
        ShipperState::Idle => 1,
        ShipperState::Connected => 3,
        ShipperState::Connecting => 4,
        ShipperState::Waiting => 5,
    }
}
