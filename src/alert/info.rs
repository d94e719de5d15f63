//! The section of the alerts in `INFO lockwatch`.

use std::ffi::{CStr, CString};

use crate::server::clock;
use crate::server::info::{Section, Value};

use super::counters::{
    DEAD, DEAD_DROPPED, DEDUPLICATED, DELIVERED, DROPPED, RAISED, REFUSED, RETRIED, ROLLED_UP,
};
use super::endpoint::Endpoint;
use super::state::{self, State};

pub(crate) const SECTION: Section = Section {
    name: c"alert",
    counters: &[
        (c"alert_raised_total", &RAISED),
        (c"alert_delivered_total", &DELIVERED),
        (c"alert_retried_total", &RETRIED),
        (c"alert_dead_total", &DEAD),
        (c"alert_dead_dropped_total", &DEAD_DROPPED),
        (c"alert_dropped_total", &DROPPED),
        (c"alert_refused_total", &REFUSED),
        (c"alert_deduplicated_total", &DEDUPLICATED),
        (c"alert_rolled_up_total", &ROLLED_UP),
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let state = state::lock();
    let outbox = state.contents();
    let queue = outbox.queue();
    let oldest = queue.front().map_or(0, |(id, _)| (clock::now() - id.at).0);
    let queued = queue.len() + outbox.extension().summaries();
    field(c"alert_queued", Value::Number(queued as u64));
    field(c"alert_queued_bytes", Value::Number(queue.bytes() as u64));
    field(c"alert_dead", Value::Number(outbox.dead().len() as u64));
    field(c"alert_oldest_ms", Value::Number(oldest));
    field(c"alert_endpoints", Value::Number(state.endpoints().len() as u64));
    for (i, endpoint) in state.endpoints().iter().enumerate() {
        let Ok(name) = CString::new(format!("alert_endpoint_{i}")) else { continue };
        field(&name, Value::Text(&endpoint_line(&state, endpoint)));
    }
}

/// `url=…,state=…,…`, in the form of the server's own lines about replicas.
fn endpoint_line(state: &State, endpoint: &Endpoint) -> String {
    let label = &endpoint.label;
    let Some(queue) = state.queue_of(endpoint.id) else {
        let is_disabled = state.contents().extension().disabled().contains(&endpoint.id);
        let state = if is_disabled { "disabled" } else { "idle" };
        return format!("url={label},state={state},pending=0,delivered=0,failed=0,last_status=0,last_error=");
    };
    let state = if queue.circuit_is_open() {
        "open"
    } else if queue.is_failing() {
        "failing"
    } else {
        "ok"
    };
    // A comma would end the value.
    let error = queue.last_error().replace([',', '='], " ");
    format!(
        "url={label},state={state},pending={},delivered={},failed={},last_status={},last_error_ms={},last_error={error}",
        queue.pending(),
        queue.delivered,
        queue.failed,
        queue.last_status,
        queue.last_error_at.0,
    )
}
