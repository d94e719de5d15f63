//! What the audit log counts, and what INFO says of it.

use std::ffi::CStr;

use crate::server::events;
use crate::server::info::{Counter, Section, Value};
use crate::ship::SHIP;

use super::{recorder, status};

/// Events that were recorded, gaps included.
pub static APPENDED: Counter = Counter::new();
/// Events that Postgres has, or that were older than the retention.
pub static SHIPPED: Counter = Counter::new();
/// Events that were older than the retention when they were to be shipped, and were not.
pub static EXPIRED: Counter = Counter::new();
/// Calls of LW.AUDIT that were refused for want of room.
pub static REFUSED: Counter = Counter::new();
/// Rows that tell of refused events.
pub static GAPS: Counter = Counter::new();
/// Events that Postgres refused as data.
pub static DEAD: Counter = Counter::new();
/// Dead letters that had to go for want of room.
pub static DROPPED: Counter = Counter::new();
/// Events that gave way to newer ones, where the journal is the log.
pub static OVERWRITTEN: Counter = Counter::new();

/// The section of `INFO lockwatch`.
pub const SECTION: Section = Section {
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
    ],
    made: Some(gauges),
};

fn gauges(field: &mut dyn FnMut(&CStr, Value<'_>)) {
    let recorder = recorder::open();
    let queue = recorder.ledger().queue();
    // What is held without a database is the log, and waits for nothing.
    let ships = recorder.target().is_some();
    let oldest = recorder.lag(events::now()).0;
    field(c"audit_events", Value::Number(queue.len() as u64));
    field(c"audit_bytes", Value::Number(recorder.ledger().bytes() as u64));
    field(c"audit_pending", Value::Number(if ships { queue.len() as u64 } else { 0 }));
    field(c"audit_lag_ms", Value::Number(oldest));
    field(c"audit_gap", Value::Number(recorder.ledger().gap().map_or(0, |gap| gap.count)));
    field(c"audit_dead", Value::Number(recorder.ledger().dead().len() as u64));
    let target = recorder.target().map_or("", |target| target.label());
    field(c"audit_postgres", Value::Text(target));
    let status = status::read();
    let state = match () {
        () if !ships => "off",
        () if !SHIP.get() => "held",
        () => status.state.name(),
    };
    field(c"audit_state", Value::Text(state));
    field(c"audit_batches_total", Value::Number(status.batches));
    field(c"audit_retries_total", Value::Number(status.retries));
    field(c"audit_last_error", Value::Text(&status.last_error));
    field(c"audit_last_error_ms", Value::Number(status.last_error_at.0));
}
