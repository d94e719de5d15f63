//! Does what a rule says when it has fired: alerts, challenges, or bans.

use std::sync::Arc;

use crate::text::time::{Span, Timestamp};

use super::bans::{Entry, Source};
use super::edit::Edit;
use super::event::{Event, Subject, Terms};
use super::incident::{Incident, Restraint, What};
use super::rule::{Action, Mode, Scope};
use super::ruleset::ActiveRule;
use super::state::Challenge;
use super::strikes::Strikes;

/// Does what `rule` says for `subject`.
pub(super) fn fire(
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
            let denies = rule.scope == Scope::Pair && is_after_solving(edit, rule, subject, event);
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

/// Whether a challenge was solved for the attempt, or for an earlier one while the rule's own
/// challenge is in force: an outcome does not say whether its attempt was challenged.
fn is_after_solving(edit: &Edit<'_>, rule: &ActiveRule, subject: Subject, event: Event<'_>) -> bool {
    let own = edit.state(subject).and_then(|state| state.challenge_of(rule.tag, edit.now));
    event.solved || own.is_some_and(|challenge| challenge.solved)
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
    let challenge =
        Challenge { tag: rule.tag, rule: rule.name.clone(), from: edit.now, until, denies, solved: false };
    edit.subject(subject, |state| state.challenge(challenge));
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
    let state = edit.state(subject);
    let strikes = state.map(|state| state.strikes(rule.tag)).unwrap_or_default();
    let is_challenged = state.is_some_and(|state| state.challenge_of(rule.tag, now).is_some());
    let key = (subject.target(), Source::Rule(rule.tag));
    let lasts = strikes.next_ban(base, most, (terms.jitter)(), now);
    let ban = entry(now, lasts, rule, true, strikes.at(now));
    if let Some(why) = restraint(edit, subject, key.1, terms) {
        // Who trips the cap on purpose gains nothing: what it restrains grows like a ban. But those
        // who solve the challenge in an outage don't make it longer.
        let grows = why == Restraint::Capped && !is_challenged;
        let until = challenge(edit, rule, subject, if grows { lasts } else { base }, false);
        if grows {
            edit.subject(subject, |state| state.set_strikes(rule.tag, strikes.banned(lasts, now)));
        }
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
        edit.subject(subject, |state| state.set_strikes(rule.tag, strikes.banned(lasts, now)));
        let mut incident = Incident::of_rule(What::Ban, rule, subject.target());
        incident.until = Some(until);
        incident.strikes = strikes.at(now);
        incidents.push(incident);
    }
}

fn restraint(edit: &mut Edit<'_>, subject: Subject, source: Source, terms: Terms<'_>) -> Option<Restraint> {
    let now = edit.now;
    if now - edit.guard.header.created < terms.learn {
        Some(Restraint::Learning)
    } else if edit.guard.pulse.health.is_broken(now) {
        Some(Restraint::Broken)
    } else if !edit.may_create() {
        Some(Restraint::Memory)
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
