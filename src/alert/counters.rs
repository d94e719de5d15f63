//! What the alerts count, and what INFO says of them.

use std::ffi::{CStr, CString};

use crate::server::clock;
use crate::server::info::{Counter, Section, Value};

use super::desk::{self, Desk};
use super::endpoint::Endpoint;
use super::lane::Lane;

/// Alerts that were raised, those that went into a summary included.
pub static RAISED: Counter = Counter::new();
/// Deliveries: an alert that two endpoints took counts twice.
pub static DELIVERED: Counter = Counter::new();
/// Tries that have failed and are tried again.
pub static RETRIED: Counter = Counter::new();
/// Deliveries that were given up after the last try.
pub static DEAD: Counter = Counter::new();
/// Alerts that were lost for want of room, and dead letters that had to go.
pub static DROPPED: Counter = Counter::new();
/// Calls of LW.ALERT that were refused for want of room.
pub static REFUSED: Counter = Counter::new();
/// Calls of LW.ALERT whose DEDUP text was raised before.
pub static DEDUPLICATED: Counter = Counter::new();
/// Alerts that went into a summary.
pub static ROLLED_UP: Counter = Counter::new();

/// The section of `INFO lockwatch`.
pub const SECTION: Section = Section {
    name: c"alert",
    counters: &[
        (c"alert_raised_total", &RAISED),
        (c"alert_delivered_total", &DELIVERED),
        (c"alert_retried_total", &RETRIED),
        (c"alert_dead_total", &DEAD),
        (c"alert_dropped_total", &DROPPED),
        (c"alert_refused_total", &REFUSED),
        (c"alert_deduplicated_total", &DEDUPLICATED),
        (c"alert_rolled_up_total", &ROLLED_UP),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let desk = desk::open();
    let waiting = desk.outbox().waiting();
    let oldest = waiting.front().map_or(0, |(id, _)| (clock::now() - id.at).0);
    field(c"alert_queued", Value::Number((waiting.len() + desk.outbox().rollup().summaries()) as u64));
    field(c"alert_queued_bytes", Value::Number(waiting.bytes() as u64));
    field(c"alert_dead", Value::Number(desk.outbox().dead().len() as u64));
    field(c"alert_oldest_ms", Value::Number(oldest));
    field(c"alert_endpoints", Value::Number(desk.settings().endpoints.len() as u64));
    for (i, endpoint) in desk.settings().endpoints.iter().enumerate() {
        let Ok(name) = CString::new(format!("alert_endpoint_{i}")) else { continue };
        let lane = desk.lanes().iter().find(|lane| lane.endpoint.id == endpoint.id);
        field(&name, Value::Text(&endpoint_line(&desk, endpoint, lane)));
    }
}

/// `url=…,state=…,…`, as the server's own lines for replicas are.
fn endpoint_line(desk: &Desk, endpoint: &Endpoint, lane: Option<&Lane>) -> String {
    let label = &endpoint.label;
    let Some(lane) = lane else {
        // It has no lane on a replica, and where nothing has been sent yet.
        let state = if desk.outbox().disabled().contains(&endpoint.id) { "disabled" } else { "idle" };
        return format!("url={label},state={state},pending=0,delivered=0,failed=0,last_status=0,last_error=");
    };
    let state = match () {
        () if lane.is_open() => "open",
        () if lane.is_failing() => "failing",
        () => "ok",
    };
    // A comma would end the value.
    let error = lane.last_error.replace([',', '='], " ");
    format!(
        "url={label},state={state},pending={},delivered={},failed={},last_status={},last_error_ms={},last_error={error}",
        lane.pending(),
        lane.delivered,
        lane.failed,
        lane.last_status,
        lane.last_error_at.0,
    )
}
