//! How the model counts events, and what it does when a rule fires.

use super::super::super::counter::NETWORK_FACTOR;
use super::super::super::counter::oracle::{Bucket, Distinct, Gaps};
use super::super::super::rule::{Action, Count, Kind, Mode, Of, Rule, Scope};
use super::{Ask, By, Model, NETWORKS, PRIVATE, Stand, Subject, places};

pub(super) enum Tally {
    Each,
    Bucket(Bucket),
    Distinct(Distinct),
    Gaps(Gaps),
}

impl Model {
    pub(super) fn charge(&mut self, kind: &Kind, ask: &Ask, pair: Option<Subject>, is_known: bool) -> bool {
        let mut has_fired = false;
        let is_failure = matches!(kind, Kind::Failure | Kind::Unknown | Kind::Mfa);
        for rule in self.rules.clone().iter().filter(|rule| rule.counts(kind)) {
            let subjects: Vec<_> = match rule.scope {
                Scope::Ip if is_known && is_failure => Vec::new(),
                Scope::Ip => ask.address.into_iter().flat_map(places).collect(),
                Scope::User => ask.user.map(Subject::User).into_iter().collect(),
                Scope::Pair => pair.into_iter().collect(),
                Scope::Key => ask.key.map(Subject::Key).into_iter().collect(),
            };
            for subject in subjects {
                if self.count(rule, subject, ask) {
                    has_fired = true;
                    self.fire(rule, subject, ask, *kind == Kind::Attempt || *kind == Kind::Open);
                }
            }
        }
        has_fired
    }

    fn count(&mut self, rule: &Rule, subject: Subject, ask: &Ask) -> bool {
        let is_ban = |one: &Stand| one.by == By::Rule(rule.tag) && !one.observed && !one.is_challenge;
        if self.live(subject).any(is_ban) || (subject == Subject::Wide && rule.count == Count::Each) {
            return false;
        }
        let factor = if subject == Subject::Wide { NETWORK_FACTOR } else { 1 };
        let value = match rule.count {
            Count::Distinct { of: Of::Users, .. } => ask.user.map(u64::from),
            Count::Distinct { of: Of::Networks, .. } => ask.address.map(|at| NETWORKS[at]),
            Count::Distinct { of: Of::Values, .. } => ask.value.map(u64::from),
            _ => Some(0),
        };
        let Some(value) = value else { return false };
        let now = self.now;
        let new = || (Tally::new(&rule.count, now), 0);
        let (tally, quiet_until) = self.counts.entry((rule.tag, subject)).or_insert_with(new);
        let fires = match (tally, rule.count) {
            (Tally::Bucket(all), Count::Leak { most, every }) => all.charge(most * factor, every.0, now),
            (Tally::Distinct(all), Count::Distinct { most, every, .. }) => {
                all.charge(most * factor, every.0, value, now)
            }
            (Tally::Gaps(all), Count::Gaps { last, over }) => {
                all.charge((last * factor) as usize, over.0, now)
            }
            _ => true,
        };
        let fires = fires && now >= *quiet_until;
        if let Some(quiet) = rule.quiet.filter(|_| fires) {
            *quiet_until = now + quiet.0;
        }
        fires
    }

    fn fire(&mut self, rule: &Rule, subject: Subject, ask: &Ask, is_attempt: bool) {
        let is_private = rule.scope == Scope::Ip && ask.address == Some(PRIVATE);
        let observed = self.observe || rule.mode == Mode::Observe || is_private;
        let old = self.live(subject).find(|one| one.by == By::Rule(rule.tag) && !one.observed).cloned();
        let strikes = self.strikes.get(&(rule.tag, subject)).copied().filter(|_| !observed).unwrap_or(0);
        let mut stand = Stand {
            subject,
            by: By::Rule(rule.tag),
            observed,
            is_challenge: false,
            denies: false,
            solved: false,
            until: self.now,
            strikes: 0,
        };
        match rule.action {
            Action::Alert => return,
            Action::Challenge { lasts, .. } => {
                stand.until += lasts.0;
                stand.is_challenge = !observed;
                let is_solved = is_attempt && ask.solved || old.as_ref().is_some_and(|old| old.solved);
                stand.denies = !observed && rule.scope == Scope::Pair && is_solved;
                if let Some(old) = old.filter(|_| !observed) {
                    stand.until = stand.until.max(old.until);
                    stand.denies |= old.denies;
                }
            }
            Action::Ban { base, most } => {
                let lasts = base.0 << strikes.min(20);
                stand.until += most.map_or(lasts, |most| lasts.min(most.0));
                stand.denies = true;
                stand.strikes = strikes;
                if !observed {
                    self.strikes.insert((rule.tag, subject), (strikes + 1).min(20));
                }
            }
        }
        self.stands.retain(|one| (one.subject, one.by, one.observed) != (subject, stand.by, observed));
        self.stands.push(stand);
    }
}

impl Tally {
    fn new(count: &Count, now: u64) -> Self {
        match count {
            Count::Each => Self::Each,
            Count::Leak { .. } => Self::Bucket(Bucket::new(now)),
            Count::Distinct { .. } => Self::Distinct(Distinct::new(now)),
            Count::Gaps { .. } => Self::Gaps(Gaps::default()),
        }
    }
}
