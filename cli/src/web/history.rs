//! The last five minutes, in steps of five seconds: what the servers counted in each. Kept here so
//! that the page shows what led to now, also to who opens it after an alert.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use crate::background::Background;
use crate::info::Info;
use crate::sampler::{MAX_AGE, Sample, Sampler};
use crate::sum::sum;

/// Steps that are kept: five minutes.
const STEPS: usize = 60;
/// A counter that the page shows, and the fields of INFO whose sum it is.
const COUNTERS: [(Counter, &[&str]); 9] = [
    (Counter::Calls, &["ratelimit_calls_total", "mratelimit_calls_total", "cell_calls_total"]),
    (Counter::Denied, &["ratelimit_denied_total", "mratelimit_denied_total", "cell_denied_total"]),
    (Counter::Shadow, &[]),
    (Counter::Attempts, &["guard_attempts_total", "guard_checks_total"]),
    (
        Counter::Stopped,
        &["guard_attempts_denied_total", "guard_attempts_challenged_total", "guard_checks_denied_total"],
    ),
    (Counter::Bans, &["guard_bans_total"]),
    (Counter::Bursts, &["burst_bursts_total"]),
    (Counter::Alerts, &["alert_raised_total"]),
    (Counter::Events, &["audit_appended_total"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Calls of the limiter.
    Calls,
    /// Those that were denied.
    Denied,
    /// Those that policies in SHADOW would have denied.
    Shadow,
    /// Calls that asked a guard.
    Attempts,
    /// Those that were challenged or denied.
    Stopped,
    /// Bans by rules.
    Bans,
    /// Calls that were part of a burst.
    Bursts,
    Alerts,
    /// Events of the audit log.
    Events,
}

/// What was counted between two samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub seconds: f64,
    counts: BTreeMap<Counter, i64>,
}

impl Step {
    #[cfg(test)]
    pub fn made_of(seconds: f64, counts: &[(Counter, i64)]) -> Self {
        Self { seconds, counts: counts.iter().copied().collect() }
    }

    pub fn count(&self, counter: Counter) -> i64 {
        self.counts.get(&counter).copied().unwrap_or_default()
    }

    pub fn rate(&self, counter: Counter) -> f64 {
        self.count(counter) as f64 / self.seconds.max(0.001)
    }
}

#[derive(Default)]
struct Past {
    last: Option<Arc<Sample>>,
    steps: VecDeque<Step>,
    /// When each node of the last sample answered last, by its name.
    answered: BTreeMap<String, SystemTime>,
    /// Since when something is wrong, by a name for it; `None` if it was so from the start.
    wrong: BTreeMap<String, Option<SystemTime>>,
}

/// Samples in the background until it is dropped.
pub struct History {
    past: Arc<Mutex<Past>>,
    _task: Background,
}

impl History {
    /// `faults` names what is wrong in a sample.
    pub fn start(sampler: Arc<Sampler>, faults: fn(&Sample) -> Vec<String>) -> Self {
        let past = Arc::<Mutex<Past>>::default();
        let kept = Arc::clone(&past);
        let task = Background::run("the history of the page", move || {
            watch(Arc::clone(&sampler), Arc::clone(&kept), faults)
        });
        Self { past, _task: task }
    }

    /// The steps, oldest first.
    pub fn steps(&self) -> Vec<Step> {
        lock(&self.past).steps.iter().cloned().collect()
    }

    /// When a node answered last, if it did since the program started.
    pub fn answered(&self, node: &str) -> Option<SystemTime> {
        lock(&self.past).answered.get(node).copied()
    }

    /// Since when something is wrong, if its beginning was seen.
    pub fn since(&self, fault: &str) -> Option<SystemTime> {
        lock(&self.past).wrong.get(fault).copied().flatten()
    }
}

async fn watch(sampler: Arc<Sampler>, past: Arc<Mutex<Past>>, faults: fn(&Sample) -> Vec<String>) {
    loop {
        let sample = sampler.sample().await;
        let wrong = faults(&sample);
        lock(&past).add(&sample, &wrong);
        sleep(MAX_AGE).await;
    }
}

fn lock(past: &Mutex<Past>) -> MutexGuard<'_, Past> {
    past.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Past {
    fn add(&mut self, sample: &Arc<Sample>, faults: &[String]) {
        let since = self.last.is_some().then_some(sample.at);
        self.wrong.retain(|name, _| faults.contains(name));
        for name in faults {
            self.wrong.entry(name.clone()).or_insert(since);
        }
        self.answered.retain(|name, _| sample.nodes.iter().any(|node| node.name == *name));
        for (node, _) in sample.answers() {
            self.answered.insert(node.name.clone(), sample.at);
        }
        let last = self.last.replace(Arc::clone(sample));
        let Some(last) = last.filter(|last| last.taken < sample.taken) else { return };
        self.steps.push_back(step(&last, sample));
        if self.steps.len() > STEPS {
            self.steps.pop_front();
        }
    }
}

fn step(before: &Sample, now: &Sample) -> Step {
    let mut counts: BTreeMap<Counter, i64> = BTreeMap::new();
    for (node, info) in now.answers() {
        let Some((_, earlier)) = before.answers().find(|(other, _)| other.name == node.name) else {
            continue;
        };
        for (counter, fields) in COUNTERS {
            let grown = match counter {
                Counter::Shadow => shadow_denials(info, earlier),
                _ => sum(fields.iter().map(|field| grown(info.lockwatch(field), earlier.lockwatch(field)))),
            };
            let count = counts.entry(counter).or_default();
            *count = count.saturating_add(grown);
        }
    }
    Step { seconds: (now.taken - before.taken).max(Duration::from_millis(1)).as_secs_f64(), counts }
}

/// A counter that is smaller than before began anew at a restart.
fn grown(now: Option<i64>, before: Option<i64>) -> i64 {
    let (now, before) = (now.unwrap_or_default(), before.unwrap_or_default());
    if now < before { now } else { now.saturating_sub(before) }
}

fn shadow_denials(now: &Info, before: &Info) -> i64 {
    let denials = |line: Option<&str>| Info::members(line?).get("shadow_denied")?.parse::<i64>().ok();
    let grown_of = |(name, line): (&str, &str)| match before.text(&format!("lockwatch_policy_{name}")) {
        // A policy that was not among the busiest before has counted for longer than the step.
        None => 0,
        earlier => grown(denials(Some(line)), denials(earlier)),
    };
    sum(now.below("lockwatch_policy_").map(grown_of))
}

/// The total of the last steps.
pub fn total(steps: &[Step], counter: Counter) -> i64 {
    sum(steps.iter().map(|step| step.count(counter)))
}

/// The seconds that the steps cover.
pub fn seconds(steps: &[Step]) -> f64 {
    steps.iter().map(|step| step.seconds).sum()
}

/// The time of the first step, for words such as "in the last 40 s".
pub fn span(steps: &[Step]) -> Duration {
    Duration::from_secs_f64(seconds(steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::fleet::Kind;
    use std::time::Instant;

    #[test]
    fn a_node_that_is_gone_is_forgotten() {
        let at = SystemTime::now();
        let mut past = Past::default();
        past.answered.insert("gone:6379".into(), at);
        let sample =
            Sample { at, taken: Instant::now(), kind: Kind::Cluster, nodes: Vec::new(), failure: None };
        past.add(&Arc::new(sample), &[]);
        assert!(past.answered.is_empty());
    }

    #[test]
    fn a_counter_that_fell_began_anew() {
        assert_eq!(grown(Some(7), Some(3)), 4);
        assert_eq!(grown(Some(2), Some(30)), 2);
        assert_eq!(grown(None, Some(3)), 0);
        assert_eq!(grown(Some(i64::MAX), Some(i64::MIN)), i64::MAX);
    }

    #[test]
    fn shadow_denials_are_summed_over_policies_seen_twice() {
        let before = Info::parse("lockwatch_policy_a:calls=3,denied=0,shadow_denied=1\n");
        let now = Info::parse(
            "lockwatch_policy_a:calls=9,denied=0,shadow_denied=5\n\
             lockwatch_policy_b:calls=9,denied=0,shadow_denied=7\n",
        );
        assert_eq!(shadow_denials(&now, &before), 4);
    }
}
