//! Counts events by the rules of a guard, and does what the rules say when they fire.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::text::time::{Span, Timestamp};

use super::address::Place;
use super::bans::{Entry, Source, Target};
use super::counter::NETWORK_FACTOR;
use super::edit::Edit;
use super::hash::HashKey;
use super::incident::{Incident, What};
use super::never_ban::NeverBan;
use super::rule::{Action, Count, Kind, Mode, Of, Scope};
use super::ruleset::ActiveRule;
use super::state::{Challenge, State};
use super::strikes::Strikes;
use super::subject::Who;
use super::value::Ask;

/// What a decision reads besides the guard and its rules.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// `guard-mode observe`.
    pub observe: bool,
    pub never_ban: &'a NeverBan,
    /// `guard-learn`.
    pub learn: Span,
    /// Returns a random number up to 100: by how many thousandths a new ban is longer.
    pub jitter: fn() -> u64,
}

/// An event that rules count.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub kind: &'a Kind,
    pub ask: &'a Ask,
    pub pair: Option<Who>,
    /// The user is known at the network or by the device.
    pub is_known: bool,
    /// A challenge was solved for this attempt.
    pub solved: bool,
}

/// What one rule counts an event for.
#[derive(Clone, Copy)]
enum Subject {
    Place(Place),
    Who(Who),
}

impl Subject {
    fn target(self) -> Target {
        match self {
            Self::Place(place) => Target::Block(place.block()),
            Self::Who(who) => Target::Who(who),
        }
    }

    /// What the cap on new bans counts.
    fn network(self) -> u64 {
        match self {
            Self::Place(place) => place.network(),
            Self::Who(who) => who.hash.short(),
        }
    }
}

/// Counts `event` by every rule on its kind. Returns whether a rule has fired.
pub(crate) fn charge(
    edit: &mut Edit<'_>,
    event: Event<'_>,
    terms: Terms<'_>,
    incidents: &mut Vec<Incident>,
) -> bool {
    let rules = edit.rules.matching(event.kind);
    let mut fired = Fired::new();
    // All rules of a subject count at once, so that it is looked up once.
    for scope in [Scope::Ip, Scope::User, Scope::Pair, Scope::Key] {
        if rules.iter().any(|rule| rule.scope == scope) {
            subjects(scope, event).for_each(|subject| count(edit, rules, scope, subject, event, &mut fired));
        }
    }
    // In the order of the file.
    fired.sort_by_key(|(at, _)| *at);
    for (at, subject) in &fired {
        fire(edit, &rules[*at], *subject, event, terms, incidents);
    }
    !fired.is_empty()
}

/// Rules that have fired, by their place among the rules that count the event, and for whom.
type Fired = SmallVec<[(usize, Subject); 2]>;

