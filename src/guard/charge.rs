//! Counts events by the rules of a guard.

use super::address::Place;
use super::bans::Source;
use super::counter::NETWORK_FACTOR;
use super::edit::Edit;
use super::event::{Event, Subject, Terms};
use super::fire::fire;
use super::incident::Incident;
use super::rule::{Action, Count, Kind, Of, Scope};
use super::ruleset::ActiveRule;
use super::subject::Who;
use super::value::Ask;

/// Counts `event` by every rule on its kind. Returns whether a rule has fired.
pub(crate) fn charge(
    edit: &mut Edit<'_>,
    event: Event<'_>,
    terms: Terms<'_>,
    incidents: &mut Vec<Incident>,
) -> bool {
    let mut has_fired = false;
    let rules = edit.rules;
    for rule in rules.matching(event.kind) {
        for subject in subjects(rule, event) {
            // A known user is let in during a ban of the address, and must not lengthen it.
            if !is_banned(edit, rule, subject) && count(edit, rule, subject, event) {
                has_fired = true;
                fire(edit, rule, subject, event, terms, incidents);
                edit.tidy(subject);
            }
        }
    }
    has_fired
}

fn is_banned(edit: &Edit<'_>, rule: &ActiveRule, subject: Subject) -> bool {
    let ban = || edit.guard.bans.get(&(subject.target(), Source::Rule(rule.tag)));
    matches!(rule.action, Action::Ban { .. }) && ban().is_some_and(|ban| !ban.is_over(edit.now))
}

/// The subjects for which a rule counts an event: at most an address and its /48.
fn subjects(rule: &ActiveRule, event: Event<'_>) -> impl Iterator<Item = Subject> {
    let ask = event.ask;
    let is_failure = matches!(event.kind, Kind::Failure | Kind::Unknown | Kind::Mfa);
    let (first, second) = match rule.scope {
        // Failures of a user who is known there never count for the address.
        Scope::Ip if event.is_known && is_failure => (None, None),
        Scope::Ip => {
            let place = ask.place();
            // One event says nothing about a whole /48.
            let wide = place.and_then(Place::wide).filter(|_| rule.count != Count::Each);
            (place.map(Subject::Place), wide.map(Subject::Place))
        }
        Scope::User => (ask.user.map(Who::user).map(Subject::Who), None),
        Scope::Pair => (event.pair.map(Subject::Who), None),
        Scope::Key => (ask.key.map(Who::key).map(Subject::Who), None),
    };
    first.into_iter().chain(second)
}

/// The count of `rule` for a subject: a /48 has higher numbers.
fn count_for(rule: &ActiveRule, subject: Subject) -> Count {
    match subject {
        Subject::Place(place) if place.is_wide() => rule.count.times(NETWORK_FACTOR),
        _ => rule.count,
    }
}

/// The hash of what a distinct count counts in an event.
fn value(edit: &Edit<'_>, count: &Count, ask: &Ask) -> Option<u64> {
    let Count::Distinct { of, .. } = count else { return None };
    match of {
        Of::Users => ask.user.map(|user| user.short()),
        Of::Networks => ask.place().map(|place| edit.guard.header.hash_key.network(place.network())),
        Of::Values => ask.value,
    }
}

/// Counts an event. Returns whether the rule fires.
fn count(edit: &mut Edit<'_>, rule: &ActiveRule, subject: Subject, event: Event<'_>) -> bool {
    let count = count_for(rule, subject);
    let value = value(edit, &count, event.ask);
    if !count.takes(value) {
        return false;
    }
    let now = edit.now;
    edit.subject(subject, |state| state.charge(rule, &count, value, now)).unwrap_or(false)
}

/// Takes an event back out of the counts of `rule`: that of an attempt that had an outcome.
pub(crate) fn take_back(edit: &mut Edit<'_>, rule: &ActiveRule, event: Event<'_>) {
    for subject in subjects(rule, event) {
        if !edit.state(subject).is_some_and(|state| state.has_rule(rule.tag)) {
            continue;
        }
        let count = count_for(rule, subject);
        let value = value(edit, &count, event.ask);
        let now = edit.now;
        edit.existing(subject, |state| state.take_back(rule.tag, &count, value, now));
    }
}
