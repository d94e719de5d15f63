//! What is wrong, in words: the answer to the first question of everybody who opens the program.

use std::collections::BTreeMap;
use std::time::Instant;

use super::cell::{self, bytes, harmless, share, time};
use super::snapshot::{NodeView, Snapshot};
use crate::connect::failure::{Failure, Kind};
use crate::info::Info;

/// What has to be seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Somebody attacks.
    Attack,
    /// Something does not work.
    Error,
    /// Something will not work soon, or works in part.
    Warn,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Attack => "ATTACK",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub level: Level,
    pub text: String,
}

/// Since when each node has not answered.
#[derive(Clone, Default)]
pub struct Away(BTreeMap<String, Instant>);

impl Away {
    pub fn add(&mut self, snapshot: &Snapshot) {
        let failed = |name: &str| snapshot.nodes.iter().any(|node| node.name == name && node.info.is_err());
        self.0.retain(|name, _| failed(name));
        for node in snapshot.nodes.iter().filter(|node| node.info.is_err()) {
            self.0.entry(node.name.clone()).or_insert(snapshot.taken);
        }
    }

    /// What is the matter with a node that did not answer: `away since 12s: connection refused`.
    pub fn explain(&self, name: &str, failure: &Failure, now: Instant) -> String {
        let since = self.0.get(name).map_or(now, |since| *since);
        let since = time(now.saturating_duration_since(since));
        match failure.kind {
            Kind::Away => format!("away since {since}: {}", reason(failure)),
            Kind::Slow => format!("slow: no answer since {since}"),
            Kind::Refused if failure.code == "LOADING" => format!("loading its data since {since}"),
            Kind::Refused => format!("refuses INFO since {since}: {}", reason(failure)),
        }
    }
}

/// A failure's text without what only a programmer wants to know.
fn reason(failure: &Failure) -> String {
    let text = failure.text.split(" (os error").next().unwrap_or_default();
    let known = [("Connection refused", "connection refused"), ("Connection reset", "connection reset")];
    let known = known.iter().find(|(given, _)| text.starts_with(given)).map(|(_, words)| *words);
    harmless(known.unwrap_or(text).as_bytes())
}

/// Everything that is wrong at `now`, the worst first.
pub fn find(snapshot: &Snapshot, away: &Away, now: Instant) -> Vec<Problem> {
    let mut found = Found::default();
    snapshot.nodes.iter().for_each(|node| of_node(node, away, now, &mut found));
    let failures = snapshot.failures.iter().chain(&snapshot.bans.failures);
    failures.for_each(|why| found.add(Level::Warn, harmless(why.as_bytes())));
    differences(snapshot, &mut found);
    new_bans(snapshot, &mut found);
    found.0.sort_by_key(|problem| problem.level);
    found.0
}

#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, level: Level, text: String) {
        self.0.push(Problem { level, text });
    }
}

fn of_node(node: &NodeView, away: &Away, now: Instant, found: &mut Found) {
    let name = harmless(node.name.as_bytes());
    let info = match &node.info {
        Ok(info) => info,
        Err(failure) => {
            return found.add(Level::Error, format!("{name} is {}", away.explain(&node.name, failure, now)));
        }
    };
    if !info.has_module() {
        return found.add(Level::Error, format!("{name} does not have the module lockwatch"));
    }
    let mut add = |level, text: String| found.add(level, format!("{name}: {text}"));
    server(info, &mut add);
    alerts(node, info, &mut add);
    audit(node, info, &mut add);
    guards(node, info, &mut add);
}

fn server(info: &Info, add: &mut impl FnMut(Level, String)) {
    let number = |name: &str| info.number(name).unwrap_or(0);
    if info.lockwatch("panics_total").unwrap_or(0) > 0 {
        let count = number("lockwatch_panics_total");
        add(
            Level::Error,
            format!("{count} panics in the module: see the server's log, and please report it"),
        );
    }
    if info.text("loading") == Some("1") {
        add(Level::Warn, "loads its data".into());
    }
    if info.text("master_link_status") == Some("down") {
        let since = cell::millis(number("master_link_down_since_seconds").max(0).saturating_mul(1000));
        add(Level::Error, format!("its link to the primary is down since {since}"));
    }
    let (used, most) = (number("used_memory") as f64, number("maxmemory") as f64);
    if most > 0.0 && used >= 0.9 * most {
        let level = if used >= most { Level::Error } else { Level::Warn };
        add(level, format!("memory is {} of maxmemory, {}", share(used, most), bytes(most)));
    }
}

