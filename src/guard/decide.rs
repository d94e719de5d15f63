//! What a call does: LW.ATTEMPT before a password is checked, LW.EVENT afterwards.

use crate::text::time::Span;

use super::charge::{charge, take_back};
use super::edit::Edit;
use super::event::{Event, Terms};
use super::hash::Hash;
use super::health::Minute;
use super::incident::{Incident, What};
use super::judge::{Judged, Level, Verdict, judge, judge_as};
use super::rule::{Count, Kind, Of, Scope};
use super::settle::settle;
use super::state::State;
use super::subject::Who;
use super::value::{Acquaintance, Ask};

/// The answer to a call, and what has to be reported.
pub(crate) struct Decision {
    pub judged: Judged,
    pub incidents: Vec<Incident>,
}

/// Judges an attempt to log in. If it is admitted, the rules that count attempts count it at once,
/// so that of parallel attempts exactly as many pass as a rule admits.
pub(crate) fn attempt(edit: &mut Edit<'_>, ask: &Ask, solved: bool, terms: Terms<'_>) -> Decision {
    let acquaintance = edit.guard.acquaintance(ask, edit.now);
    let judged = judge_as(edit.guard, ask, acquaintance, terms.observe, edit.now);
    if judged.is_ahead {
        settle(edit, ask);
    }
    let mut decision = Decision { judged, incidents: Vec::new() };
    let level = decision.judged.enforced.level;
    if decision.judged.is_allowed || level == Level::Deny || (level == Level::Challenge && !solved) {
        return decision;
    }
    let Acquaintance { is_known, pair } = acquaintance;
    if let Some(pair) = pair.filter(|_| solved) {
        solve(edit, pair);
    }
    if !is_repeated(edit, pair, ask) {
        let event = |kind| Event { kind, ask, pair, is_known, solved };
        let fired = charge(edit, event(&Kind::Attempt), terms, &mut decision.incidents)
            | charge(edit, event(&Kind::Open), terms, &mut decision.incidents);
        if let Some((pair, value)) = pair.zip(ask.value) {
            edit.existing_person(pair, |state| state.charge_value(value));
        }
        let now = edit.now;
        edit.pulse(|pulse| pulse.health.count(Minute { attempts: 1, ..Minute::default() }, now));
        if fired {
            decision.judged = judge(edit.guard, ask, terms.observe, now);
        }
    }
    if solved {
        for verdict in [&mut decision.judged.enforced, &mut decision.judged.would] {
            if verdict.level == Level::Challenge {
                *verdict = Verdict::default();
            }
        }
    }
    decision
}

/// Notes that the challenges of a pair were solved.
fn solve(edit: &mut Edit<'_>, pair: Who) {
    if edit.guard.people.get(&pair).is_some_and(|state| !state.challenges().is_empty()) {
        edit.existing_person(pair, State::solve);
    }
}

/// Whether the password was among the last ones that the pair has tried: an application with a
/// stale password does no harm.
fn is_repeated(edit: &Edit<'_>, pair: Option<Who>, ask: &Ask) -> bool {
    let state = pair.and_then(|pair| edit.guard.people.get(&pair));
    ask.value.zip(state).is_some_and(|(value, state)| state.has_value(value))
}

/// Takes in an event: the outcome of an attempt, or anything else that rules count.
pub(crate) fn event(edit: &mut Edit<'_>, kind: &Kind, ask: &Ask, terms: Terms<'_>) -> Decision {
    let acquaintance = edit.guard.acquaintance(ask, edit.now);
    let Acquaintance { is_known, pair } = acquaintance;
    let judged = judge_as(edit.guard, ask, acquaintance, terms.observe, edit.now);
    if judged.is_ahead {
        settle(edit, ask);
    }
    let mut decision = Decision { judged, incidents: Vec::new() };
    let event = Event { kind, ask, pair, is_known, solved: false };
    // What is denied already is never counted as a failure, and does not prolong a ban.
    let counts = !decision.judged.is_allowed && decision.judged.enforced.level != Level::Deny;
    let is_new_success = *kind == Kind::Success && !has_succeeded_lately(edit, ask);
    if is_outcome(kind) {
        close(edit, event);
    }
    let fired = match kind {
        // Not a second factor: that was wrong, although its password was right.
        Kind::Failure | Kind::Unknown => counts && count_failure(edit, event, terms, &mut decision.incidents),
        Kind::Reset => {
            ask.user.into_iter().for_each(|user| forget(edit, user));
            counts && charge(edit, event, terms, &mut decision.incidents)
        }
        _ => {
            if *kind == Kind::Success {
                succeed(edit, event);
            }
            counts && charge(edit, event, terms, &mut decision.incidents)
        }
    };
    if is_outcome(kind) {
        take_pulse(edit, event, (counts, is_new_success), terms, &mut decision.incidents);
    }
    // A success and a reset end what stood against their user.
    if fired || matches!(kind, Kind::Success | Kind::Reset) {
        decision.judged = judge(edit.guard, ask, terms.observe, edit.now);
    }
    decision
}