/// The subjects for which a rule of `scope` counts an event: at most an address and its /48.
fn subjects(scope: Scope, event: Event<'_>) -> impl Iterator<Item = Subject> {
    let ask = event.ask;
    let is_failure = matches!(event.kind, Kind::Failure | Kind::Unknown | Kind::Mfa);
    let (first, second) = match scope {
        // Failures of a user who is known there never count for the address.
        Scope::Ip if event.is_known && is_failure => (None, None),
        Scope::Ip => {
            let place = ask.place();
            (place.map(Subject::Place), place.and_then(Place::wide).map(Subject::Place))
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
fn value(hash_key: &HashKey, count: &Count, ask: &Ask) -> Option<u64> {
    let Count::Distinct { of, .. } = count else { return None };
    match of {
        Of::Users => ask.user.map(|user| user.short()),
        Of::Networks => ask.place().map(|place| hash_key.network(place.network())),
        Of::Values => ask.value,
    }
}

/// Whether [`value`] is there, if `count` needs one.
fn takes(count: &Count, ask: &Ask) -> bool {
    match count {
        Count::Distinct { of: Of::Users, .. } => ask.user.is_some(),
        Count::Distinct { of: Of::Networks, .. } => ask.ip.is_some(),
        Count::Distinct { of: Of::Values, .. } => ask.value.is_some(),
        _ => true,
    }
}

/// Counts an event for a subject by all rules of its scope. Adds those that fire to `fired`.
fn count(
    edit: &mut Edit<'_>,
    rules: &[Arc<ActiveRule>],
    scope: Scope,
    subject: Subject,
    event: Event<'_>,
    fired: &mut Fired,
) {
    let ask = event.ask;
    let counts = |rule: &ActiveRule| rule.scope == scope && takes(&rule.count, ask);
    if !rules.iter().any(|rule| counts(rule)) {
        return;
    }
    let (now, hash_key) = (edit.now, edit.guard.header.hash_key);
    let act = |state: &mut State| {
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| counts(rule)) {
            let value = value(&hash_key, &rule.count, ask);
            if state.charge(rule, &count_for(rule, subject), value, now) {
                fired.push((at, subject));
            }
        }
    };
    match subject {
        Subject::Place(place) => edit.place(place, act),
        Subject::Who(who) => edit.person(who, act),
    };
}

/// Takes an event back out of the counts of `rule`: that of an attempt that had an outcome.
pub(crate) fn take_back(edit: &mut Edit<'_>, rule: &ActiveRule, event: Event<'_>) {
    for subject in subjects(rule.scope, event) {
        let count = count_for(rule, subject);
        let value = value(&edit.guard.header.hash_key, &count, event.ask);
        let now = edit.now;
        match subject {
            Subject::Place(place) if has(edit.guard.places.get(&place), rule) => {
                edit.existing_place(place, |state| state.take_back(rule.tag, &count, value, now));
            }
            Subject::Who(who) if has(edit.guard.people.get(&who), rule) => {
                edit.existing_person(who, |state| state.take_back(rule.tag, &count, value, now));
            }
            _ => {}
        }
    }
}

fn has(state: Option<&State>, rule: &ActiveRule) -> bool {
    state.is_some_and(|state| state.has_rule(rule.tag))
}

/// Does what `rule` says for `subject`.
fn fire(
    edit: &mut Edit<'_>,
    rule: &Arc<ActiveRule>,
    subject: Subject,
    event: Event<'_>,
    terms: Terms<'_>,
    incidents: &mut Vec<Incident>,
) {
    rule.counts.fired.count();
    let is_private = rule.scope == Scope::Ip && event.ask.ip.is_some_and(|ip| terms.never_ban.holds(ip));
    if terms.observe || rule.mode == Mode::Observe || is_private {
        rule.counts.observed.count();
        observe(edit, rule, subject, terms);
        return;
    }
    match rule.action {
        Action::Alert => incidents.push(Incident::of_rule(What::Alert, rule, subject.target())),
        Action::Challenge { lasts, alert } => {
            let denies = event.solved && rule.scope == Scope::Pair;
            let until = challenge(edit, rule, subject, lasts, denies);
            let mut incident = Incident::of_rule(What::Challenge, rule, subject.target());
            incident.until = Some(until);
            incident.alerts = alert;
            incident.denies = denies;
            incidents.push(incident);
        }
        Action::Ban { base, most } => ban(edit, rule, subject, (base, most), terms, incidents),
    }
}

/// Sets a challenge. Returns its end.
fn challenge(
    edit: &mut Edit<'_>,
    rule: &ActiveRule,
    subject: Subject,
    lasts: Span,
    denies: bool,
) -> Timestamp {
    let until = edit.now + lasts;
    let challenge = Challenge { tag: rule.tag, rule: rule.name.clone(), from: edit.now, until, denies };
    let act = |state: &mut State| state.challenge(challenge);
    match subject {
        Subject::Place(place) => edit.place(place, act),
        Subject::Who(who) => edit.person(who, act),
    };
    until
}

/// Notes what an observed rule would have done.
fn observe(edit: &mut Edit<'_>, rule: &ActiveRule, subject: Subject, terms: Terms<'_>) {
    let (lasts, denies) = match rule.action {
        Action::Alert => return,
        Action::Challenge { lasts, .. } => (lasts, false),
        Action::Ban { base, most } => {
            (Strikes::default().next_ban(base, most, (terms.jitter)(), edit.now), true)
        }
    };
    let entry = entry(edit.now, lasts, rule, denies, 0);
    edit.set_ban((subject.target(), Source::Observed(rule.tag)), entry);
}

fn entry(now: Timestamp, lasts: Span, rule: &ActiveRule, denies: bool, strikes: u8) -> Entry {
    let (count, window) = rule.count.numbers();
    Entry {
        from: now,
        until: now + lasts,
        denies,
        rule: rule.name.clone(),
        count,
        window,
        strikes,
        reason: Box::default(),
        by: Box::default(),
        acl_user: Box::default(),
    }
}

/// Bans a subject, or challenges it where a new ban might hit the innocent.
fn ban(
    edit: &mut Edit<'_>,
    rule: &Arc<ActiveRule>,
    subject: Subject,
    (base, most): (Span, Option<Span>),
    terms: Terms<'_>,
    incidents: &mut Vec<Incident>,
) {
    let now = edit.now;
    let state = match subject {
        Subject::Place(place) => edit.guard.places.get(&place),
        Subject::Who(who) => edit.guard.people.get(&who),
    };
    let strikes = state.map(|state| state.strikes(rule.tag)).unwrap_or_default();
    let key = (subject.target(), Source::Rule(rule.tag));
    let lasts = strikes.next_ban(base, most, (terms.jitter)(), now);
    let ban = entry(now, lasts, rule, true, strikes.at(now));
    if let Some(why) = restraint(edit, subject, key.1, terms) {
        let until = challenge(edit, rule, subject, base, false);
        let mut incident = Incident::of_rule(What::Challenge, rule, subject.target());
        incident.until = Some(until);
        incident.in_place_of_ban = Some(why);
        incidents.push(incident);
        if let Some(what) = why.own_alert() {
            incidents.push(Incident::of_guard(what));
        }
        return;
    }
    let until = ban.until;
    if edit.set_ban(key, ban) {
        let struck = strikes.banned(lasts, now);
        let act = |state: &mut State| state.set_strikes(rule.tag, struck);
        match subject {
            Subject::Place(place) => edit.place(place, act),
            Subject::Who(who) => edit.person(who, act),
        };
        let mut incident = Incident::of_rule(What::Ban, rule, subject.target());
        incident.until = Some(until);
        incident.strikes = strikes.at(now);
        incidents.push(incident);
    }
}

/// Why a new ban becomes a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restraint {
    /// The guard is younger than `guard-learn`.
    Learning,
    /// The site seems to be broken: nobody's login succeeds.
    Broken,
    /// Too many networks were banned in the last minute.
    Capped,
    /// There are too many bans already.
    Full,
}

impl Restraint {
    /// The word in audit events.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Broken => "broken",
            Self::Capped => "capped",
            Self::Full => "full",
        }
    }

    fn own_alert(self) -> Option<What> {
        match self {
            Self::Learning => None,
            Self::Broken => Some(What::Broken),
            Self::Capped => Some(What::Capped),
            Self::Full => Some(What::Full),
        }
    }
}

fn restraint(edit: &mut Edit<'_>, subject: Subject, source: Source, terms: Terms<'_>) -> Option<Restraint> {
    let now = edit.now;
    if now - edit.guard.header.created < terms.learn {
        Some(Restraint::Learning)
    } else if edit.guard.pulse.health.is_broken(now) {
        Some(Restraint::Broken)
    } else if !edit.has_room_for_ban(source, ENTRY) {
        Some(Restraint::Full)
    } else if !edit.is_within_cap(subject.network()) {
        Some(Restraint::Capped)
    } else {
        None
    }
}

/// The size of a ban's texts, roughly.
const ENTRY: usize = 64;
