//! The newest alerts and the dead letters of alerts and audit events.

use redis::cmd;

use super::gathered::{Gathered, ask_primaries};
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub node: String,
    pub id: String,
    /// Its type, such as `burst` or `guard.ban`.
    pub event: String,
    pub timestamp_ms: i64,
    /// Whether it still waits to be delivered.
    pub waiting: bool,
    /// The number of endpoints that did not take it in all their tries.
    pub dead: i64,
    /// The body of the webhook: JSON.
    pub body: String,
}

/// Something that was given up: an alert for one endpoint, or an audit event.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    pub node: String,
    pub queue: Queue,
    pub id: String,
    /// The type of the alert, or the kind of the event.
    pub event: String,
    pub timestamp_ms: i64,
    pub died_ms: i64,
    /// The endpoint of an alert.
    pub endpoint: Option<String>,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Alerts,
    Audit,
}

impl Queue {
    /// The command that manages the queue.
    pub fn command(self) -> &'static str {
        match self {
            Self::Alerts => "LW.ALERTS",
            Self::Audit => "LW.AUDITLOG",
        }
    }
}

/// The newest alerts of all primaries, newest first.
pub async fn recent(fleet: &Fleet, count: usize) -> Gathered<Alert> {
    let mut gathered = Gathered::default();
    for (node, answer) in ask_primaries(fleet, cmd("LW.ALERTS").arg("RECENT").arg("COUNT").arg(count)).await {
        let alerts = answer.map(|reply| {
            reply::records(&reply).iter().filter_map(|one| alert(&node.name(), one)).collect::<Vec<_>>()
        });
        gathered.absorb(&node, alerts, Vec::extend);
    }
    gathered.items.sort_by_key(|alert| std::cmp::Reverse(alert.timestamp_ms));
    gathered.items.truncate(count);
    gathered
}

/// The dead letters of all primaries, those that were given up last first.
pub async fn dead(fleet: &Fleet, queue: Queue, count: usize) -> Gathered<DeadLetter> {
    let mut gathered = Gathered::default();
    let command = cmd(queue.command()).arg("DEAD").arg("COUNT").arg(count).to_owned();
    for (node, answer) in ask_primaries(fleet, &command).await {
        let letters = answer.map(|reply| {
            let letter = |one| dead_letter(&node.name(), queue, one);
            reply::records(&reply).iter().filter_map(letter).collect::<Vec<_>>()
        });
        gathered.absorb(&node, letters, Vec::extend);
    }
    gathered.items.sort_by_key(|letter| std::cmp::Reverse(letter.died_ms));
    gathered.items.truncate(count);
    gathered
}

fn alert(node: &str, record: &Record) -> Option<Alert> {
    Some(Alert {
        node: node.to_owned(),
        id: record.text("id")?,
        event: record.text("type")?,
        timestamp_ms: record.int("timestamp_ms")?,
        waiting: record.int("waiting")? != 0,
        dead: record.int("dead")?,
        body: record.text("body")?,
    })
}

fn dead_letter(node: &str, queue: Queue, record: &Record) -> Option<DeadLetter> {
    Some(DeadLetter {
        node: node.to_owned(),
        queue,
        id: record.text("id")?,
        event: record.text("type").or_else(|| record.text("kind"))?,
        timestamp_ms: record.int("timestamp_ms")?,
        died_ms: record.int("died_ms")?,
        endpoint: record.text("endpoint").filter(|_| queue == Queue::Alerts),
        reason: record.text("reason")?,
    })
}
