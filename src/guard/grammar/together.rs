//! The rules of a guard together with those of `*`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::rule::{MOST_RULES, Tag};
use super::{EVERY, Entry};

/// The rules of a guard: its own, then those of `*` whose names it has no rule of.
pub(crate) fn merged<'a>(guard: &str, entries: &'a [Entry]) -> Vec<&'a Entry> {
    let of = |name: &str| entries.iter().filter(|entry| *entry.guard == *name).collect::<Vec<_>>();
    merge(of(guard), &of(EVERY))
}

fn merge<'a>(mut own: Vec<&'a Entry>, of_every: &[&'a Entry]) -> Vec<&'a Entry> {
    let is_new = |entry: &&&Entry| !own.iter().any(|own| own.rule.name == entry.rule.name);
    let added: Vec<_> = of_every.iter().filter(is_new).copied().collect();
    own.extend(added);
    own
}

/// Refuses rules of one guard that can't be told apart, too many of them, and a file that protects
/// nothing.
pub(super) fn check(entries: &[Entry]) -> Result<(), String> {
    let mut guards: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        guards.entry(&entry.guard).or_default().push(entry);
    }
    let of_every = guards.remove(EVERY).unwrap_or_default();
    check_guard(&of_every)?;
    if guards.is_empty() {
        return Err("it has no rule of a guard, so nothing would be protected; without a file the \
                    built-in rules are in force"
            .into());
    }
    for own in guards.into_values() {
        check_guard(&own)?;
        check_guard(&merge(own, &of_every))?;
    }
    Ok(())
}

fn check_guard(rules: &[&Entry]) -> Result<(), String> {
    let mut in_order = rules.to_vec();
    in_order.sort_by_key(|entry| entry.line);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut tags: BTreeMap<Tag, &str> = BTreeMap::new();
    for (n, Entry { guard, rule, line }) in in_order.into_iter().enumerate() {
        if !names.insert(&rule.name) {
            return Err(format!("line {line}: guard {guard} has a rule {} already", rule.name));
        }
        if let Some(other) = tags.insert(rule.tag, &rule.name) {
            let name = &rule.name;
            return Err(format!("line {line}: the names {other} and {name} have one hash: rename one"));
        }
        if n == MOST_RULES {
            return Err(format!(
                "line {line}: this is rule {} of a guard, which has at most {MOST_RULES} with those of {EVERY}",
                n + 1
            ));
        }
    }
    Ok(())
}
