//! Replays the test logs of CrowdSec's scenarios, which `tests/data/README.md` describes.

mod lines;

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::counter::Counter;
use super::rule::{Action, Count, Kind, Mode, Of, Rule, Scope, Tag};
use super::rule_state::RuleState;
use super::travel::{Place, Travel};
use crate::text::time::{Span, Timestamp};
use lines::{Event, Form, Line};

/// What one subject of a line has.
struct Subject {
    state: RuleState,
    travel: Travel,
    /// The values of an interval with distinct values since its counter began. Our rules have no
    /// such count.
    counted: BTreeSet<u64>,
}

fn rule(line: &Line) -> Rule {
    Rule {
        name: line.scenario.as_str().into(),
        tag: Tag::of(&line.scenario),
        scope: Scope::Key,
        kinds: [Kind::Failure].into(),
        count: count(line),
        quiet: line.blackhole_ms.map(Span),
        action: Action::Alert,
        mode: Mode::Enforce,
    }
}

fn count(line: &Line) -> Count {
    match line.form {
        Form::Leaky { capacity, leakspeed_ms } if line.distinct.is_some() => {
            Count::Distinct { most: capacity, of: Of::Values, every: Span(leakspeed_ms) }
        }
        Form::Leaky { capacity, leakspeed_ms } => Count::Leak { most: capacity, every: Span(leakspeed_ms) },
        Form::Trigger {} | Form::Travel { .. } => Count::Each,
        Form::Interval { last, median_ms, strict, idle_ms } => {
            assert_eq!(idle_ms, 12 * median_ms, "{}", line.test);
            Count::Gaps { last: last - 1, over: Span(median_ms - u64::from(!strict)) }
        }
        Form::CountOf { more_than, idle_ms } => {
            Count::Distinct { most: more_than, of: Of::Values, every: Span(idle_ms / u64::from(more_than)) }
        }
    }
}

/// The indices of the events that fire.
fn fired(line: &Line) -> Vec<usize> {
    let rule = rule(line);
    let mut subjects: HashMap<&str, Subject> = HashMap::new();
    let mut fired = Vec::new();
    for (index, event) in line.events.iter().enumerate() {
        let subject = subjects.entry(&event.key).or_insert_with(|| Subject::new(&rule));
        if subject.fires(line, &rule, event) {
            fired.push(index);
        }
        assert!(subject.state.is_sound());
    }
    fired
}

impl Subject {
    fn new(rule: &Rule) -> Self {
        Self { state: RuleState::new(rule), travel: Travel::default(), counted: BTreeSet::new() }
    }

    fn fires(&mut self, line: &Line, rule: &Rule, event: &Event) -> bool {
        let now = Timestamp(event.t_ms);
        if let Form::Travel { km, idle_ms } = line.form {
            return self.travel.arrive(place(event), now, km, Span(idle_ms));
        }
        if event.cancel {
            self.state.counter = Counter::new(&rule.count);
        }
        if self.state.counter == Counter::new(&rule.count) {
            self.counted.clear();
        }
        let value = event.value.as_ref().map(hash);
        let is_repeated = matches!(line.form, Form::Interval { .. })
            && line.distinct.is_some()
            && !value.is_none_or(|value| self.counted.insert(value));
        if event.cancel || event.counts == Some(false) || is_repeated {
            return false;
        }
        self.state.charge(rule, value, now)
    }
}

fn hash(value: &String) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn place(event: &Event) -> Place {
    let micro = |degrees: &Option<String>| {
        let degrees: f64 = degrees.as_ref().unwrap().parse().unwrap();
        (degrees * 1e6).round() as i32
    };
    Place::new(micro(&event.lat), micro(&event.lon)).unwrap()
}

#[test]
fn the_events_of_the_corpus_fire_that_fire_in_crowdsec() {
    let lines = lines::all();
    assert_eq!(lines.len(), 59);
    for line in &lines {
        let name = format!("{} in {}", line.scenario, line.test);
        let fired = fired(line);
        assert_eq!(fired.len(), line.overflows, "{name}: {fired:?}");
        if !line.wallclock {
            assert_eq!(fired, line.at, "{name}");
        }
    }
}
