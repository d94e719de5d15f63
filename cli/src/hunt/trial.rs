//! How well attackers in a log are found whose truth is known. The figures in the documentation are
//! printed by `LOCKWATCH_TRIALS=10 cargo test -p lockwatch-cli hunt::trial -- --nocapture`.

use std::collections::{BTreeMap, HashMap};

use clap::Parser;

use super::census::{Bounds, Census};
use super::event::Event;
use super::findings::Findings;
use super::options::Args;
use super::score::Strange;
use super::traffic::{self, Call, Log};

/// Features and weights were chosen on the logs of the seeds 1 to 3. These are others.
const FIRST_SEED: u64 = 11;

/// Three logs, or as many as the environment says.
fn seeds() -> std::ops::Range<u64> {
    let trials = std::env::var("LOCKWATCH_TRIALS").ok();
    let trials = trials.map_or(3, |trials| trials.parse().expect("LOCKWATCH_TRIALS is a number"));
    FIRST_SEED..FIRST_SEED + trials
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn findings(log: &Log) -> Findings {
    let line = Line::parse_from(["hunt", "--top", "20"]);
    let mut census = Census::new(Bounds { subjects: 100_000, least_calls: line.args.min_calls });
    for call in &log.calls {
        let event = Event {
            ms: call.ms,
            kind: "request",
            user: call.user.as_deref().map(str::as_bytes),
            ip: call.ip.parse().ok(),
            path: Some(call.path.as_bytes()),
            method: Some(call.method.as_bytes()),
            status: Some(call.status),
            limited: call.status == 429,
            anomaly: false,
            agent: Some(call.agent.as_bytes()).filter(|agent| !agent.is_empty()),
        };
        census.add(&event, false);
    }
    Findings::of(&census, &line.args)
}

/// Counts over several logs.
#[derive(Default)]
struct Tally {
    logs: usize,
    attackers: usize,
    found_in_10: usize,
    found_in_20: usize,
    /// How often each group was in the first 20.
    groups: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, log: &Log, names: &[String], is_user: bool) {
        let mut group_of: HashMap<&str, (&'static str, bool)> = HashMap::new();
        for group in &log.groups {
            let members = if is_user { &group.users } else { &group.ips };
            for member in members {
                // A user whose account was taken over was in a group of honest users before.
                let known = group_of.entry(member).or_insert((group.name, group.is_attack));
                if group.is_attack {
                    *known = (group.name, true);
                }
            }
        }
        let found = |count: usize| names.iter().take(count).filter(|name| group_of[name.as_str()].1).count();
        self.logs += 1;
        self.attackers += group_of.values().filter(|(_, is_attack)| *is_attack).count();
        self.found_in_10 += found(10);
        self.found_in_20 += found(20);
        for name in names.iter().take(20) {
            *self.groups.entry(group_of[name.as_str()].0).or_default() += 1;
        }
    }

    fn precision(&self, found: usize, of: usize) -> f64 {
        found as f64 / (of * self.logs) as f64
    }

    fn recall(&self, found: usize) -> f64 {
        found as f64 / self.attackers as f64
    }

    fn print(&self, title: &str) {
        eprintln!("{title}: {} attackers in a log", self.attackers / self.logs);
        for (top, found) in [(10, self.found_in_10), (20, self.found_in_20)] {
            let (precision, recall) = (self.precision(found, top), self.recall(found));
            eprintln!("  top {top}: precision {precision:.2}, recall {recall:.2}");
        }
        let mean = |count: &usize| *count as f64 / self.logs as f64;
        let groups: Vec<String> =
            self.groups.iter().map(|(name, count)| format!("{name} {:.1}", mean(count))).collect();
        eprintln!("  in the first 20 of a log: {}", groups.join(", "));
    }
}

fn names(strangest: &[Strange]) -> Vec<String> {
    strangest.iter().map(|strange| strange.name.shown()).collect()
}

/// The addresses and users of a log, changed by `change`.
fn trial(title: &str, change: impl Fn(&mut Call)) -> (Tally, Tally) {
    let (mut addresses, mut users) = (Tally::default(), Tally::default());
    for seed in seeds() {
        let mut log = traffic::week(seed);
        log.calls.iter_mut().for_each(&change);
        let found = findings(&log);
        addresses.add(&log, &names(&found.addresses.unwrap().strangest), false);
        users.add(&log, &names(&found.users.unwrap().strangest), true);
    }
    addresses.print(&format!("addresses, {title}"));
    users.print(&format!("users, {title}"));
    (addresses, users)
}

#[test]
fn attackers_are_among_the_strangest() {
    let (addresses, users) = trial("everything recorded", |_| {});
    assert!(addresses.precision(addresses.found_in_10, 10) > 0.85);
    assert!(users.recall(users.found_in_20) > 0.8);
}

#[test]
fn attackers_are_found_without_the_names_that_logins_failed_for() {
    let (addresses, _) = trial("without users of failures, without agents", |call| {
        call.agent.clear();
        if call.status != 200 {
            call.user = None;
        }
    });
    assert!(addresses.precision(addresses.found_in_10, 10) > 0.5);
}

/// What a list of the addresses with the most failures finds, for comparison.
#[test]
fn most_failures_alone_find_less() {
    let mut simple = Tally::default();
    for seed in seeds() {
        let log = traffic::week(seed);
        let mut failures: HashMap<String, usize> = HashMap::new();
        for call in log.calls.iter().filter(|call| call.status != 200) {
            let ip = super::event::customer(call.ip.parse().unwrap());
            *failures.entry(super::name::Name::Address(ip).shown()).or_default() += 1;
        }
        let mut most: Vec<(String, usize)> = failures.into_iter().collect();
        most.sort_by(|(one, a), (other, b)| b.cmp(a).then(one.cmp(other)));
        let names: Vec<String> = most.into_iter().take(20).map(|(name, _)| name).collect();
        simple.add(&log, &names, false);
    }
    simple.print("addresses, by the number of failures");
    assert!(simple.precision(simple.found_in_10, 10) < 0.85);
}
