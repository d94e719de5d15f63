//! What happened between the snapshots so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::activity::Activity;
use super::rates::{Rates, counters};
use super::snapshot::Snapshot;
use crate::info::Info;

/// Points that are kept of each activity.
const POINTS: usize = 240;

/// The last answer of a node.
#[derive(Clone)]
struct Last {
    taken: Instant,
    counters: BTreeMap<String, i64>,
}

/// What happened between the snapshots so far.
#[derive(Clone, Default)]
pub struct History {
    last: BTreeMap<String, Last>,
    /// The rates of all nodes together; `None` until some node has answered twice.
    pub now: Option<Rates>,
    pub by_node: BTreeMap<String, Rates>,
    past: VecDeque<Vec<(f64, f64)>>,
}

impl History {
    pub fn add(&mut self, snapshot: &Snapshot) {
        self.by_node.clear();
        for (node, info) in snapshot.answers() {
            if let Some(rates) = self.rates_of(&node.name, info, snapshot.taken) {
                self.by_node.insert(node.name.clone(), rates);
            }
        }
        self.last.retain(|name, _| snapshot.nodes.iter().any(|node| node.name == *name));
        if self.by_node.is_empty() {
            // Nobody answered: after a first rate that is a rate of 0, and no unknown one.
            self.now = self.now.as_ref().map(|_| Rates::default());
        } else {
            let mut sum = Rates::default();
            self.by_node.values().for_each(|rates| sum.add(rates));
            self.now = Some(sum);
        }
        if let Some(now) = &self.now {
            let points = Activity::ALL.iter().map(|activity| (activity.calls(now), activity.denied(now)));
            self.past.push_back(points.collect());
            if self.past.len() > POINTS {
                self.past.pop_front();
            }
        }
    }

    fn rates_of(&mut self, name: &str, info: &Arc<Info>, taken: Instant) -> Option<Rates> {
        let counters = counters(info);
        let last = self.last.insert(name.to_owned(), Last { taken, counters: counters.clone() })?;
        let seconds = taken.saturating_duration_since(last.taken).as_secs_f64();
        (seconds > 0.0).then(|| Rates::between(&last.counters, &counters, seconds))
    }

    /// Calls and denials a second of one activity, the oldest first, at most `count` points.
    pub fn past(&self, activity: Activity, count: usize) -> impl Iterator<Item = (f64, f64)> {
        let skip = self.past.len().saturating_sub(count);
        self.past.iter().skip(skip).map(move |points| points[activity as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::super::sketch::Sketch;
    use super::*;

    fn calls(history: &History) -> Option<f64> {
        history.now.as_ref().map(|rates| rates.of("ratelimit_calls_total"))
    }

    #[test]
    fn a_rate_is_the_growth_of_all_nodes_a_second() {
        let mut history = History::default();
        let sketch = Sketch::new().node("a:1", "lockwatch_ratelimit_calls_total:100");
        history.add(&sketch.node("b:1", "lockwatch_ratelimit_calls_total:1000").taken_after(0));
        assert_eq!(calls(&history), None);
        let b = "lockwatch_ratelimit_calls_total:1010";
        history.add(
            &Sketch::new().node("a:1", "lockwatch_ratelimit_calls_total:120").node("b:1", b).taken_after(2),
        );
        assert_eq!(calls(&history), Some(15.0));
        assert_eq!(history.by_node["b:1"].of("ratelimit_calls_total"), 5.0);
    }

    #[test]
    fn a_node_that_was_away_or_restarted_gives_no_negative_rate_and_no_jump() {
        let mut history = History::default();
        let count = |n: i64| format!("lockwatch_ratelimit_calls_total:{n}");
        history.add(&Sketch::new().node("a:1", &count(1000)).taken_after(0));
        history.add(&Sketch::new().node("a:1", &count(1010)).taken_after(1));
        history.add(&Sketch::new().away("a:1", "connection refused").taken_after(2));
        assert_eq!(calls(&history), Some(0.0));
        // Restarted: it counts from 0, and 3 s have passed since its last answer.
        history.add(&Sketch::new().node("a:1", &count(6)).taken_after(4));
        assert_eq!(calls(&history), Some(2.0));
        history.add(&Sketch::new().node("a:1", &count(6)).taken_after(5));
        assert_eq!(calls(&history), Some(0.0));
    }

    #[test]
    fn policies_and_rules_have_rates_of_their_own() {
        let mut history = History::default();
        let lines = |n: i64| {
            format!(
                "lockwatch_policy_login:calls={n},denied=0,shadow_denied=0\r\n\
                 lockwatch_guard_login/brute:fired={n},challenged=0,denied=0,observed=0"
            )
        };
        history.add(&Sketch::new().node("a:1", &lines(0)).taken_after(0));
        history.add(&Sketch::new().node("a:1", &lines(8)).taken_after(4));
        let now = history.now.unwrap();
        assert_eq!([now.of("policy_login.calls"), now.of("guard_login/brute.fired")], [2.0, 2.0]);
        assert_eq!(now.of("policy_login.denied"), 0.0);
    }

    #[test]
    fn the_past_is_bounded() {
        let mut history = History::default();
        for second in 0..1000 {
            history.add(
                &Sketch::new()
                    .node("a:1", &format!("lockwatch_ratelimit_calls_total:{second}"))
                    .taken_after(second),
            );
        }
        assert_eq!(history.past.len(), POINTS);
        assert_eq!(history.past(Activity::Limiter, 60).count(), 60);
    }
}
