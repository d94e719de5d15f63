//! Calls of the alert commands, and their parsed replies.

use std::collections::BTreeMap;

use super::receiver::Receiver;
use super::{Builder, Client, Value, wait_until};

/// A queued alert as LW.ALERTS LIST shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub id: String,
    pub kind: String,
    pub timestamp_ms: i64,
    /// Size in bytes.
    pub size: i64,
    /// The deliveries that have not succeeded yet.
    pub pending: Vec<Pending>,
}

/// A pending delivery to one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Scheme and host.
    pub endpoint: String,
    /// Number of failed attempts.
    pub tries: i64,
    /// When the next attempt is due.
    pub next_try_ms: i64,
    /// Why the last attempt failed.
    pub last_error: String,
}

/// A dead letter as LW.ALERTS DEAD shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dead {
    pub id: String,
    pub kind: String,
    pub timestamp_ms: i64,
    /// Scheme and host.
    pub endpoint: String,
    /// Number of failed attempts.
    pub tries: i64,
    /// When the last attempt failed.
    pub died_ms: i64,
    pub reason: String,
    /// The body of the request that was not delivered.
    pub body: String,
}

/// The result of LW.ALERTS TEST for one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// Scheme and host.
    pub endpoint: String,
    pub ok: bool,
    /// The HTTP status, or 0 if there was none.
    pub status: i64,
    pub reason: String,
    pub took_ms: i64,
}

impl Builder {
    /// Sends alerts to these receivers.
    pub fn alerting(self, receivers: &[&Receiver]) -> Self {
        self.config("lockwatch.webhook-allow-private yes")
            .config(format!("lockwatch.webhook-urls \"{}\"", urls(receivers)))
    }

    /// Divides the retry delays, the circuit breaker's delays and the roll-up interval by `times`.
    pub fn hurrying(self, times: u32) -> Self {
        self.env("LOCKWATCH_HURRY", times.to_string())
    }
}

/// The value of `lockwatch.webhook-urls` for these receivers.
pub fn urls(receivers: &[&Receiver]) -> String {
    receivers.iter().map(|receiver| receiver.url()).collect::<Vec<_>>().join(" ")
}

impl Client {
    /// Raises an alert and returns its id.
    #[track_caller]
    pub fn alert(&mut self, kind: &str, json: &str) -> String {
        let answer = self.call(&["LW.ALERT", kind, json]);
        match answer {
            Value::Bulk(_) => answer.text(),
            other => panic!("LW.ALERT {kind} answered {other:?}"),
        }
    }

    /// Returns all queued alerts, newest first.
    #[track_caller]
    pub fn waiting(&mut self) -> Vec<Waiting> {
        self.pages("LW.ALERTS LIST").iter().map(Waiting::of).collect()
    }

    /// Returns the alert `id` if it is still queued.
    #[track_caller]
    pub fn waiting_for(&mut self, id: &str) -> Option<Waiting> {
        self.waiting().into_iter().find(|waiting| waiting.id == id)
    }

    /// Returns all dead letters.
    #[track_caller]
    pub fn dead(&mut self) -> Vec<Dead> {
        self.pages("LW.ALERTS DEAD").iter().map(Dead::of).collect()
    }

    #[track_caller]
    pub fn test_endpoints(&mut self) -> Vec<Tested> {
        self.run("LW.ALERTS TEST").items().iter().map(Tested::of).collect()
    }

    /// The number `lockwatch_alert_<name>` of INFO.
    #[track_caller]
    pub fn alert_info(&mut self, name: &str) -> i64 {
        self.info("lockwatch").number(&format!("lockwatch_alert_{name}"))
    }

    /// Returns INFO's fields about the endpoint at `place` in the list.
    #[track_caller]
    pub fn endpoint_info(&mut self, place: usize) -> BTreeMap<String, String> {
        let line = self.info("lockwatch").text(&format!("lockwatch_alert_endpoint_{place}"));
        let fields = line.split(',').filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Waits until no alert is queued.
    #[track_caller]
    pub fn wait_until_delivered(&mut self) {
        wait_until("everything is delivered", || self.alert_info("queued") == 0);
    }
}

impl Waiting {
    #[track_caller]
    fn of(value: &Value) -> Self {
        Self {
            id: value.field("id").text(),
            kind: value.field("type").text(),
            timestamp_ms: value.field("timestamp_ms").int(),
            size: value.field("size").int(),
            pending: value.field("pending").items().iter().map(Pending::of).collect(),
        }
    }
}

impl Pending {
    #[track_caller]
    fn of(value: &Value) -> Self {
        Self {
            endpoint: value.field("endpoint").text(),
            tries: value.field("tries").int(),
            next_try_ms: value.field("next_try_ms").int(),
            last_error: text_or_nothing(value.field("last_error")),
        }
    }
}

impl Dead {
    #[track_caller]
    fn of(value: &Value) -> Self {
        Self {
            id: value.field("id").text(),
            kind: value.field("type").text(),
            timestamp_ms: value.field("timestamp_ms").int(),
            endpoint: value.field("endpoint").text(),
            tries: value.field("tries").int(),
            died_ms: value.field("died_ms").int(),
            reason: value.field("reason").text(),
            body: value.field("body").text(),
        }
    }
}

impl Tested {
    #[track_caller]
    fn of(value: &Value) -> Self {
        Self {
            endpoint: value.field("endpoint").text(),
            ok: value.field("ok").int() == 1,
            status: if *value.field("status") == Value::Nil { 0 } else { value.field("status").int() },
            reason: text_or_nothing(value.field("reason")),
            took_ms: value.field("took_ms").int(),
        }
    }
}

#[track_caller]
fn text_or_nothing(value: &Value) -> String {
    if *value == Value::Nil { String::new() } else { value.text() }
}
