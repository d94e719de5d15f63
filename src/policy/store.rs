//! All policies with their overrides, as a pure value. It is bounded: [`MAX_POLICIES`] policies,
//! [`MAX_OVERRIDES`] overrides, and [`MAX_LENGTHS`] lengths of prefixes for each policy, so that a
//! lookup takes at most as many hashes and two more.

use std::collections::HashMap;
use std::sync::Arc;

use crate::window::verdict::Quota;

use super::counts::{Counts, Outcome, Totals};
use super::rule::Rule;
use super::subject::{self, Pattern};

pub(super) const MAX_POLICIES: usize = 1000;
/// Of all policies together.
pub(super) const MAX_OVERRIDES: usize = 1000;
/// The most different lengths of the prefixes of one policy.
pub(super) const MAX_LENGTHS: usize = 16;

#[derive(Default)]
pub(super) struct Store {
    policies: HashMap<Box<[u8]>, Policy>,
    /// The number of overrides of all policies.
    overrides: usize,
}

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    NoPolicy,
    TooManyPolicies,
    TooManyOverrides,
    TooManyLengths,
}

/// What applies to a call.
pub(crate) struct Applied {
    rule: Rule,
    counts: Arc<Counts>,
}

impl Applied {
    /// One to eight.
    #[inline]
    pub(crate) fn quotas(&self) -> &[Quota] {
        self.rule.quotas()
    }

    /// Whether a denied call is only counted.
    pub(crate) fn is_shadow(&self) -> bool {
        self.rule.shadow
    }

    /// Counts the call for the policy.
    pub(crate) fn count(&self, outcome: Outcome) {
        self.counts.count(outcome);
    }
}

impl Store {
    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<&Policy> {
        self.policies.get(name)
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8], key: &[u8]) -> Option<Applied> {
        let policy = self.get(name)?;
        let rule = *policy.rule_of(key);
        Some(Applied { rule, counts: Arc::clone(&policy.counts) })
    }

    pub(super) fn len(&self) -> usize {
        self.policies.len()
    }

    pub(super) fn overrides(&self) -> usize {
        self.overrides
    }

    /// All policies in the order of their names.
    pub(super) fn sorted(&self) -> Vec<(&[u8], &Policy)> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }

    /// All policies in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Policy)> {
        self.policies.iter().map(|(name, policy)| (&**name, policy))
    }

    /// Sets the limits of a policy, whose overrides stay. Returns whether that changes anything.
    pub(super) fn set(&mut self, name: &[u8], rule: Rule) -> Result<bool, Refused> {
        if let Some(policy) = self.policies.get_mut(name) {
            let changes = policy.rule != rule;
            policy.rule = rule;
            return Ok(changes);
        }
        if self.policies.len() >= MAX_POLICIES {
            return Err(Refused::TooManyPolicies);
        }
        self.policies.insert(name.into(), Policy::new(rule));
        Ok(true)
    }

    /// Sets the limits for some subjects. Returns whether that changes anything.
    pub(super) fn set_override(
        &mut self,
        name: &[u8],
        pattern: Pattern<'_>,
        rule: Rule,
    ) -> Result<bool, Refused> {
        let policy = self.policies.get_mut(name).ok_or(Refused::NoPolicy)?;
        if let Some(known) = policy.rule_mut(pattern) {
            let changes = *known != rule;
            *known = rule;
            return Ok(changes);
        }
        if self.overrides >= MAX_OVERRIDES {
            return Err(Refused::TooManyOverrides);
        }
        policy.insert(pattern, rule)?;
        self.overrides += 1;
        Ok(true)
    }

    /// Deletes a policy with its overrides. Returns whether there was one.
    pub(super) fn delete(&mut self, name: &[u8]) -> bool {
        let Some(policy) = self.policies.remove(name) else { return false };
        self.overrides -= policy.overrides();
        true
    }

    /// Deletes an override. Returns whether there was one.
    pub(super) fn delete_override(&mut self, name: &[u8], pattern: Pattern<'_>) -> bool {
        let removed = self.policies.get_mut(name).is_some_and(|policy| policy.remove(pattern));
        self.overrides -= usize::from(removed);
        removed
    }

    /// Continues the counts of the policies of `other` that have the same names.
    pub(super) fn adopt_counts(&mut self, other: &Self) {
        for (name, policy) in &mut self.policies {
            if let Some(known) = other.policies.get(name) {
                policy.counts = Arc::clone(&known.counts);
            }
        }
    }
}

