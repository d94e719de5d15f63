//! The state of one rule for one subject: its counter and its quiet time.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::counter::Counter;
use super::rule::{Count, Rule, Tag};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleState {
    pub tag: Tag,
    pub counter: Counter,
    /// From this time on the rule may fire again. Zero for a rule without a quiet time.
    pub quiet_until: Timestamp,
}

impl RuleState {
    pub(crate) fn new(rule: &Rule) -> Self {
        Self { tag: rule.tag, counter: Counter::new(&rule.count), quiet_until: Timestamp(0) }
    }

    /// Counts one event, as [`Counter::charge`] does, and returns whether the rule fires. In the
    /// quiet time after it has fired it does not fire, and a full counter is emptied all the same.
    #[cfg(test)]
    pub(crate) fn charge(&mut self, rule: &Rule, value: Option<u64>, now: Timestamp) -> bool {
        self.charge_as(&rule.count, rule.quiet, value, now)
    }

    /// The same for another count than the rule's own: the one of an IPv6 /48.
    pub(crate) fn charge_as(
        &mut self,
        count: &Count,
        quiet: Option<Span>,
        value: Option<u64>,
        now: Timestamp,
    ) -> bool {
        if !count.takes(value) {
            return false;
        }
        let until = quiet.map_or(Timestamp(0), |quiet| now + quiet);
        // An end later than that is from before the clock stepped back, or from another rules file.
        self.quiet_until = self.quiet_until.min(until);
        let fires = self.counter.charge(count, value, now) && now >= self.quiet_until;
        if fires {
            self.quiet_until = until;
        }
        fires
    }

    /// From this time on it behaves like a new state. `None` if it does already.
    pub(crate) fn ends(&self, count: &Count) -> Option<Timestamp> {
        let quiet_until = (self.quiet_until > Timestamp(0)).then_some(self.quiet_until);
        self.counter.ends(count).max(quiet_until)
    }

    /// Whether calls can have made this state. Values of files are checked by this.
    pub(crate) fn is_sound(&self) -> bool {
        self.counter.is_sound() && self.quiet_until < Timestamp::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::rule::{Action, Kind, Mode, Scope};
    use proptest::prelude::*;

    const QUIET: Span = Span(1_000);
    const START: Timestamp = Timestamp(1_790_000_000_000);

    fn rule(count: Count, quiet: Option<Span>) -> Rule {
        Rule {
            name: "guess".into(),
            tag: Tag::of("guess"),
            scope: Scope::Pair,
            kinds: [Kind::Failure].into(),
            count,
            quiet,
            action: Action::Alert,
            mode: Mode::Enforce,
        }
    }

    /// Which events fire, by their time after [`START`].
    fn fires(rule: &Rule, times: &[i64]) -> Vec<bool> {
        let mut state = RuleState::new(rule);
        let at = |time: &i64| Timestamp(START.0.checked_add_signed(*time).unwrap());
        times.iter().map(|time| state.charge(rule, None, at(time))).collect()
    }

    #[test]
    fn a_rule_is_quiet_after_it_has_fired_and_fires_again_when_that_time_ends() {
        let each = rule(Count::Each, Some(QUIET));
        assert_eq!(fires(&each, &[0, 1, 999, 1_000, 1_999, 2_000]), [true, false, false, true, false, true]);
        assert_eq!(fires(&rule(Count::Each, None), &[0, 0, 1]), [true; 3]);
    }

    #[test]
    fn a_counter_that_fills_in_the_quiet_time_is_emptied() {
        let leak = rule(Count::Leak { most: 1, every: Span(10_000) }, Some(QUIET));
        assert_eq!(fires(&leak, &[0, 1, 2, 3, 1_001, 1_002]), [false, true, false, false, false, true]);
    }

    #[test]
    fn events_in_the_quiet_time_are_counted() {
        let leak = rule(Count::Leak { most: 1, every: Span(10_000) }, Some(QUIET));
        assert_eq!(fires(&leak, &[0, 1, 2, 1_001]), [false, true, false, true]);
    }

    #[test]
    fn a_state_that_no_calls_make_is_not_sound() {
        let mut state = RuleState::new(&rule(Count::Each, None));
        assert!(state.is_sound());
        state.quiet_until = Timestamp::NEVER;
        assert!(!state.is_sound());
        let counter = Counter::Bucket { fill: Span(0), when: START };
        assert!(!RuleState { counter, quiet_until: START, ..state }.is_sound());
    }

    #[test]
    fn quiet_lasts_no_longer_than_the_rule_says_when_the_clock_steps_back() {
        let each = rule(Count::Each, Some(QUIET));
        assert_eq!(fires(&each, &[0, -50_000, -49_001, -49_000]), [true, false, false, true]);
    }

    #[test]
    fn a_quiet_time_that_a_new_rules_file_shortens_or_drops_ends_earlier() {
        for (quiet, expected) in [(None, true), (Some(Span(10)), false)] {
            let mut state = RuleState::new(&rule(Count::Each, Some(QUIET)));
            assert!(state.charge(&rule(Count::Each, Some(QUIET)), None, START));
            let changed = rule(Count::Each, quiet);
            assert_eq!(state.charge(&changed, None, START + Span(1)), expected);
            assert!(state.charge(&changed, None, START + Span(11)));
        }
    }

    #[test]
    fn an_event_without_a_value_changes_nothing_in_a_distinct_count() {
        let users = Count::Distinct { most: 1, of: crate::guard::rule::Of::Users, every: Span(10) };
        let rule = rule(users, Some(QUIET));
        let mut state = RuleState::new(&rule);
        assert!(!state.charge(&rule, Some(1), START) && state.charge(&rule, Some(2), START));
        let before = state.clone();
        assert!(!state.charge(&rule, None, Timestamp(0)));
        assert_eq!(state, before);
    }

    #[test]
    fn a_state_takes_forty_bytes() {
        assert_eq!((size_of::<Counter>(), size_of::<RuleState>()), (24, 40));
    }

    proptest! {
        #[test]
        fn a_state_ends_when_it_behaves_like_a_new_one(
            delays in prop::collection::vec(-30_i64..60, 1..20), quiet in prop::option::of(1_u64..50),
        ) {
            let rule = rule(Count::Leak { most: 2, every: Span(10) }, quiet.map(Span));
            let (mut state, mut now) = (RuleState::new(&rule), START);
            for delay in delays {
                now = Timestamp(now.0.checked_add_signed(delay).unwrap());
                state.charge(&rule, None, now);
                prop_assert!(state.is_sound());
            }
            let Some(end) = state.ends(&rule.count) else { return Ok(()) };
            let mut new = RuleState::new(&rule);
            for time in [end, end, end, end + Span(15), end + Span(15)] {
                prop_assert_eq!(state.charge(&rule, None, time), new.charge(&rule, None, time));
            }
        }
    }
}
