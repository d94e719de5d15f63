//! Many alerts of one type within a short time become one: the first few go out singly, the rest as a summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::text::time::{Span, Timestamp};

/// How many alerts of a type go out singly in a period.
pub const SINGLES: u32 = 10;
/// How long a period is, unless tests shorten it.
pub const PERIOD: Span = Span(10_000);
/// How many of a period's alerts its summary shows.
const EXAMPLES: usize = 5;
/// The longest data that a summary shows as an example.
const EXAMPLE_BYTES: usize = 4096;
/// For how many types a period is kept at a time. A type beyond them is not rolled up; the journal's bound remains.
pub const TYPES: usize = 256;

/// The alerts of one type in one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    began: Timestamp,
    singles: u32,
    rest: Option<Rest>,
}

/// Those that did not go out singly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The id of the summary to come.
    pub id: Id,
    count: u64,
    from: Timestamp,
    to: Timestamp,
    examples: Vec<String>,
}

/// The period of every type that has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    periods: BTreeMap<String, Period>,
}

/// How an alert goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By itself, in the period that began then.
    Single(Timestamp),
    /// As part of a summary that has an id already, or is to get one.
    Rolled(Option<Id>),
    /// By itself and uncounted: there are too many types.
    Uncounted,
}

impl Rollup {
    /// How an alert that is raised at `now` goes out.
    pub fn way(&self, kind: &str, now: Timestamp, period: Span) -> Way {
        match self.periods.get(kind) {
            None if self.is_full(now) => Way::Uncounted,
            None => Way::Single(now),
            // The summary goes out first, which the next tick sees to; until then its period goes on.
            Some(Period { rest: Some(rest), .. }) => Way::Rolled(Some(rest.id)),
            Some(current) if current.is_over(now, period) => Way::Single(now),
            Some(current) if current.singles < SINGLES => Way::Single(current.began),
            Some(_) => Way::Rolled(None),
        }
    }

    /// Counts an alert that went out singly in the period that began at `began`.
    pub fn single(&mut self, kind: &str, began: Timestamp) {
        match self.periods.get_mut(kind) {
            Some(period) if period.began == began => {
                period.singles = period.singles.saturating_add(1);
            }
            _ => {
                if self.periods.len() >= TYPES {
                    self.periods.retain(|_, period| period.is_needed(began));
                }
                self.periods.insert(kind.to_owned(), Period { began, singles: 1, rest: None });
            }
        }
    }

    /// Whether there is no room for another type's period. One without a rest is forgotten when its room is needed.
    fn is_full(&self, now: Timestamp) -> bool {
        self.periods.len() >= TYPES && self.periods.values().all(|period| period.is_needed(now))
    }

    /// Counts an alert that did not.
    pub fn rolled(&mut self, kind: &str, id: Id, at: Timestamp, example: Option<String>) {
        let period =
            self.periods.entry(kind.to_owned()).or_insert(Period { began: at, singles: 0, rest: None });
        let rest = period.rest.get_or_insert(Rest { id, count: 0, from: at, to: at, examples: Vec::new() });
        rest.count = rest.count.saturating_add(1);
        rest.to = rest.to.max(at);
        rest.examples.extend(example);
    }

    /// The data of an alert, if the summary of its type has room for it.
    pub fn example(&self, kind: &str, data: &str) -> Option<String> {
        let rest = self.periods.get(kind).and_then(|period| period.rest.as_ref());
        let room = rest.is_none_or(|rest| rest.examples.len() < EXAMPLES) && data.len() <= EXAMPLE_BYTES;
        room.then(|| data.to_owned())
    }

    /// Ends a type's period.
    pub fn end(&mut self, kind: &str) {
        self.periods.remove(kind);
    }

    /// The types with a summary to be sent: their period is over at `now`.
    pub fn over(&self, now: Timestamp, period: Span) -> impl Iterator<Item = (&str, &Rest)> {
        let over = self.periods.iter().filter(move |(_, current)| current.is_over(now, period));
        over.filter_map(|(kind, current)| Some((kind.as_str(), current.rest.as_ref()?)))
    }

