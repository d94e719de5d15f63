//! The rules of all guards, as a call finds them: by the name of its key and the kind of its event.

use std::ops::Deref;
use std::sync::Arc;

use crate::server::error::Refusal;
use crate::server::info::Counter;
use crate::text::quoted::Quoted;
use lockwatch_common::nearest::nearest;

use super::grammar::{EVERY, Entry, LONGEST_NAME, merged};
use super::rule::{Kind, Rule, Tag};

/// The most segments of a key's name that are searched for a guard, so that a long name costs no
/// time.
const MOST_SEGMENTS: usize = 16;

/// The most names that an unknown one is compared with.
const MOST_COMPARED: usize = 100;

/// How often a rule fired on this node, since the module was loaded.
#[derive(Default)]
pub(crate) struct Counts {
    /// All of it, also what the rule only observed.
    pub fired: Counter,
    pub challenged: Counter,
    pub denied: Counter,
    /// Fired without effect, because the rule or the node observes.
    pub observed: Counter,
}

/// A rule of a guard with its counts.
pub(crate) struct ActiveRule {
    pub rule: Rule,
    /// Survive a change of the rules, as long as the guard has a rule of this name.
    pub counts: Arc<Counts>,
}

impl Deref for ActiveRule {
    type Target = Rule;
    fn deref(&self) -> &Rule {
        &self.rule
    }
}

/// The rules of a guard that count a kind.
type Counting = Box<[Arc<ActiveRule>]>;

/// The rules of a guard with those of `*`.
pub(crate) struct GuardRules {
    pub name: Box<str>,
    /// In the order of the file, those of `*` last.
    pub rules: Box<[Arc<ActiveRule>]>,
    /// Their tags, in the same order: a search reads nothing else.
    tags: Box<[Tag]>,
    /// The rules that count a kind: those of the built-in kinds by [`slot`].
    built_in: [Counting; SLOTS],
    /// Those of other words, ordered by the word.
    other: Box<[(Kind, Counting)]>,
}

const SLOTS: usize = 8;

/// The place of a built-in kind; `None` of another word.
fn slot(kind: &Kind) -> Option<usize> {
    Some(match kind {
        Kind::Attempt => 0,
        Kind::Open => 1,
        Kind::Success => 2,
        Kind::Password => 3,
        Kind::Failure => 4,
        Kind::Unknown => 5,
        Kind::Mfa => 6,
        Kind::Reset => 7,
        Kind::Other(_) => return None,
    })
}

const BUILT_IN: [Kind; SLOTS] = [
    Kind::Attempt,
    Kind::Open,
    Kind::Success,
    Kind::Password,
    Kind::Failure,
    Kind::Unknown,
    Kind::Mfa,
    Kind::Reset,
];

impl GuardRules {
    fn new(name: &str, entries: &[Entry], before: Option<&Self>) -> Self {
        let active = |entry: &Entry| {
            let rule = entry.rule.clone();
            let before = before.and_then(|guard| guard.of_tag(rule.tag));
            let counts = before.map(|before| Arc::clone(&before.counts)).unwrap_or_default();
            Arc::new(ActiveRule { rule, counts })
        };
        let rules: Box<[_]> = merged(name, entries).into_iter().map(active).collect();
        let counting =
            |kind: &Kind| -> Counting { rules.iter().filter(|rule| rule.counts(kind)).cloned().collect() };
        let built_in = BUILT_IN.each_ref().map(counting);
        let kinds = rules.iter().flat_map(|rule| &rule.kinds);
        let mut words: Vec<_> = kinds.filter(|kind| slot(kind).is_none()).cloned().collect();
        words.sort();
        words.dedup();
        let with_rules = |kind| {
            let rules = counting(&kind);
            (kind, rules)
        };
        let other = words.into_iter().map(with_rules).collect();
        let tags = rules.iter().map(|rule| rule.tag).collect();
        Self { name: name.into(), rules, tags, built_in, other }
    }

