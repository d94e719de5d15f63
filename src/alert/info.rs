//! The section of the alerts in `INFO lockwatch`.

use std::ffi::{CStr, CString};

use crate::server::clock;
use crate::server::info::{Section, Value};
use crate::ship::SHIP;

use super::attempt::DURATIONS;
use super::counters::{
    DEAD, DEAD_DROPPED, DEDUPLICATED, DELIVERED, DROPPED, RAISED, REFUSED, RETRIED, ROLLED_UP,
};
use super::endpoint::{Endpoint, EndpointId};
use super::settings::{ALERT_MAX_BYTES, ALERT_MAX_EVENTS};
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
    field(c"alert_max_events", Value::Number(ALERT_MAX_EVENTS.get() as u64));
    field(c"alert_max_bytes", Value::Number(ALERT_MAX_BYTES.get() as u64));
    field(c"alert_dead", Value::Number(outbox.dead().len() as u64));
    field(c"alert_oldest_ms", Value::Number(oldest));
    field(c"alert_delivery_ms", Value::Text(&DURATIONS.line()));
    field(c"alert_endpoints", Value::Number(state.endpoints().len() as u64));
    for (i, endpoint) in state.endpoints().iter().enumerate() {
        let shown = EndpointState::of(&state, endpoint.id);
        let names = (
            CString::new(format!("alert_endpoint_{i}")),
            CString::new(format!("alert_endpoint_{i}_state_number")),
        );
        let (Ok(line), Ok(number)) = names else { continue };
        field(&line, Value::Text(&endpoint_line(&state, endpoint, shown)));
        field(&number, Value::Number(shown as u64));
    }
}

/// Whether an endpoint gets alerts. As a number, 3 and above are faults.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EndpointState {
    Ok = 0,
    /// This server sends nothing, because it is a replica.
    Idle = 1,
    /// `ship no` holds everything back.
    Held = 2,
    /// The last try has failed.
    Failing = 3,
    /// The circuit is open: only probes are sent.
    Open = 4,
    /// It has answered 410.
    Disabled = 5,
}

impl EndpointState {
    fn of(state: &State, endpoint: EndpointId) -> Self {
        if state.contents().extension().disabled().contains(&endpoint) {
            return Self::Disabled;
        }
        match state.queue_of(endpoint) {
            _ if !SHIP.get() => Self::Held,
            None => Self::Idle,
            Some(queue) if queue.circuit_is_open() => Self::Open,
            Some(queue) if queue.is_failing() => Self::Failing,
            Some(_) => Self::Ok,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Idle => "idle",
            Self::Held => "held",
            Self::Failing => "failing",
            Self::Open => "open",
            Self::Disabled => "disabled",
        }
    }
}

/// `url=…,state=…,…`, in the form of the server's own lines about replicas.
fn endpoint_line(state: &State, endpoint: &Endpoint, shown: EndpointState) -> String {
    let pending = state.queue_of(endpoint.id).map_or(0, |queue| queue.pending() + state.unfilled());
    let history = state.history_of(endpoint.id).cloned().unwrap_or_default();
    // A comma would end the value.
    let error = history.last_error().replace([',', '='], " ");
    format!(
        "url={},source={},state={},pending={pending},delivered={},failed={},last_status={},last_error_ms={},last_error={error}",
        endpoint.label,
        endpoint.source,
        shown.name(),
        history.delivered,
        history.failed,
        history.last_status,
        history.last_error_at.0,
    )
}