fn alerts(node: &NodeView, info: &Info, add: &mut impl FnMut(Level, String)) {
    let number = |name: &str| info.lockwatch(name).unwrap_or(0);
    let endpoints = info.endpoints();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let of = |name: &str| harmless(endpoint.get(name).copied().unwrap_or_default().as_bytes());
        let state = info.lockwatch(&format!("alert_endpoint_{index}_state_number"));
        let failing = state.map_or_else(
            || matches!(of("state").as_str(), "failing" | "open" | "disabled"),
            |number| number >= 3,
        );
        if failing {
            add(Level::Error, format!("alerts to {} are {}: {}", of("url"), of("state"), of("last_error")));
        }
    }
    if !node.primary {
        return;
    }
    if number("alert_dead") > 0 {
        add(Level::Warn, format!("{} alerts were given up: LW.ALERTS DEAD says why", number("alert_dead")));
    }
    if endpoints.is_empty() {
        if number("alert_queued") > 0 {
            let count = number("alert_queued");
            let wait = if count == 1 { "alert waits" } else { "alerts wait" };
            add(Level::Warn, format!("{count} {wait}, and nobody is told: no webhook is set"));
        }
        return;
    }
    if let Some(text) = more_than_half(info, "alert_queued", "alert_max_events") {
        add(Level::Warn, format!("the queue of alerts is {text}"));
    }
    if number("alert_oldest_ms") > 60_000 {
        add(Level::Warn, format!("an alert has waited for {}", cell::millis(number("alert_oldest_ms"))));
    }
}

fn more_than_half(info: &Info, name: &str, most: &str) -> Option<String> {
    let (value, most) = (info.lockwatch(name)? as f64, info.lockwatch(most)? as f64);
    (most > 0.0 && value > most / 2.0).then(|| format!("{} full", share(value, most)))
}

fn audit(node: &NodeView, info: &Info, add: &mut impl FnMut(Level, String)) {
    let number = |name: &str| info.lockwatch(name).unwrap_or(0);
    if !node.primary {
        return;
    }
    let error = harmless(info.text("lockwatch_audit_last_error").unwrap_or_default().as_bytes());
    match info.text("lockwatch_audit_state") {
        Some("waiting") => add(Level::Error, format!("the audit log is not shipped: {error}")),
        Some("held") => {
            add(Level::Warn, "alerts and audit events are held back: the directive ship is no".into())
        }
        _ => {}
    }
    if number("audit_lag_ms") > 60_000 {
        add(Level::Warn, format!("the audit log lags by {}", cell::millis(number("audit_lag_ms"))));
    }
    if number("audit_dead") > 0 {
        add(
            Level::Warn,
            format!("Postgres refused {} audit events: LW.AUDITLOG DEAD says why", number("audit_dead")),
        );
    }
    if number("audit_gap") > 0 {
        add(Level::Error, format!("the journal is full: {} audit events were refused", number("audit_gap")));
    } else if info.text("lockwatch_audit_postgres").is_some_and(|hosts| !hosts.is_empty()) {
        if let Some(text) = more_than_half(info, "audit_events", "audit_max_events") {
            add(Level::Warn, format!("the journal is {text}"));
        }
    }
}

fn guards(node: &NodeView, info: &Info, add: &mut impl FnMut(Level, String)) {
    let number = |name: &str| info.lockwatch(name).unwrap_or(0);
    if !node.primary {
        return;
    }
    if number("guard_restrained") > 0 {
        let why = "too many bans, or a login that seems broken";
        add(
            Level::Warn,
            format!("{} guards challenge in place of new bans: {why}", number("guard_restrained")),
        );
    }
    let observes = number("guard_observes") == 1;
    if observes && number("guards") > 0 {
        add(Level::Warn, "guards only observe: the directive guard-mode is observe".into());
    }
}

/// What has to be the same on all nodes.
fn differences(snapshot: &Snapshot, found: &mut Found) {
    for (field, what) in
        [("lockwatch_version", "versions of the module"), ("lockwatch_policies_digest", "policies")]
    {
        let mut values: Vec<&str> = snapshot.answers().filter_map(|(_, info)| info.text(field)).collect();
        values.sort_unstable();
        values.dedup();
        if values.len() > 1 {
            found.add(
                Level::Warn,
                format!("the nodes have different {what}: {}", harmless(values.join(", ").as_bytes())),
            );
        }
    }
}

/// How many bans by rules began within the last minute, and by which rules.
fn new_bans(snapshot: &Snapshot, found: &mut Found) {
    let since = snapshot.server_ms().saturating_sub(60_000);
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    for ban in snapshot.bans.list.iter().filter(|ban| ban.source == "rule" && ban.from_ms >= since) {
        let rule = format!("{}/{}", harmless(&ban.guard), ban.rule.as_deref().unwrap_or_default());
        *rules.entry(rule).or_default() += 1;
    }
    let count: usize = rules.values().sum();
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    if let Some((rule, most)) = rules.first() {
        let bans = if count == 1 { "new ban" } else { "new bans" };
        let by = if *most == count { format!("by {rule}") } else { format!("{most} of them by {rule}") };
        found.add(Level::Attack, format!("{count} {bans} within a minute, {by}"));
    }
}

#[cfg(test)]
mod tests;
