//! Calls of the audit commands, and their parsed replies.

use std::time::Duration;

use super::postgres::Postgres;
use super::{Builder, Client, Value, wait_at_most};

/// An event as LW.AUDITLOG shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    pub id: String,
    pub timestamp_ms: i64,
    pub kind: String,
    pub user_id: Option<String>,
    pub ip: Option<String>,
    pub endpoint: Option<String>,
    pub method: Option<String>,
    pub status_code: Option<i64>,
    pub rate_limit_hit: bool,
    pub anomaly_detected: bool,
    pub latency_ms: Option<String>,
    pub data: Option<String>,
}

/// A dead letter as LW.AUDITLOG DEAD shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadEvent {
    pub event: Event,
    pub died_ms: i64,
    pub reason: String,
}

impl Event {
    #[track_caller]
    fn of(value: &Value) -> Self {
        let text = |name: &str| match value.field(name) {
            Value::Nil => None,
            other => Some(other.text()),
        };
        let int = |name: &str| match value.field(name) {
            Value::Nil => None,
            other => Some(other.int()),
        };
        Self {
            id: value.field("id").text(),
            timestamp_ms: value.field("timestamp_ms").int(),
            kind: value.field("kind").text(),
            user_id: text("user_id"),
            ip: text("ip"),
            endpoint: text("endpoint"),
            method: text("method"),
            status_code: int("status_code"),
            rate_limit_hit: value.field("rate_limit_hit").int() == 1,
            anomaly_detected: value.field("anomaly_detected").int() == 1,
            latency_ms: text("latency_ms"),
            data: text("data"),
        }
    }
}

impl Builder {
    /// Lets tests record events of fixed days.
    pub fn any_age(self) -> Self {
        self.config("lockwatch.audit-max-age-days 36500")
    }

    /// Ships audit events to a database of `postgres`.
    pub fn shipping_to(self, postgres: &Postgres, database: &str) -> Self {
        self.shipping_to_url(postgres, &postgres.url(database))
    }

    /// Ships audit events to a URL that leads to `postgres`.
    pub fn shipping_to_url(self, postgres: &Postgres, url: &str) -> Self {
        self.config(format!("lockwatch.postgres-url-file {}", postgres.file_with(url))).any_age()
    }
}

impl Client {
    /// Calls LW.AUDIT with the words of `line` and returns the id.
    #[track_caller]
    pub fn audit(&mut self, line: &str) -> String {
        match self.run(&format!("LW.AUDIT {line}")) {
            Value::Bulk(id) => String::from_utf8(id).expect("an id is text"),
            other => panic!("LW.AUDIT {line} answered {other:?}"),
        }
    }

    /// Calls LW.AUDIT with arbitrary bytes and returns the id.
    #[track_caller]
    pub fn audit_bytes(&mut self, arguments: &[&[u8]]) -> String {
        match self.call(&[&[&b"LW.AUDIT"[..]][..], arguments].concat()) {
            Value::Bulk(id) => String::from_utf8(id).expect("an id is text"),
            other => panic!("LW.AUDIT answered {other:?}"),
        }
    }

    /// Calls LW.AUDITLOG QUERY with the words of `line`.
    #[track_caller]
    pub fn audit_log(&mut self, line: &str) -> Vec<Event> {
        let words =
            ["LW.AUDITLOG", "QUERY"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty()));
        self.events(&words.collect::<Vec<_>>())
    }

    /// Makes a call that returns events.
    #[track_caller]
    pub fn events<A: AsRef<[u8]>>(&mut self, call: &[A]) -> Vec<Event> {
        match self.call(call) {
            Value::Array(events) => events.iter().map(Event::of).collect(),
            other => panic!("LW.AUDITLOG answered {other:?}"),
        }
    }

    #[track_caller]
    pub fn dead_events(&mut self) -> Vec<DeadEvent> {
        let of = |value: &Value| DeadEvent {
            event: Event::of(value),
            died_ms: value.field("died_ms").int(),
            reason: value.field("reason").text(),
        };
        self.pages("LW.AUDITLOG DEAD").iter().map(of).collect()
    }

    /// The number `lockwatch_audit_<name>` of INFO.
    #[track_caller]
    pub fn audit_info(&mut self, name: &str) -> i64 {
        self.info("lockwatch").number(&format!("lockwatch_audit_{name}"))
    }

    /// The text `lockwatch_audit_<name>` of INFO.
    #[track_caller]
    pub fn audit_text(&mut self, name: &str) -> String {
        self.info("lockwatch").text(&format!("lockwatch_audit_{name}"))
    }

    /// Waits until no event is pending.
    #[track_caller]
    pub fn wait_until_shipped(&mut self) {
        wait_at_most(Duration::from_secs(90), "everything is shipped", || self.audit_info("pending") == 0);
    }
}
