//! Whether alerts and audit events arrive: webhook endpoints, shipping, dead letters.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::alerts::{Told, group, told};
use super::fetch;
use super::forms;
use super::frame::{Frame, Trouble, page};
use super::known::is_complete;
use super::words::{count, duration, number, percent, rate, shown};
use crate::facts::alerts::{Alert, DeadLetter, Queue};
use crate::info::Info;
use crate::sampler::{NodeSample, Sample};
use crate::web::app::{App, Visitor};
use crate::web::history::{Counter, Step};

/// An alert.
pub struct AlertRow {
    pub id: String,
    pub event: String,
    pub told: Told,
    pub at_ms: i64,
    /// Whether it was delivered, in a word, and the class for it.
    pub state: &'static str,
    pub state_class: &'static str,
    /// Older alerts like it that are not listed.
    pub more: usize,
}

impl AlertRow {
    /// The newest alerts, at most `most` rows. Alerts of one type, key and rule share a row.
    pub fn grouped(alerts: &[Alert], has_endpoint: bool, most: usize) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::new();
        let mut groups = Vec::new();
        for alert in alerts {
            let group = group(alert);
            match groups.iter().position(|known| *known == group) {
                Some(index) => rows[index].add(Self::of(alert, has_endpoint)),
                None => {
                    groups.push(group);
                    rows.push(Self::of(alert, has_endpoint));
                }
            }
        }
        rows.truncate(most);
        rows
    }

    /// Adds an older alert of the group. Its state counts if it is worse.
    fn add(&mut self, older: Self) {
        self.more += 1;
        let rank = |class: &str| ["bad", "warn", "", "good"].iter().position(|known| *known == class);
        if rank(older.state_class) < rank(self.state_class) {
            (self.state, self.state_class) = (older.state, older.state_class);
        }
    }

    pub fn of(alert: &Alert, has_endpoint: bool) -> Self {
        let (state, state_class) = match (alert.dead, alert.waiting) {
            (1.., _) => ("given up", "bad"),
            (_, true) if !has_endpoint => ("no webhook", ""),
            (_, true) => ("waiting", "warn"),
            _ => ("delivered", "good"),
        };
        Self {
            id: shown(&alert.id),
            event: shown(&alert.event),
            told: told(alert),
            at_ms: alert.timestamp_ms,
            state,
            state_class,
            more: 0,
        }
    }
}

/// A webhook endpoint of a node.
pub struct Endpoint {
    pub url: String,
    pub node: String,
    pub state: &'static str,
    pub class: &'static str,
    pub delivered: String,
    pub pending: String,
    pub failed: String,
    pub last_error: Option<String>,
    pub last_error_ms: i64,
}

impl Endpoint {
    fn all(node: &NodeSample, info: &Info) -> Vec<Self> {
        let number_of = |index: usize| info.lockwatch(&format!("alert_endpoint_{index}_state_number"));
        let each = info.endpoints().into_iter().enumerate().map(|(index, members)| {
            let text = |name: &str| members.get(name).copied().unwrap_or_default();
            let count = |name: &str| text(name).parse().unwrap_or_default();
            let (state, class) = match number_of(index).unwrap_or_default() {
                0 => ("ok", "good"),
                1 => ("idle", ""),
                2 => ("held back", ""),
                3 => ("fails", "warn"),
                4 => ("fails, tried once a minute", "bad"),
                _ => ("disabled by 410", "bad"),
            };
            Self {
                url: shown(text("url")),
                node: node.name.clone(),
                state,
                class,
                delivered: number(count("delivered")),
                pending: number(count("pending")),
                failed: number(count("failed")),
                last_error: Some(text("last_error")).filter(|why| !why.is_empty()).map(shown),
                last_error_ms: count("last_error_ms"),
            }
        });
        each.collect()
    }
}

/// The way of one node's audit events to Postgres.
pub struct Shipping {
    pub node: String,
    pub database: Option<String>,
    pub state: String,
    pub class: &'static str,
    pub pending: String,
    pub lag: Option<String>,
    pub journal: String,
    /// How full the journal is, in percent.
    pub full: String,
    pub shipped: String,
    pub last_error: Option<String>,
    pub last_error_ms: i64,
}