/// Whether the user has succeeded within the last minute. The averages of the site count such a
/// user once, so that nobody raises them much with an account of their own, and then stops.
fn has_succeeded_lately(edit: &Edit<'_>, ask: &Ask) -> bool {
    const LATELY: Span = Span(60_000);
    let known = ask.user.and_then(|user| edit.guard.known.get(&user));
    known.is_some_and(|known| edit.now - known.used() < LATELY)
}

fn is_outcome(kind: &Kind) -> bool {
    matches!(kind, Kind::Success | Kind::Password | Kind::Failure | Kind::Unknown | Kind::Mfa)
}

/// The attempt is no longer without an outcome.
fn close(edit: &mut Edit<'_>, event: Event<'_>) {
    let event = Event { kind: &Kind::Open, ..event };
    let rules = edit.rules;
    for rule in rules.matching(&Kind::Open) {
        take_back(edit, rule, event);
    }
}

/// Counts a failure, unless its password has failed before for the pair.
fn count_failure(
    edit: &mut Edit<'_>,
    event: Event<'_>,
    terms: Terms<'_>,
    incidents: &mut Vec<Incident>,
) -> bool {
    let tried = event.pair.zip(event.ask.value);
    let has_failed = |edit: &mut Edit<'_>| {
        let (pair, value) = tried?;
        edit.existing_person(pair, |state| state.has_failed(value))
    };
    let before = has_failed(edit);
    if before == Some(true) {
        return false;
    }
    let fired = charge(edit, event, terms, incidents);
    if before.is_none() {
        has_failed(edit);
    }
    fired
}

/// A login is complete: it helps its own user, and changes nothing for others.
fn succeed(edit: &mut Edit<'_>, event: Event<'_>) {
    let (rules, ask) = (edit.rules, event.ask);
    if let Some(key) = ask.key {
        edit.existing_person(Who::key(key), State::empty_counts);
    }
    let Some(user) = ask.user else { return };
    if let Some(pair) = event.pair {
        edit.remove_person(pair);
    }
    for rule in rules.matching(&Kind::Attempt).iter().filter(|rule| rule.scope == Scope::User) {
        take_back(edit, rule, event);
    }
    let of_users = |count: &Count| matches!(count, Count::Distinct { of: Of::Users, .. });
    // Not as a failure: those of a known user did not count, but those before the user was known.
    let event = Event { kind: &Kind::Success, ..event };
    for rule in rules.rules.iter().filter(|rule| rule.scope == Scope::Ip && of_users(&rule.count)) {
        take_back(edit, rule, event);
    }
    let now = edit.now;
    let hash_key = edit.guard.header.hash_key;
    let network = ask.place().map(|place| hash_key.network(place.network()));
    if network.is_some() || ask.device.is_some() {
        edit.known(user, |known| {
            network.into_iter().for_each(|network| known.remember_network(network, now));
            ask.device.into_iter().for_each(|device| known.remember_device(device, now));
        });
    }
}

/// Forgets by which networks and devices a user is known, and all counts of the user and its pairs.
pub(crate) fn forget(edit: &mut Edit<'_>, user: Hash) {
    edit.forget_known(user);
    for who in people_of(edit, user) {
        edit.remove_person(who);
    }
}

/// The user and its pairs, as far as they have counts.
pub(crate) fn people_of(edit: &Edit<'_>, user: Hash) -> Vec<Who> {
    let people = edit.guard.people.from(Who::user(user)).map(|(who, _)| who);
    people.take_while(|who| who.hash == user).filter(|who| !who.is_key()).collect()
}

/// Counts an outcome for the guard as a whole, and reports what that shows.
fn take_pulse(
    edit: &mut Edit<'_>,
    event: Event<'_>,
    (counts, is_new_success): (bool, bool),
    terms: Terms<'_>,
    incidents: &mut Vec<Incident>,
) {
    let is_failure = !matches!(event.kind, Kind::Success | Kind::Password);
    if is_failure && !counts {
        return;
    }
    let minute =
        Minute { successes: is_new_success.into(), failures: is_failure.into(), ..Minute::default() };
    let private = event.ask.ip.filter(|ip| terms.never_ban.holds(*ip)).and_then(|_| event.ask.place());
    let now = edit.now;
    let is_proxy = edit.pulse(|pulse| {
        pulse.health.count(minute, now);
        pulse.proxy.outcome(private)
    });
    if let Some(place) = private.filter(|_| is_proxy) {
        incidents.push(Incident::proxy(place));
    }
    let health = &edit.guard.pulse.health;
    if is_failure && health.is_broken(now) && !incidents.iter().any(|one| one.what == What::Broken) {
        incidents.push(Incident::of_guard(What::Broken));
    }
    if is_failure && health.is_attacked(now) {
        incidents.push(Incident::of_guard(What::Attack));
    }
}