    /// How many summaries are to come.
    pub fn summaries(&self) -> usize {
        self.periods.values().filter(|period| period.rest.is_some()).count()
    }

    /// When the first summary is to be sent.
    pub fn next_end(&self, period: Span) -> Option<Timestamp> {
        let rolled = self.periods.values().filter(|current| current.rest.is_some());
        rolled.map(|current| current.began + period).min()
    }
}

impl Period {
    /// Whether it must be kept at `now`.
    fn is_needed(&self, now: Timestamp) -> bool {
        self.rest.is_some() || !self.is_over(now, PERIOD)
    }

    /// A clock that has stepped back ends it, too.
    fn is_over(&self, now: Timestamp, period: Span) -> bool {
        now < self.began || now >= self.began + period
    }
}

/// The type of the summary of alerts of the type `kind`.
pub fn summary_kind(kind: &str) -> String {
    format!("{kind}.summary")
}

impl Rest {
    /// The data of the summary: JSON.
    pub fn data(&self, kind: &str) -> String {
        let examples = self.examples.join(",");
        let Self { count, from, to, .. } = self;
        format!(
            r#"{{"type":"{kind}","count":{count},"from_ms":{},"to_ms":{},"examples":[{examples}]}}"#,
            from.0, to.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raise(rollup: &mut Rollup, now: u64) -> bool {
        let now = Timestamp(now);
        match rollup.way("burst", now, PERIOD) {
            Way::Single(began) => {
                rollup.single("burst", began);
                true
            }
            Way::Rolled(id) => {
                let id = id.unwrap_or(Id { at: now, epoch: 1, seq: 7 });
                let example = rollup.example("burst", "{}");
                rollup.rolled("burst", id, now, example);
                false
            }
            Way::Uncounted => true,
        }
    }

    #[test]
    fn ten_in_ten_seconds_go_out_singly_and_the_rest_as_one() {
        let mut rollup = Rollup::default();
        let singly = (0..1000).filter(|i| raise(&mut rollup, 5000 + i)).count();
        assert_eq!(singly, 10);
        assert_eq!(rollup.over(Timestamp(14_999), PERIOD).count(), 0);
        let over: Vec<_> = rollup.over(Timestamp(15_000), PERIOD).collect();
        let [(kind, rest)] = over[..] else { panic!("{over:?}") };
        assert_eq!((kind, rest.count, rest.from, rest.to), ("burst", 990, Timestamp(5010), Timestamp(5999)));
        assert_eq!(
            rest.data("burst"),
            r#"{"type":"burst","count":990,"from_ms":5010,"to_ms":5999,"examples":[{},{},{},{},{}]}"#
        );
        rollup.end("burst");
        assert!(raise(&mut rollup, 15_000));
    }

    #[test]
    fn a_period_without_a_rest_ends_by_itself() {
        let mut rollup = Rollup::default();
        assert!((0..100).all(|i| raise(&mut rollup, i * 1000)));
    }

    #[test]
    fn types_are_bounded_and_make_room_for_others() {
        let mut rollup = Rollup::default();
        for i in 0..TYPES {
            rollup.single(&format!("type.{i}"), Timestamp(5000));
        }
        assert_eq!(rollup.way("one.more", Timestamp(5001), PERIOD), Way::Uncounted);
        assert_eq!(rollup.way("one.more", Timestamp(15_000), PERIOD), Way::Single(Timestamp(15_000)));
        rollup.single("one.more", Timestamp(15_000));
        assert_eq!(rollup.periods.len(), 1);
    }

    #[test]
    fn a_clock_that_steps_back_ends_the_period() {
        let mut rollup = Rollup::default();
        assert!((0..10).all(|_| raise(&mut rollup, 50_000)));
        assert!(!raise(&mut rollup, 50_000));
        assert_eq!(rollup.over(Timestamp(1000), PERIOD).count(), 1);
    }
}