impl Shipping {
    fn of(node: &NodeSample, info: &Info) -> Self {
        let int = |name: &str| info.lockwatch(name).unwrap_or_default();
        let text = |name: &str| info.text(name).filter(|text| !text.is_empty()).map(shown);
        let class = match int("audit_state_number") {
            3 => "good",
            0..=2 => "",
            _ => "bad",
        };
        let share = |used: &str, most: &str| int(used) as f64 / int(most).max(1) as f64;
        let full = share("audit_events", "audit_max_events").max(share("audit_bytes", "audit_max_bytes"));
        Self {
            node: node.name.clone(),
            database: text("lockwatch_audit_postgres"),
            state: text("lockwatch_audit_state").unwrap_or_else(|| "unknown".into()),
            class,
            pending: number(int("audit_pending")),
            lag: Some(int("audit_lag_ms")).filter(|lag| *lag > 0).map(duration),
            journal: count(int("audit_events"), "event", "events"),
            full: percent(full),
            shipped: number(int("audit_shipped_total")),
            last_error: text("lockwatch_audit_last_error"),
            last_error_ms: int("audit_last_error_ms"),
        }
    }
}

pub struct Delivery {
    pub endpoints: Vec<Endpoint>,
    pub shipping: Vec<Shipping>,
    /// Events of the audit log per second.
    pub events: String,
    /// Whether nodes have to be told apart.
    pub many_nodes: bool,
    /// Whether every primary answered.
    pub is_complete: bool,
}

impl Delivery {
    /// What the primaries say; replicas send nothing.
    pub fn of(sample: &Sample, steps: &[Step]) -> Self {
        let primaries: Vec<_> = sample.answers().filter(|(node, _)| node.is_primary()).collect();
        Self {
            endpoints: primaries.iter().flat_map(|(node, info)| Endpoint::all(node, info)).collect(),
            shipping: primaries.iter().map(|(node, info)| Shipping::of(node, info)).collect(),
            events: steps.last().map_or_else(|| "–".into(), |step| rate(step.rate(Counter::Events))),
            many_nodes: primaries.len() > 1,
            is_complete: is_complete(sample),
        }
    }
}

pub struct Letter {
    queue: &'static str,
    event: String,
    id: String,
    at_ms: i64,
    died_ms: i64,
    endpoint: Option<String>,
    reason: String,
    retry: Option<String>,
}

impl Letter {
    fn of(letter: &DeadLetter, may_retry: bool) -> Self {
        Self {
            queue: match letter.queue {
                Queue::Alerts => "alert",
                Queue::Audit => "audit event",
            },
            event: shown(&letter.event),
            id: shown(&letter.id),
            at_ms: letter.timestamp_ms,
            died_ms: letter.died_ms,
            endpoint: letter.endpoint.as_deref().map(shown),
            reason: shown(&letter.reason),
            retry: may_retry.then(|| forms::retry(letter, "/delivery")),
        }
    }
}

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    frame: Frame,
    delivery: Delivery,
    letters: Vec<Letter>,
    letter_troubles: Vec<Trouble>,
    alerts: Vec<AlertRow>,
    alert_troubles: Vec<Trouble>,
}

pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let fetch = fetch::letters(Arc::clone(app.sampler.fleet()));
    let (sample, found) = tokio::join!(app.sampler.sample(), app.pages.letters.get((), fetch));
    let frame = Frame::new(&app, &visitor, "/delivery", "Delivery").live();
    let mut letters: Vec<_> = found.dead_alerts.items.iter().chain(&found.dead_events.items).collect();
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.died_ms));
    let mut letter_troubles = Trouble::all("LW.ALERTS DEAD", &found.dead_alerts.failures);
    letter_troubles.extend(Trouble::all("LW.AUDITLOG DEAD", &found.dead_events.failures));
    letter_troubles.dedup();
    let has_endpoint = sample.sum("alert_endpoints") > 0;
    page(&DeliveryPage {
        delivery: Delivery::of(&sample, &app.pages.history.steps()),
        letters: letters.into_iter().map(|letter| Letter::of(letter, frame.may_admin)).collect(),
        letter_troubles,
        alerts: found.alerts.items.iter().map(|alert| AlertRow::of(alert, has_endpoint)).collect(),
        alert_troubles: Trouble::all("LW.ALERTS RECENT", &found.alerts.failures),
        frame,
    })
}
