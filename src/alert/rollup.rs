//! Many alerts of one type within a short period: the first few are sent singly, the rest as one
//! summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::text::time::{Span, Timestamp};

/// The number of alerts of a type that are sent singly in a period.
pub(crate) const SINGLES: u32 = 10;
pub(crate) const PERIOD: Span = Span(10_000);
/// The number of examples in a summary.
const EXAMPLES: usize = 5;
/// The maximum size of an example.
const EXAMPLE_BYTES: usize = 4096;
/// The maximum number of types with a period. Types beyond it are not rolled up; the bounds of the
/// outbox remain.
pub(crate) const TYPES: usize = 256;

/// The alerts of one type in one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Period {
    began: Timestamp,
    singles: u32,
    rest: Option<Rest>,
}

/// The alerts that were not sent singly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// The id reserved for the summary.
    pub id: Id,
    count: u64,
    from: Timestamp,
    to: Timestamp,
    examples: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rollup {
    periods: BTreeMap<String, Period>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Sent singly, in the period that began then.
    Single(Timestamp),
    /// Part of a summary, with its id if it has one already.
    Summary(Option<Id>),
    /// Sent singly and not counted: there are too many types.
    Uncounted,
}

impl Rollup {
    pub(crate) fn route(&self, kind: &str, now: Timestamp, period: Span) -> Route {
        match self.periods.get(kind) {
            None if self.is_full(now) => Route::Uncounted,
            None => Route::Single(now),
            // The period goes on until the scheduler has queued its summary.
            Some(Period { rest: Some(rest), .. }) => Route::Summary(Some(rest.id)),
            Some(current) if current.is_over(now, period) => Route::Single(now),
            Some(current) if current.singles < SINGLES => Route::Single(current.began),
            Some(_) => Route::Summary(None),
        }
    }

    pub(crate) fn count_single(&mut self, kind: &str, began: Timestamp) {
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

    /// Whether there is no room for the period of another type. A period without a rest gives way
    /// once it has ended.
    fn is_full(&self, now: Timestamp) -> bool {
        self.periods.len() >= TYPES && self.periods.values().all(|period| period.is_needed(now))
    }

    /// Adds an alert to the summary of its type, which gets `id` if it is the first.
    pub(crate) fn add(&mut self, kind: &str, id: Id, at: Timestamp, example: Option<String>) {
        let period =
            self.periods.entry(kind.to_owned()).or_insert(Period { began: at, singles: 0, rest: None });
        let rest = period.rest.get_or_insert(Rest { id, count: 0, from: at, to: at, examples: Vec::new() });
        rest.count = rest.count.saturating_add(1);
        rest.to = rest.to.max(at);
        rest.examples.extend(example);
    }

    /// The data of an alert, if the summary of its type has room for another example.
    pub(crate) fn example(&self, kind: &str, data: &str) -> Option<String> {
        let rest = self.periods.get(kind).and_then(|period| period.rest.as_ref());
        let room = rest.is_none_or(|rest| rest.examples.len() < EXAMPLES) && data.len() <= EXAMPLE_BYTES;
        room.then(|| data.to_owned())
    }

    /// Ends the period of a type. Returns the id of its summary.
    pub(crate) fn end(&mut self, kind: &str) -> Option<Id> {
        self.periods.remove(kind)?.rest.map(|rest| rest.id)
    }

    /// The types whose period has ended and that need a summary.
    pub(crate) fn ended(&self, now: Timestamp, period: Span) -> impl Iterator<Item = (&str, &Rest)> {
        let over = self.periods.iter().filter(move |(_, current)| current.is_over(now, period));
        over.filter_map(|(kind, current)| Some((kind.as_str(), current.rest.as_ref()?)))
    }

    /// The number of summaries that will be queued.
    pub(crate) fn summaries(&self) -> usize {
        self.periods.values().filter(|period| period.rest.is_some()).count()
    }

    /// When the next period with a summary ends.
    pub(crate) fn next_end(&self, period: Span) -> Option<Timestamp> {
        let rolled = self.periods.values().filter(|current| current.rest.is_some());
        rolled.map(|current| current.began + period).min()
    }
}

impl Period {
    fn is_needed(&self, now: Timestamp) -> bool {
        self.rest.is_some() || !self.is_over(now, PERIOD)
    }

    /// A clock that has stepped back ends the period as well.
    fn is_over(&self, now: Timestamp, period: Span) -> bool {
        now < self.began || now >= self.began + period
    }
}

impl Rest {
    /// The data of the summary, as JSON.
    pub(crate) fn data(&self, kind: &str) -> String {
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
        match rollup.route("burst", now, PERIOD) {
            Route::Single(began) => {
                rollup.count_single("burst", began);
                true
            }
            Route::Summary(id) => {
                let id = id.unwrap_or(Id { at: now, epoch: 1, seq: 7 });
                let example = rollup.example("burst", "{}");
                rollup.add("burst", id, now, example);
                false
            }
            Route::Uncounted => true,
        }
    }

    #[test]
    fn ten_alerts_in_ten_seconds_are_sent_singly_and_the_rest_as_one_summary() {
        let mut rollup = Rollup::default();
        let singly = (0..1000).filter(|i| raise(&mut rollup, 5000 + i)).count();
        assert_eq!(singly, 10);
        assert_eq!(rollup.ended(Timestamp(14_999), PERIOD).count(), 0);
        let over: Vec<_> = rollup.ended(Timestamp(15_000), PERIOD).collect();
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
    fn a_period_without_a_summary_needs_no_end() {
        let mut rollup = Rollup::default();
        assert!((0..100).all(|i| raise(&mut rollup, i * 1000)));
    }

    #[test]
    fn types_are_bounded_and_make_room_for_others() {
        let mut rollup = Rollup::default();
        for i in 0..TYPES {
            rollup.count_single(&format!("type.{i}"), Timestamp(5000));
        }
        assert_eq!(rollup.route("one.more", Timestamp(5001), PERIOD), Route::Uncounted);
        assert_eq!(rollup.route("one.more", Timestamp(15_000), PERIOD), Route::Single(Timestamp(15_000)));
        rollup.count_single("one.more", Timestamp(15_000));
        assert_eq!(rollup.periods.len(), 1);
    }

    #[test]
    fn a_clock_that_steps_back_ends_the_period() {
        let mut rollup = Rollup::default();
        assert!((0..10).all(|_| raise(&mut rollup, 50_000)));
        assert!(!raise(&mut rollup, 50_000));
        assert_eq!(rollup.ended(Timestamp(1000), PERIOD).count(), 1);
    }
}
