//! The named limits of the servers: LW.POLICY LIST.

use redis::{Value, cmd};

use super::gathered::{Gathered, ask_primaries};
use crate::connect::fleet::Fleet;
use crate::reply::{self, Record};

#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub node: String,
    pub name: String,
    /// The limits, each with its window in milliseconds.
    pub limits: Vec<(i64, i64)>,
    pub shadow: bool,
    pub overrides: i64,
    /// Calls by the policy on its node, those that it denied, and those that it would have denied.
    pub calls: i64,
    pub denied: i64,
    pub shadow_denied: i64,
}

/// The policies of all primaries, in the order of their names.
pub async fn policies(fleet: &Fleet) -> Gathered<Policy> {
    let mut gathered = Gathered::default();
    for (node, answer) in ask_primaries(fleet, cmd("LW.POLICY").arg("LIST")).await {
        let policies = answer.map(|reply| {
            let listed = Record::of(&reply).map(|record| record.records("policies")).unwrap_or_default();
            listed.iter().filter_map(|one| policy(&node.name(), one)).collect::<Vec<_>>()
        });
        gathered.absorb(&node, policies, Vec::extend);
    }
    gathered.items.sort_by(|a, b| (&a.name, &a.node).cmp(&(&b.name, &b.node)));
    gathered
}

fn policy(node: &str, record: &Record) -> Option<Policy> {
    let limits = record.get("limits").map(reply::items).unwrap_or_default();
    Some(Policy {
        node: node.to_owned(),
        name: record.text("name")?,
        limits: limits.iter().filter_map(limit).collect(),
        shadow: record.int("shadow") == Some(1),
        overrides: record.int("overrides")?,
        calls: record.int("calls")?,
        denied: record.int("denied")?,
        shadow_denied: record.int("shadow_denied")?,
    })
}

/// A limit and its window in milliseconds.
pub(super) fn limit(pair: &Value) -> Option<(i64, i64)> {
    match reply::items(pair) {
        [limit, window] => Some((reply::int(limit)?, reply::int(window)?)),
        _ => None,
    }
}
