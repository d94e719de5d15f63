//! What a guard holds about one address, user, pair or key: the counts of its rules, challenges in
//! force, strikes, and of a pair the last passwords as hashes.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::ALLOCATOR;
use super::rule::{Count, Rule, Tag};
use super::rule_state::RuleState;
use super::strikes::Strikes;

/// How many passwords are remembered of a pair.
const VALUES: usize = 4;
/// The most rules of which a subject keeps something. More than a guard may have rules, because
/// those of an earlier file stay until they end.
const MOST: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In the order of their tags.
    rules: Vec<RuleState>,
    /// What few subjects have.
    more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct More {
    /// Challenges that were set, in the order they were.
    challenges: Vec<Challenge>,
    strikes: Vec<(Tag, Strikes)>,
    /// The last charged passwords of a pair, oldest first.
    values: Vec<Value>,
}

/// A challenge in force, or the denial of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub tag: Tag,
    /// The name of the rule, which a later rules file may not have.
    pub rule: Box<str>,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Whether the pair is denied, because its rule fired again after a challenge was solved.
    pub denies: bool,
    /// Whether an attempt has solved it.
    pub solved: bool,
}

/// The hash of a password that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Value {
    hash: u64,
    /// Whether its failure was reported.
    failed: bool,
}

impl Challenge {
    /// How long it lasts from `now` on, and never longer than it was set for.
    pub(crate) fn left(&self, now: Timestamp) -> Span {
        left(self.from, self.until, now)
    }
}

/// The time from `now` until `until`, at most that from `from` on: a clock that steps back prolongs
/// nothing.
pub(crate) fn left(from: Timestamp, until: Timestamp, now: Timestamp) -> Span {
    (until - now).min(until - from)
}

impl State {
    /// A fill at which the next event fires a rule.
    pub(crate) const FULL: u16 = 255;