    /// The rules that count events of `kind`, in the order of the file.
    #[inline]
    pub(crate) fn matching(&self, kind: &Kind) -> &[Arc<ActiveRule>] {
        if let Some(slot) = slot(kind) {
            return &self.built_in[slot];
        }
        let at = self.other.binary_search_by(|(other, _)| other.cmp(kind)).ok();
        at.map_or(&[], |at| &self.other[at].1)
    }

    /// The rule of a tag, unless the rules were changed since.
    pub(crate) fn of_tag(&self, tag: Tag) -> Option<&Arc<ActiveRule>> {
        self.rules.get(self.tags.iter().position(|known| *known == tag)?)
    }
}

/// The rules of all guards.
pub(crate) struct RuleSet {
    /// As the file has them, in its order.
    pub entries: Arc<[Entry]>,
    /// Ordered by name.
    guards: Box<[GuardRules]>,
}

/// No guard has rules for a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRule {
    key: Vec<u8>,
    /// The name of a guard that was probably meant.
    nearest: Option<Box<str>>,
    /// The names of some guards.
    known: Box<[Box<str>]>,
}

impl From<NoRule> for Refusal {
    fn from(no_rule: NoRule) -> Self {
        let key = Quoted(&no_rule.key);
        let hint = match &no_rule.nearest {
            Some(name) => format!(", did you mean {name}?"),
            None => format!(
                ": there are rules for {}; the name of a key begins with that of its guard, as in {}:tenant7",
                no_rule.known.join(", "),
                no_rule.known.first().map_or("login", |name| name)
            ),
        };
        Self::Coded("LWNORULE", format!("there are no rules for {key}{hint}").into())
    }
}

/// The parts of a key's name that may name a guard: between colons, and before the first `{`.
fn segments(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let tagless = key.split(|byte| *byte == b'{').next().unwrap_or_default();
    tagless.split(|byte| *byte == b':').take(MOST_SEGMENTS)
}

impl RuleSet {
    /// Rules that the parser has accepted. Those that `before` has under the same names go on
    /// counting.
    pub(crate) fn new(entries: Arc<[Entry]>, before: Option<&Self>) -> Self {
        let mut names: Vec<&str> = entries.iter().map(|entry| &*entry.guard).collect();
        names.retain(|name| *name != EVERY);
        names.sort_unstable();
        names.dedup();
        let guard =
            |name: &str| GuardRules::new(name, &entries, before.and_then(|set| set.named(name.as_bytes())));
        let guards = names.into_iter().map(guard).collect();
        Self { entries, guards }
    }

    fn named(&self, name: &[u8]) -> Option<&GuardRules> {
        let at = self.guards.binary_search_by(|guard| guard.name.as_bytes().cmp(name)).ok()?;
        self.guards.get(at)
    }

    /// All guards, ordered by name.
    pub(crate) fn guards(&self) -> &[GuardRules] {
        &self.guards
    }

    /// The guard of a key: the first part of its name, between colons and before the first `{`,
    /// that is the name of a guard with rules of its own.
    #[inline]
    pub(crate) fn of_key(&self, key: &[u8]) -> Result<&GuardRules, NoRule> {
        segments(key).find_map(|segment| self.named(segment)).ok_or_else(|| self.no_rule(key))
    }

    #[cold]
    fn no_rule(&self, key: &[u8]) -> NoRule {
        let names = self.guards.iter().take(MOST_COMPARED).map(|guard| &*guard.name);
        let names: Vec<&str> = names.collect();
        let words = segments(key).filter(|segment| segment.len() <= LONGEST_NAME + 2);
        let mut words = words.filter_map(|segment| std::str::from_utf8(segment).ok());
        let nearest = words.find_map(|word| nearest(word, &names)).map(Into::into);
        let known = names.into_iter().take(5).map(Into::into).collect();
        NoRule { key: key.iter().take(100).copied().collect(), nearest, known }
    }
}

#[cfg(test)]
mod tests;