pub(super) struct Policy {
    rule: Rule,
    exact: HashMap<Box<[u8]>, Rule>,
    prefixes: HashMap<Box<[u8]>, Rule>,
    /// The lengths of the prefixes, longest first, each with the number of prefixes that have it.
    lengths: Vec<(usize, usize)>,
    counts: Arc<Counts>,
}

/// What applies to a key, and why.
pub(super) struct Explained<'a> {
    pub rule: &'a Rule,
    pub subject: &'a [u8],
    /// The text of the override, if one applies.
    pub pattern: Option<Vec<u8>>,
}

impl Policy {
    fn new(rule: Rule) -> Self {
        Self {
            rule,
            exact: HashMap::new(),
            prefixes: HashMap::new(),
            lengths: Vec::new(),
            counts: Arc::default(),
        }
    }

    /// The limits where no override applies.
    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    pub(super) fn totals(&self) -> Totals {
        self.counts.totals()
    }

    pub(super) fn overrides(&self) -> usize {
        self.exact.len() + self.prefixes.len()
    }

    /// The overrides in the order of their texts.
    pub(super) fn sorted_overrides(&self) -> Vec<(Vec<u8>, &Rule)> {
        let exact = self.exact.iter().map(|(subject, rule)| (subject.to_vec(), rule));
        let prefixes = self.prefixes.iter().map(|(prefix, rule)| (with_star(prefix), rule));
        let mut all: Vec<_> = exact.chain(prefixes).collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// The limits for a key: those of its subject, else those of the longest prefix of its subject,
    /// else the policy's own.
    #[inline]
    fn rule_of(&self, key: &[u8]) -> &Rule {
        if self.exact.is_empty() && self.lengths.is_empty() {
            return &self.rule;
        }
        self.overriding(subject::of(key)).map_or(&self.rule, |(_, rule)| rule)
    }

    pub(super) fn explain<'a>(&'a self, key: &'a [u8]) -> Explained<'a> {
        let subject = subject::of(key);
        match self.overriding(subject) {
            None => Explained { rule: &self.rule, subject, pattern: None },
            Some((Pattern::Exact(exact), rule)) => Explained { rule, subject, pattern: Some(exact.to_vec()) },
            Some((Pattern::Prefix(prefix), rule)) => {
                Explained { rule, subject, pattern: Some(with_star(prefix)) }
            }
        }
    }

    fn overriding<'s>(&self, subject: &'s [u8]) -> Option<(Pattern<'s>, &Rule)> {
        // A longer subject has no exact override, and hashing it could take long.
        let exact = if subject.len() > subject::MAX_SUBJECT { None } else { self.exact.get(subject) };
        if let Some(rule) = exact {
            return Some((Pattern::Exact(subject), rule));
        }
        self.lengths.iter().find_map(|(len, _)| {
            let prefix = subject.get(..*len)?;
            Some((Pattern::Prefix(prefix), self.prefixes.get(prefix)?))
        })
    }

    fn rule_mut(&mut self, pattern: Pattern<'_>) -> Option<&mut Rule> {
        match pattern {
            Pattern::Exact(subject) => self.exact.get_mut(subject),
            Pattern::Prefix(prefix) => self.prefixes.get_mut(prefix),
        }
    }

    /// Adds an override that is not there.
    fn insert(&mut self, pattern: Pattern<'_>, rule: Rule) -> Result<(), Refused> {
        match pattern {
            Pattern::Exact(subject) => self.exact.insert(subject.into(), rule),
            Pattern::Prefix(prefix) => {
                match self.lengths.binary_search_by(|(len, _)| prefix.len().cmp(len)) {
                    Ok(at) => self.lengths[at].1 += 1,
                    Err(_) if self.lengths.len() >= MAX_LENGTHS => return Err(Refused::TooManyLengths),
                    Err(at) => self.lengths.insert(at, (prefix.len(), 1)),
                }
                self.prefixes.insert(prefix.into(), rule)
            }
        };
        Ok(())
    }

    fn remove(&mut self, pattern: Pattern<'_>) -> bool {
        match pattern {
            Pattern::Exact(subject) => self.exact.remove(subject).is_some(),
            Pattern::Prefix(prefix) => {
                let removed = self.prefixes.remove(prefix).is_some();
                if removed {
                    self.lengths
                        .iter_mut()
                        .filter(|(len, _)| *len == prefix.len())
                        .for_each(|(_, n)| *n -= 1);
                    self.lengths.retain(|(_, n)| *n > 0);
                }
                removed
            }
        }
    }
}

fn with_star(prefix: &[u8]) -> Vec<u8> {
    [prefix, b"*"].concat()
}