    /// Nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.more.is_none()
    }

    /// Counts an event for `rule`, with `count` in place of the rule's own. Returns whether the
    /// rule fires.
    pub(crate) fn charge(&mut self, rule: &Rule, count: &Count, value: Option<u64>, now: Timestamp) -> bool {
        let place = self.rules.binary_search_by_key(&rule.tag, |state| state.tag);
        let place = match place {
            Ok(place) => place,
            Err(_) if self.rules.len() >= MOST => return false,
            Err(place) => {
                self.rules.reserve_exact(1);
                self.rules.insert(place, RuleState::new(rule));
                place
            }
        };
        let state = &mut self.rules[place];
        let fires = state.charge_as(count, rule.quiet, value, now);
        if state.ends(count).is_none() {
            self.rules.remove(place);
        }
        fires
    }

    /// Takes back what one event or one distinct `value` has added to the count of a rule.
    pub(crate) fn take_back(&mut self, tag: Tag, count: &Count, value: Option<u64>, now: Timestamp) {
        let Ok(place) = self.rules.binary_search_by_key(&tag, |state| state.tag) else { return };
        let state = &mut self.rules[place];
        match (count, value) {
            (Count::Distinct { .. }, Some(value)) => state.counter.forget(count, value, now),
            _ => state.counter.give_back(count, now),
        }
        if state.ends(count).is_none() {
            self.rules.remove(place);
        }
    }

    pub(crate) fn has_rule(&self, tag: Tag) -> bool {
        self.rules.binary_search_by_key(&tag, |state| state.tag).is_ok()
    }

    pub(crate) fn rules(&self) -> &[RuleState] {
        &self.rules
    }

    pub(crate) fn challenges(&self) -> &[Challenge] {
        self.more.as_ref().map_or(&[], |more| &more.challenges)
    }

    /// Sets a challenge. One of the same rule that lasts longer stays, and denies if either does.
    pub(crate) fn challenge(&mut self, mut new: Challenge) {
        let more = self.more.get_or_insert_default();
        if let Some(at) = more.challenges.iter().position(|old| old.tag == new.tag) {
            let old = more.challenges.remove(at);
            let left = old.left(new.from);
            if left > Span(0) {
                new.denies |= old.denies;
                new.until = new.until.max(new.from + left);
            }
        }
        more.challenges.retain(|old| old.left(new.from) > Span(0));
        if more.challenges.len() < MOST {
            more.challenges.reserve_exact(1);
            more.challenges.push(new);
        }
    }

    /// Whether a challenge was set at a later time than `now`.
    pub(crate) fn is_ahead(&self, now: Timestamp) -> bool {
        self.challenges().iter().any(|one| one.from > now)
    }

    /// Moves challenges that were set later than `now` to now.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let challenges = self.more.iter_mut().flat_map(|more| &mut more.challenges);
        for one in challenges.filter(|one| one.from > now) {
            (one.until, one.from) = (now + one.left(now), now);
        }
    }

    /// Forgets what the rules have counted.
    pub(crate) fn empty_counts(&mut self) {
        self.rules = Vec::new();
    }

    /// Notes that an attempt has solved the challenges in force.
    pub(crate) fn solve(&mut self) {
        self.more.iter_mut().flat_map(|more| &mut more.challenges).for_each(|one| one.solved = true);
    }

    /// The challenge of a rule, if it is in force.
    pub(crate) fn challenge_of(&self, tag: Tag, now: Timestamp) -> Option<&Challenge> {
        self.challenges().iter().find(|one| one.tag == tag && one.left(now) > Span(0))
    }

    /// Ends the challenges. Returns how many of them were in force.
    pub(crate) fn end_challenges(&mut self, now: Timestamp) -> usize {
        let Some(more) = &mut self.more else { return 0 };
        let live = more.challenges.iter().filter(|one| one.left(now) > Span(0)).count();
        more.challenges.clear();
        self.tidy();
        live
    }

    pub(crate) fn strikes(&self, tag: Tag) -> Strikes {
        let more = self.more.as_ref();
        let all = more.map_or(&[][..], |more| &more.strikes);
        all.iter().find(|(of, _)| *of == tag).map_or(Strikes::default(), |(_, strikes)| *strikes)
    }

    pub(crate) fn set_strikes(&mut self, tag: Tag, strikes: Strikes) {
        let all = &mut self.more.get_or_insert_default().strikes;
        if let Some((_, old)) = all.iter_mut().find(|(of, _)| *of == tag) {
            *old = strikes;
        } else if all.len() < MOST {
            all.reserve_exact(1);
            all.push((tag, strikes));
        }
    }

    /// The strikes of all rules.
    pub(crate) fn all_strikes(&self) -> &[(Tag, Strikes)] {
        self.more.as_ref().map_or(&[], |more| &more.strikes)
    }

    /// Whether `value` is among the last charged ones.
    pub(crate) fn has_value(&self, value: u64) -> bool {
        self.more.as_ref().is_some_and(|more| more.values.iter().any(|known| known.hash == value))
    }

    /// Whether the failure of `value` was reported before. Otherwise it counts as reported now.
    pub(crate) fn has_failed(&mut self, value: u64) -> bool {
        self.charge_value(value);
        let values = self.more.iter_mut().flat_map(|more| &mut more.values);
        let known = values.into_iter().find(|known| known.hash == value);
        known.is_some_and(|known| std::mem::replace(&mut known.failed, true))
    }

    /// Remembers a charged value.
    pub(crate) fn charge_value(&mut self, value: u64) {
        if self.has_value(value) {
            return;
        }
        let values = &mut self.more.get_or_insert_default().values;
        if values.len() == VALUES {
            values.remove(0);
        }
        values.reserve_exact(1);
        values.push(Value { hash: value, failed: false });
    }

    fn tidy(&mut self) {
        let is_empty = |more: &mut Box<More>| {
            more.challenges.is_empty() && more.strikes.is_empty() && more.values.is_empty()
        };
        self.more.take_if(is_empty);
    }

    /// When it holds nothing that matters any longer.
    pub(crate) fn ends(&self, count: impl Fn(Tag) -> Option<Count>) -> Timestamp {
        let rules = self.rules.iter().filter_map(|state| state.ends(&count(state.tag)?));
        let challenges = self.challenges().iter().map(|one| one.until);
        let strikes = self.all_strikes().iter().map(|(_, strikes)| strikes.ends());
        rules.chain(challenges).chain(strikes).max().unwrap_or(Timestamp(0))
    }

    /// How close it is to an effect, for eviction: 0 nothing, 255 the next event fires, 256 a
    /// challenge is in force or strikes are remembered.
    pub(crate) fn fill(&self, count: impl Fn(Tag) -> Option<Count>, now: Timestamp) -> u16 {
        if self.challenges().iter().any(|one| one.left(now) > Span(0))
            || self.all_strikes().iter().any(|(_, strikes)| strikes.ends() > now)
        {
            return 256;
        }
        let fills = self.rules.iter().filter_map(|state| Some(state.counter.fill(&count(state.tag)?, now)));
        u16::from(fills.max().unwrap_or(0))
    }

    /// The size of its allocations. Not by their capacities, which a copy does not have: the sum of
    /// a table would be wrong for one.
    pub(crate) fn heap_size(&self) -> usize {
        let vec = |bytes: usize| if bytes == 0 { 0 } else { bytes + ALLOCATOR };
        let rules = vec(self.rules.len() * size_of::<RuleState>());
        let counters: usize = self.rules.iter().map(|state| state.counter.heap_size()).sum();
        let more = self.more.as_ref().map_or(0, |more| {
            let names: usize = more.challenges.iter().map(|one| one.rule.len() + ALLOCATOR).sum();
            size_of::<More>()
                + ALLOCATOR
                + names
                + vec(more.challenges.len() * size_of::<Challenge>())
                + vec(more.strikes.len() * size_of::<(Tag, Strikes)>())
                + vec(more.values.len() * size_of::<Value>())
        });
        rules + counters + more
    }

    /// Whether it can be a value of ours.
    pub(crate) fn is_sound(&self) -> bool {
        let rules = self.rules.len() <= MOST
            && self.rules.is_sorted_by(|a, b| a.tag < b.tag)
            && self.rules.iter().all(RuleState::is_sound);
        let more = self.more.as_ref().is_none_or(|more| more.is_sound());
        !self.is_empty() && rules && more
    }
}

impl More {
    fn is_sound(&self) -> bool {
        let challenge = |one: &Challenge| {
            one.rule.len() <= 64 && one.from <= one.until && one.until <= Timestamp::NEVER + Span::MAX
        };
        let is_empty = self.challenges.is_empty() && self.strikes.is_empty() && self.values.is_empty();
        !is_empty
            && self.challenges.len() <= MOST
            && self.challenges.iter().all(challenge)
            && self.strikes.len() <= MOST
            && self.strikes.iter().all(|(_, strikes)| strikes.is_sound())
            && self.values.len() <= VALUES
    }
}
