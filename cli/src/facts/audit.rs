//! Searches the audit log: LW.AUDITLOG QUERY, which reads the journal and Postgres.

use std::collections::BTreeSet;

use redis::{Cmd, cmd};

use super::gathered::{Gathered, ask_primaries};
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

/// What to search for. Empty fields match everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// A kind, or the beginning of kinds with a star.
    pub kind: String,
    pub user: String,
    /// An address or a network.
    pub ip: String,
    pub method: String,
    /// The beginning of a path.
    pub endpoint: String,
    pub status: String,
    pub from_ms: Option<i64>,
    pub to_ms: Option<i64>,
    pub limited: bool,
    pub anomaly: bool,
    /// Only the journals, so that it works without Postgres.
    pub local: bool,
    /// Only events that are older than the one with this id.
    pub before: String,
    pub count: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub timestamp_ms: i64,
    pub kind: String,
    pub user: Option<String>,
    pub ip: Option<String>,
    pub endpoint: Option<String>,
    pub method: Option<String>,
    pub status: Option<i64>,
    pub limited: bool,
    pub anomaly: bool,
    pub latency_ms: Option<String>,
    /// DATA as JSON.
    pub data: Option<String>,
}

impl Query {
    fn command(&self) -> Cmd {
        let mut command = cmd("LW.AUDITLOG");
        command.arg("QUERY");
        let texts = [
            ("KIND", &self.kind),
            ("USER", &self.user),
            ("IP", &self.ip),
            ("METHOD", &self.method),
            ("ENDPOINT", &self.endpoint),
            ("STATUS", &self.status),
            ("BEFORE", &self.before),
        ];
        for (name, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
            command.arg(name).arg(value);
        }
        for (name, time) in [("FROM", self.from_ms), ("TO", self.to_ms)] {
            time.into_iter().for_each(|time| _ = command.arg(name).arg(time));
        }
        for (name, _) in [("LIMITED", self.limited), ("ANOMALY", self.anomaly), ("LOCAL", self.local)]
            .into_iter()
            .filter(|(_, given)| *given)
        {
            command.arg(name);
        }
        command.arg("COUNT").arg(self.count.max(1));
        command
    }
}

/// Bytes of a page from which on the server may have ended it early; it does at about 2 MiB.
const LONG_PAGE: usize = 1 << 20;

/// The newest events that match, newest first. The page may be shorter than asked for although
/// there are more; it is empty only at the end.
///
/// Every node reads the same database, and its own journal. So the pages of the nodes overlap, and
/// where one of them ended early, the others are cut to the same time.
pub async fn search(fleet: &Fleet, query: &Query) -> Gathered<Event> {
    let mut gathered = Gathered::default();
    let mut cut_ms = i64::MIN;
    for (node, answer) in ask_primaries(fleet, &query.command()).await {
        let events = answer
            .map(|reply| reply::records(&reply).iter().filter_map(event).collect::<Vec<_>>())
            .inspect(|page| {
                let bytes: usize = page.iter().map(Event::bytes).sum();
                let last = page.last().filter(|_| bytes >= LONG_PAGE && page.len() < query.count);
                cut_ms = last.map_or(cut_ms, |event| cut_ms.max(event.timestamp_ms));
            });
        gathered.absorb(&node, events, Vec::extend);
    }
    let mut seen = BTreeSet::new();
    gathered.items.retain(|event| event.timestamp_ms >= cut_ms && seen.insert(event.id.clone()));
    gathered.items.sort_by_key(|event| std::cmp::Reverse(event.order()));
    gathered.items.truncate(query.count.max(1));
    gathered
}

impl Event {
    /// Time, epoch and number of an id such as `1700000000000-0123456789abcdef-7`.
    fn order(&self) -> (i64, u64, u64) {
        let mut parts = self.id.split('-').skip(1);
        let epoch = parts.next().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let number = parts.next().and_then(|digits| digits.parse().ok());
        (self.timestamp_ms, epoch.unwrap_or_default(), number.unwrap_or_default())
    }

    fn bytes(&self) -> usize {
        let texts = [&self.user, &self.endpoint, &self.data];
        texts.into_iter().flatten().map(String::len).sum::<usize>() + 200
    }
}

fn event(record: &Record) -> Option<Event> {
    Some(Event {
        id: record.text("id")?,
        timestamp_ms: record.int("timestamp_ms")?,
        kind: record.text("kind")?,
        user: record.text("user_id"),
        ip: record.text("ip"),
        endpoint: record.text("endpoint"),
        method: record.text("method"),
        status: record.int("status_code"),
        limited: record.int("rate_limit_hit") == Some(1),
        anomaly: record.int("anomaly_detected") == Some(1),
        latency_ms: record.text("latency_ms"),
        data: record.text("data"),
    })
}
