//! Rates: how much each counter grew a second between two answers of a node.

use std::collections::BTreeMap;

use crate::info::Info;

/// The growth of counters a second, by their names without `lockwatch_`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates(BTreeMap<String, f64>);

impl Rates {
    /// 0 for a counter that did not grow, or that nobody has.
    pub fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// The sum of several counters.
    pub fn sum(&self, names: &[&str]) -> f64 {
        names.iter().map(|name| self.of(name)).sum()
    }

    pub fn add(&mut self, other: &Self) {
        for (name, rate) in &other.0 {
            *self.0.entry(name.clone()).or_default() += rate;
        }
    }

    /// The growth from `old` to `new`. A counter that fell was started anew at 0 with its server.
    pub fn between(old: &BTreeMap<String, i64>, new: &BTreeMap<String, i64>, seconds: f64) -> Self {
        let growth = |(name, value): (&String, &i64)| {
            let before = old.get(name).copied().filter(|before| before <= value).unwrap_or(0);
            (name.clone(), value.saturating_sub(before) as f64 / seconds)
        };
        Self(new.iter().map(growth).filter(|(_, rate)| *rate > 0.0).collect())
    }
}

/// The counters in INFO: the fields that end in `_total`, and the members of policies and rules,
/// such as `policy_login.denied`.
pub fn counters(info: &Info) -> BTreeMap<String, i64> {
    let mut counters = BTreeMap::new();
    if let Some(commands) = info.number("total_commands_processed") {
        counters.insert("total_commands_processed".to_owned(), commands);
    }
    for (name, value) in info.below("lockwatch_") {
        if name.ends_with("_total") {
            counters.extend(value.parse().ok().map(|number| (name.to_owned(), number)));
        } else if name.starts_with("policy_") || (name.starts_with("guard_") && name.contains('/')) {
            for (member, value) in Info::members(value) {
                counters.extend(value.parse().ok().map(|number| (format!("{name}.{member}"), number)));
            }
        }
    }
    counters
}
