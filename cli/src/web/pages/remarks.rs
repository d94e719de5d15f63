//! What is wrong with the servers, in words: nodes, webhooks, audit log, guards.

use std::time::SystemTime;

use super::alerts::Level;
use super::words::{MINUTE, bytes, count, duration, percent, shown, unix_ms};
use crate::connect::failure::{Failure, Kind};
use crate::info::Info;
use crate::sampler::{NodeSample, Sample};

/// One thing to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    pub level: Level,
    /// A word for its kind.
    pub tag: &'static str,
    pub text: String,
    /// Where to read on.
    pub link: String,
    /// What tells it from others, so that it is known since when it holds.
    pub name: String,
    /// Since when, in Unix milliseconds, if that was seen.
    pub since_ms: Option<i64>,
}

/// What names of remarks begin with, and the remark in a few words.
const SHORT: [(&str, &str); 15] = [
    ("endpoint", "a webhook fails"),
    ("alert dead", "alerts were not delivered"),
    ("alert queue", "alerts pile up"),
    ("ship", "deliveries are held back"),
    ("audit lag", "audit events wait for Postgres"),
    ("audit dead", "Postgres refused audit events"),
    ("journal", "the journal fills up"),
    ("restrained", "guards only challenge"),
    ("module", "a server has no lockwatch"),
    ("is away", "a server is away"),
    ("does not answer", "a server does not answer"),
    ("refuses INFO", "a server refuses INFO"),
    ("panics", "lockwatch had a panic"),
    ("link", "a replica is cut off"),
    ("memory", "memory is short"),
];

impl Remark {
    /// The remark in a few words, for a headline that has more to say.
    pub fn short(&self) -> &'static str {
        let found = SHORT.iter().find(|(name, _)| self.name.starts_with(name));
        found.map_or("something is wrong", |(_, short)| short)
    }
}

/// Half and nine tenths of what fits.
const HALF: f64 = 0.5;
const NEARLY_FULL: f64 = 0.9;
/// The audit log may be this far behind before it is worth a remark.
const LAG: i64 = MINUTE;

/// What one node said.
struct Node<'a> {
    name: &'a str,
    is_primary: bool,
    info: Result<&'a Info, &'a Failure>,
    /// Whether there are others, so that a remark has to name it.
    has_others: bool,
}

impl<'a> Node<'a> {
    fn of(node: &'a NodeSample, has_others: bool) -> Self {
        Self { name: &node.name, is_primary: node.is_primary(), info: node.info.as_deref(), has_others }
    }
}

/// The names of what is wrong.
pub fn names(sample: &Sample) -> Vec<String> {
    of(sample, |_| None).into_iter().map(|remark| remark.name).collect()
}

/// What is wrong, worst first. `answered` tells when a node answered last.
pub fn of(sample: &Sample, answered: impl Fn(&str) -> Option<SystemTime>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut add = |level, name: &str, text: String| {
        remarks.push(Remark {
            level,
            tag: "servers",
            text,
            link: "/nodes".into(),
            name: name.into(),
            since_ms: None,
        });
    };
    if let Some(why) = &sample.failure {
        add(Level::Warning, "topology", format!("the other servers can't be found: {}", shown(why)));
    }
    if sample.nodes.is_empty() {
        add(Level::Bad, "empty", "no server is known".into());
    }
    let has_others = sample.nodes.len() > 1;
    let each = sample.nodes.iter().map(|node| (Node::of(node, has_others), answered(&node.name)));
    remarks.extend(each.flat_map(|(node, answered)| of_node(&node, answered)));
    remarks.sort_by_key(|remark| std::cmp::Reverse(remark.level));
    remarks
}

fn of_node(node: &Node, answered: Option<SystemTime>) -> Vec<Remark> {
    let mut found = Found { node, remarks: Vec::new() };
    match node.info {
        Ok(info) if info.has_module() => {
            endpoints(&mut found, info);
            alerts(&mut found, info);
            shipping(&mut found, info);
            journal(&mut found, info);
            guards(&mut found, info);
            server(&mut found, info);
        }
        // INFO shows the module's fields to everybody who may call it.
        Ok(_) => {
            let text = format!("{} has no lockwatch: the module is not loaded", node.name);
            found.add_plain(Level::Bad, "servers", "module", text);
        }
        Err(why) => silent(&mut found, why, answered),
    }
    found.remarks
}

/// The remarks on one node.
struct Found<'a> {
    node: &'a Node<'a>,
    remarks: Vec<Remark>,
}

impl Found<'_> {
    /// Adds a remark that ends with the node's name, if there are others.
    fn add(&mut self, level: Level, tag: &'static str, name: &str, text: String) {
        let text = if self.node.has_others { format!("{text} ({})", self.node.name) } else { text };
        self.add_plain(level, tag, name, text);
    }

    fn add_plain(&mut self, level: Level, tag: &'static str, name: &str, text: String) {
        let link = match tag {
            "servers" => "/nodes",
            "guards" => "/bans",
            _ => "/delivery",
        };
        let name = format!("{name} {}", self.node.name);
        self.remarks.push(Remark { level, tag, text, link: link.into(), name, since_ms: None });
    }
}

fn silent(found: &mut Found, why: &Failure, answered: Option<SystemTime>) {
    let (role, level) = match found.node.is_primary {
        true => ("primary", Level::Bad),
        false => ("replica", Level::Warning),
    };
    let state = match why.kind {
        Kind::Away => "is away",
        Kind::Slow => "does not answer in time",
        Kind::Refused => "refuses INFO",
    };
    let text = format!("the {role} {} {state}: {}", found.node.name, shown(&why.text));
    found.add_plain(level, "servers", state, text);
    if let Some(remark) = found.remarks.last_mut() {
        remark.since_ms = answered.map(unix_ms);
    }
}

