//! Alerts and the audit log.

use super::family::Value::Time;
use super::family::{Family, of, one};
use super::metric::Unit;

pub const ALERTS: &[Family] = &[
    Family::gauge(
        "lockwatch_ship_enabled",
        "0 if the directive ship holds all alerts and audit events back, else 1",
        &[one("lockwatch_ship")],
    ),
    Family::gauge(
        "lockwatch_journal_enabled",
        "0 if the directive journal keeps alerts and audit events in memory only, else 1",
        &[one("lockwatch_journal")],
    ),
    Family::counter(
        "lockwatch_alert_raised",
        "Alerts that were raised",
        &[one("lockwatch_alert_raised_total")],
    ),
    Family::counter(
        "lockwatch_alert_delivered",
        "Deliveries of alerts. An alert that two endpoints took counts twice",
        &[one("lockwatch_alert_delivered_total")],
    ),
    Family::counter(
        "lockwatch_alert_retried",
        "Failed tries that are repeated",
        &[one("lockwatch_alert_retried_total")],
    ),
    Family::counter(
        "lockwatch_alert_dead_lettered",
        "Deliveries that were given up",
        &[one("lockwatch_alert_dead_total")],
    ),
    Family::counter(
        "lockwatch_alert_dead_letters_dropped",
        "Dead letters that were dropped to make room for newer ones",
        &[one("lockwatch_alert_dead_dropped_total")],
    ),
    Family::counter(
        "lockwatch_alert_dropped",
        "Alerts lost because there was no room",
        &[one("lockwatch_alert_dropped_total")],
    ),
    Family::counter(
        "lockwatch_alert_refused",
        "Calls of LW.ALERT refused with LWFULL",
        &[one("lockwatch_alert_refused_total")],
    ),
    Family::counter(
        "lockwatch_alert_deduplicated",
        "Calls of LW.ALERT that DEDUP suppressed",
        &[one("lockwatch_alert_deduplicated_total")],
    ),
    Family::counter(
        "lockwatch_alert_rolled_up",
        "Alerts that became part of a summary",
        &[one("lockwatch_alert_rolled_up_total")],
    ),
    Family::gauge("lockwatch_alert_queue_length", "Alerts that wait", &[one("lockwatch_alert_queued")]),
    Family::gauge(
        "lockwatch_alert_queue",
        "Bytes of the alerts that wait",
        &[one("lockwatch_alert_queued_bytes")],
    )
    .in_unit(Unit::Bytes),
    Family::gauge(
        "lockwatch_alert_queue_max_length",
        "The directive alert-max-events",
        &[one("lockwatch_alert_max_events")],
    ),
    Family::gauge(
        "lockwatch_alert_queue_max",
        "The directive alert-max-bytes",
        &[one("lockwatch_alert_max_bytes")],
    )
    .in_unit(Unit::Bytes),
    Family::gauge("lockwatch_alert_dead_letters", "Alerts with dead letters", &[one("lockwatch_alert_dead")]),
    Family::gauge(
        "lockwatch_alert_oldest",
        "How long the oldest alert has waited",
        &[one("lockwatch_alert_oldest_ms")],
    )
    .in_unit(Unit::Seconds),
    Family::gauge(
        "lockwatch_alert_endpoints",
        "Webhook endpoints in force",
        &[one("lockwatch_alert_endpoints")],
    ),
];

pub const AUDIT: &[Family] = &[
    Family::counter(
        "lockwatch_audit_appended",
        "Events that were recorded",
        &[one("lockwatch_audit_appended_total")],
    ),
    Family::counter(
        "lockwatch_audit_shipped",
        "Events that Postgres has, or that were older than the retention",
        &[one("lockwatch_audit_shipped_total")],
    ),
    Family::counter(
        "lockwatch_audit_expired",
        "Events older than the retention, not stored",
        &[one("lockwatch_audit_expired_total")],
    ),
    Family::counter(
        "lockwatch_audit_refused",
        "Events refused with LWFULL",
        &[one("lockwatch_audit_refused_total")],
    ),
    Family::counter("lockwatch_audit_gaps", "Events of the kind gap", &[one("lockwatch_audit_gaps_total")]),
    Family::counter(
        "lockwatch_audit_dead_lettered",
        "Events that Postgres refused and that became dead letters",
        &[one("lockwatch_audit_dead_total")],
    ),
    Family::counter(
        "lockwatch_audit_overwritten",
        "Events that were dropped for newer ones, where there is no database",
        &[one("lockwatch_audit_overwritten_total")],
    ),
    Family::counter(
        "lockwatch_audit_erased",
        "Events that LW.AUDITLOG ERASE has removed",
        &[one("lockwatch_audit_erased_total")],
    ),
    Family::counter(
        "lockwatch_audit_batches",
        "Batches that Postgres has taken",
        &[one("lockwatch_audit_batches_total")],
    ),
    Family::counter(
        "lockwatch_audit_retries",
        "Failures that were followed by another try",
        &[one("lockwatch_audit_retries_total")],
    ),
    Family::gauge(
        "lockwatch_audit_journal_events",
        "Events in the journal",
        &[one("lockwatch_audit_events")],
    ),
    Family::gauge("lockwatch_audit_journal", "Memory of the journal", &[one("lockwatch_audit_bytes")])
        .in_unit(Unit::Bytes),
    Family::gauge(
        "lockwatch_audit_journal_max_events",
        "The directive audit-max-events",
        &[one("lockwatch_audit_max_events")],
    ),
    Family::gauge(
        "lockwatch_audit_journal_max",
        "The directive audit-max-bytes",
        &[one("lockwatch_audit_max_bytes")],
    )
    .in_unit(Unit::Bytes),
    Family::gauge(
        "lockwatch_audit_pending",
        "Events that wait for Postgres",
        &[one("lockwatch_audit_pending")],
    ),
    Family::gauge(
        "lockwatch_audit_lag",
        "How long the oldest event has waited for Postgres",
        &[one("lockwatch_audit_lag_ms")],
    )
    .in_unit(Unit::Seconds),
    Family::gauge(
        "lockwatch_audit_unreported_refusals",
        "Refused events that no event of the kind gap reports yet",
        &[one("lockwatch_audit_gap")],
    ),
    Family::gauge("lockwatch_audit_dead_letters", "Dead letters", &[one("lockwatch_audit_dead")]),
    Family::gauge(
        "lockwatch_audit_state",
        "Shipping: 0 off, 1 idle, 2 held, 3 connected, 4 connecting, 5 waiting after a failure",
        &[one("lockwatch_audit_state_number")],
    ),
    Family::gauge(
        "lockwatch_audit_last_error_timestamp",
        "When something failed last, in Unix time",
        &[of(&[], Time("lockwatch_audit_last_error_ms"))],
    )
    .in_unit(Unit::Seconds),
];
