//! The metrics that are made of lines with members, such as `calls=3,denied=1`.

use std::collections::BTreeMap;

use crate::info::Info;
use crate::sampler::Sample;

use super::answers::answers;
use super::metric::{Kind, Metric, Number, Point, Unit};

pub const POLICY: &str = "lockwatch_policy_";
pub const RULE: &str = "lockwatch_guard_";
pub const KEY: &str = "lockwatch_token_key_";
pub const DIGEST: &str = "lockwatch_policies_digest";

/// The metrics that are made of histograms, and their fields.
pub const HISTOGRAMS: &[(&str, &str, &str)] = &[
    (
        "lockwatch_alert_delivery_duration",
        "lockwatch_alert_delivery_ms",
        "How long each POST to an endpoint took, until the answer or the failure",
    ),
    (
        "lockwatch_audit_ship_duration",
        "lockwatch_audit_ship_ms",
        "How long each batch that Postgres has taken took, until the answer to its commit",
    ),
];

pub fn metrics(sample: &Sample) -> Vec<Metric> {
    let mut metrics = vec![policies(sample), digests(sample), keys(sample)];
    metrics.extend(rules(sample));
    metrics.extend(HISTOGRAMS.iter().map(|(name, field, help)| histogram(sample, name, field, help)));
    metrics
}

pub type Members<'a> = BTreeMap<&'a str, &'a str>;

pub fn number(members: &Members<'_>, name: &str) -> Option<i64> {
    members.get(name)?.parse().ok()
}

fn policies(sample: &Sample) -> Metric {
    let help = "Calls of LW.RATELIMIT by a policy, by outcome. Forced calls count as admitted. \
                The 100 busiest policies";
    let mut metric = Metric::new("lockwatch_policy_calls", help, Kind::Counter);
    for (node, info) in answers(sample) {
        for (policy, line) in info.below(POLICY) {
            let members = Info::members(line);
            let count = |name| number(&members, name);
            let (Some(calls), Some(denied), Some(shadow)) =
                (count("calls"), count("denied"), count("shadow_denied"))
            else {
                continue;
            };
            let admitted = calls.saturating_sub(denied).saturating_sub(shadow).max(0);
            for (outcome, number) in [("admitted", admitted), ("denied", denied), ("shadow_denied", shadow)] {
                let point = Point::of(&node.name, Number::Whole(number));
                metric.points.push(point.with(&[("policy", policy), ("outcome", outcome)]));
            }
        }
    }
    metric
}

fn digests(sample: &Sample) -> Metric {
    let help = "The digest of all policies and overrides, which is the same where they are";
    let mut metric = Metric::new(DIGEST, help, Kind::Info);
    for (node, info) in answers(sample) {
        if let Some(digest) = info.text(DIGEST) {
            metric.points.push(Point::of(&node.name, Number::Whole(1)).with(&[("digest", digest)]));
        }
    }
    metric
}

fn keys(sample: &Sample) -> Metric {
    let mut metric = Metric::new("lockwatch_token_key", "A key for access tokens", Kind::Info);
    for (node, info) in answers(sample) {
        for (_, line) in info.below(KEY) {
            let members = Info::members(line);
            let labels = ["kid", "alg", "use"].map(|name| (name, *members.get(name).unwrap_or(&"")));
            metric.points.push(Point::of(&node.name, Number::Whole(1)).with(&labels));
        }
    }
    metric
}

/// A rule has a `/` between the guard's name and its own.
pub fn rules_of(info: &Info) -> impl Iterator<Item = (&str, &str, &str)> {
    info.below(RULE).filter_map(|(name, line)| {
        let (guard, rule) = name.split_once('/')?;
        Some((guard, rule, line))
    })
}

fn rules(sample: &Sample) -> [Metric; 2] {
    let help = "How often a rule fired, and whether it was enforced or only observed. \
                The 100 rules that fired most often";
    let mut fired = Metric::new("lockwatch_guard_rule_fired", help, Kind::Counter);
    let help =
        "Calls that were challenged or denied because of a rule. The rules of lockwatch_guard_rule_fired";
    let mut verdicts = Metric::new("lockwatch_guard_rule_verdicts", help, Kind::Counter);
    for (node, info) in answers(sample) {
        for (guard, rule, line) in rules_of(info) {
            let members = Info::members(line);
            let count = |name| number(&members, name);
            let point = |outcome, number| {
                let labels = [("guard", guard), ("rule", rule), ("outcome", outcome)];
                Point::of(&node.name, Number::Whole(number)).with(&labels)
            };
            if let (Some(all), Some(observed)) = (count("fired"), count("observed")) {
                fired.points.push(point("enforced", all.saturating_sub(observed).max(0)));
                fired.points.push(point("observed", observed));
            }
            for outcome in ["challenged", "denied"] {
                verdicts.points.extend(count(outcome).map(|number| point(outcome, number)));
            }
        }
    }
    [fired, verdicts]
}

fn histogram(sample: &Sample, name: &'static str, field: &str, help: &'static str) -> Metric {
    let mut metric = Metric::new(name, help, Kind::Histogram).in_unit(Unit::Seconds);
    for (node, info) in answers(sample) {
        if let Some(number) = info.text(field).and_then(histogram_of) {
            metric.points.push(Point::of(&node.name, number));
        }
    }
    metric
}

/// Reads `count=3,sum=31.402,le_1=0,…,le_inf=3`, where the sum and the bounds are milliseconds and
/// each bucket includes those below it.
pub fn histogram_of(line: &str) -> Option<Number> {
    let members = Info::members(line);
    let count = members.get("count")?.parse().ok()?;
    let sum = members.get("sum")?.parse::<f64>().ok()? / 1000.0;
    let mut below: Vec<(f64, u64)> = Vec::new();
    for (name, value) in &members {
        let Some(bound) = name.strip_prefix("le_") else { continue };
        // "inf" is the infinite number.
        below.push((bound.parse::<f64>().ok()? / 1000.0, value.parse().ok()?));
    }
    below.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut before: u64 = 0;
    let own = below.into_iter().map(|(bound, count)| {
        let own = u64::saturating_sub(count, before);
        before = before.max(count);
        (bound, own)
    });
    Some(Number::Histogram { sum, count, buckets: own.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_in_the_order_of_their_bounds() {
        let read = histogram_of("count=6,sum=7500.000,le_1=2,le_10=4,le_100=4,le_5=3,le_inf=6");
        let buckets = vec![(0.001, 2), (0.005, 1), (0.01, 1), (0.1, 0), (f64::INFINITY, 2)];
        assert_eq!(read, Some(Number::Histogram { sum: 7.5, count: 6, buckets }));
        // The buckets of a hostile server: no sum of them overflows.
        let most = u64::MAX;
        let read = histogram_of(&format!("count=1,sum=1,le_1={most},le_2=0,le_inf={most}"));
        let buckets = vec![(0.001, most), (0.002, 0), (f64::INFINITY, 0)];
        assert_eq!(read, Some(Number::Histogram { sum: 0.001, count: 1, buckets }));
        for no_histogram in ["", "count=1", "count=x,sum=1", "calls=1,denied=2", "count=1,sum=1,le_x=1"] {
            assert_eq!(histogram_of(no_histogram), None, "{no_histogram}");
        }
    }
}