/// `: ` and an error, if there is one.
fn because(error: Option<&str>) -> String {
    error.filter(|error| !error.is_empty()).map(|error| format!(": {}", shown(error))).unwrap_or_default()
}

fn endpoints(found: &mut Found, info: &Info) {
    for (index, endpoint) in info.endpoints().into_iter().enumerate() {
        let state = info.lockwatch(&format!("alert_endpoint_{index}_state_number")).unwrap_or_default();
        let (level, what) = match state {
            ..3 => continue,
            3 => (Level::Warning, "fails"),
            4 => (Level::Bad, "fails again and again, and is tried once a minute"),
            _ => (Level::Bad, "is disabled, because it answered 410"),
        };
        let url = shown(endpoint.get("url").copied().unwrap_or_default());
        let why = because(endpoint.get("last_error").copied());
        found.add(level, "alerts", &format!("endpoint {url}"), format!("webhook {url} {what}{why}"));
    }
}

fn alerts(found: &mut Found, info: &Info) {
    let number = |name: &str| info.lockwatch(name).unwrap_or_default();
    let dead = number("alert_dead");
    if dead > 0 {
        let text = format!("{} could not be delivered", count(dead, "alert", "alerts"));
        found.add(Level::Warning, "alerts", "alert dead", text);
    }
    let full = number("alert_queued") as f64 / number("alert_max_events").max(1) as f64;
    if number("alert_endpoints") > 0 && full >= HALF {
        let level = if full >= NEARLY_FULL { Level::Bad } else { Level::Warning };
        found.add(level, "alerts", "alert queue", format!("the queue of alerts is {} full", percent(full)));
    }
    if info.lockwatch("ship") == Some(0) && found.node.is_primary {
        let text = "`ship no` holds alerts and audit events back".into();
        found.add(Level::Warning, "alerts", "ship", text);
    }
}

fn shipping(found: &mut Found, info: &Info) {
    let number = |name: &str| info.lockwatch(name).unwrap_or_default();
    let (lag, pending) = (number("audit_lag_ms"), number("audit_pending"));
    let is_unconnected = number("audit_state_number") >= 4;
    if lag >= LAG || (is_unconnected && pending > 0) {
        let why = because(info.text("lockwatch_audit_last_error").filter(|_| is_unconnected));
        let waiting = count(pending, "audit event waits", "audit events wait");
        let level = if is_unconnected { Level::Bad } else { Level::Warning };
        let text = format!("{waiting} for Postgres, the oldest for {}{why}", duration(lag));
        found.add(level, "audit", "audit lag", text);
    }
    let dead = number("audit_dead");
    if dead > 0 {
        let text = format!("Postgres refused {}", count(dead, "audit event", "audit events"));
        found.add(Level::Warning, "audit", "audit dead", text);
    }
}

fn journal(found: &mut Found, info: &Info) {
    let number = |name: &str| info.lockwatch(name).unwrap_or_default();
    let gap = number("audit_gap");
    if gap > 0 {
        let text = format!("the journal is full: {} refused", count(gap, "event was", "events were"));
        return found.add(Level::Bad, "audit", "journal", text);
    }
    let share = |used: &str, most: &str| number(used) as f64 / number(most).max(1) as f64;
    let full = share("audit_events", "audit_max_events").max(share("audit_bytes", "audit_max_bytes"));
    // Without a database new events replace the oldest, so the journal is full in the end.
    if number("audit_state_number") == 0 || full < HALF {
        return;
    }
    let (level, more) =
        if full >= NEARLY_FULL { (Level::Bad, ": soon events are refused") } else { (Level::Warning, "") };
    found.add(level, "audit", "journal", format!("the journal is {} full{more}", percent(full)));
}

fn guards(found: &mut Found, info: &Info) {
    let number = |name: &str| info.lockwatch(name).unwrap_or_default();
    if !found.node.is_primary || number("guards") == 0 {
        return;
    }
    let restrained = number("guard_restrained");
    if restrained > 0 {
        let which = if restrained == 1 {
            "a guard only challenges".into()
        } else {
            format!("{restrained} guards only challenge")
        };
        let text = format!("{which} new attackers, because there are too many bans or the site seems broken");
        found.add(Level::Warning, "guards", "restrained", text);
    }
    if number("guard_observes") > 0 {
        let text = "guards only observe: nobody is banned or challenged".into();
        found.add(Level::Note, "guards", "observes", text);
    }
}

fn server(found: &mut Found, info: &Info) {
    let name = found.node.name;
    let panics = info.lockwatch("panics_total").unwrap_or_default();
    if panics > 0 {
        let text =
            format!("{name} had {}: a bug of lockwatch, see its log", count(panics, "panic", "panics"));
        found.add_plain(Level::Bad, "servers", "panics", text);
    }
    if info.text("master_link_status") == Some("down") {
        let text = format!("the replica {name} has lost its primary");
        found.add_plain(Level::Bad, "servers", "link", text);
    }
    let (used, limit) =
        (info.number("used_memory").unwrap_or_default(), info.number("maxmemory").unwrap_or_default());
    if limit > 0 && used as f64 >= limit as f64 * NEARLY_FULL {
        let text = format!("{name} uses {} of {}", bytes(used), bytes(limit));
        found.add_plain(Level::Warning, "servers", "memory", text);
    }
}

#[cfg(test)]
mod tests;
