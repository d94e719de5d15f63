//! A guard with the built-in rules under a simulated clock, and a record of what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::super::address::Place;
use super::super::builtin;
use super::super::decide::{self, Decision};
use super::super::edit::{Edit, Limits};
use super::super::event::Terms;
use super::super::hash::{Hash, HashKey};
use super::super::incident::{Incident, What};
use super::super::judge::{Judged, Level};
use super::super::never_ban::NeverBan;
use super::super::rule::Kind;
use super::super::ruleset::{GuardRules, RuleSet};
use super::super::value::{Ask, Guard};
use crate::text::time::{Span, Timestamp};

pub(super) const SECOND: u64 = 1000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// A Monday, 00:00 UTC.
pub(super) const START: Timestamp = Timestamp(1_790_553_600_000);

/// The time between two alerts about the state of a guard, as for the alerts of the server.
const COOLDOWN: Span = Span(HOUR);

pub(super) struct Site {
    pub guard: Guard,
    pub now: Timestamp,
    pub record: Record,
    pub limits: Limits,
    pub learn: Span,
    rules: RuleSet,
    never_ban: NeverBan,
}

/// What happened at a site.
#[derive(Default)]
pub(super) struct Record {
    /// The time from [`START`] to the first alert, and what it was about.
    pub alert: Option<(Span, String)>,
    /// The time to the first challenge or ban, and its rule.
    pub restriction: Option<(Span, String)>,
    pub alerts: u64,
    pub bans: u64,
    pub challenges: u64,
    /// Bans that became challenges.
    pub restrained: u64,
    /// How often each rule had an effect.
    pub fired: BTreeMap<String, u64>,
    /// Who was banned in each minute since [`START`].
    pub bans_of_minute: BTreeMap<u64, BTreeSet<String>>,
    state_alerts: BTreeMap<String, Timestamp>,
}

impl Record {
    fn take(&mut self, incident: &Incident, now: Timestamp) {
        let since = now - START;
        let name = match &incident.rule {
            Some(rule) => rule.name.to_string(),
            None => format!("{:?}", incident.what).to_lowercase(),
        };
        *self.fired.entry(name.clone()).or_default() += 1;
        self.restrained += u64::from(incident.in_place_of_ban.is_some());
        let restricts = matches!(incident.what, What::Challenge | What::Ban);
        if restricts {
            self.restriction.get_or_insert((since, name.clone()));
        }
        self.challenges += u64::from(incident.what == What::Challenge);
        if incident.what == What::Ban {
            self.bans += 1;
            let target = incident.target.map(|target| target.to_string());
            self.bans_of_minute.entry(since.0 / MINUTE).or_default().extend(target);
        }
        let alerts = match incident.what {
            What::Challenge => incident.alerts,
            What::Alert | What::Ban => true,
            _ => {
                let last = self.state_alerts.get(&name);
                let is_due = last.is_none_or(|last| now - *last >= COOLDOWN);
                if is_due {
                    self.state_alerts.insert(name.clone(), now);
                }
                is_due
            }
        };
        if alerts {
            self.alerts += 1;
            self.alert.get_or_insert((since, name));
        }
    }
}

impl Site {
    /// A new site without a time of learning.
    pub(super) fn new() -> Self {
        Self::with_rules(RuleSet::new(builtin::entries(), None))
    }

    pub(super) fn with_rules(rules: RuleSet) -> Self {
        let never_ban = NeverBan::parse(b"10.0.0.0/8 127.0.0.0/8 100.64.0.0/10");
        Self {
            guard: Guard::new(HashKey([7; 16]), START),
            now: START,
            record: Record::default(),
            limits: Limits { max_bytes: 20 << 20, may_create: true },
            learn: Span(0),
            rules,
            never_ban: never_ban.unwrap(),
        }
    }

    pub(super) fn user(&self, name: &str) -> Hash {
        self.guard.header.hash_key.user(name.as_bytes())
    }

    pub(super) fn value(&self, password: &str) -> u64 {
        self.guard.header.hash_key.value(password.as_bytes())
    }

    pub(super) fn attempt(&mut self, ask: &Ask, solved: bool) -> Judged {
        self.change(|edit, terms| decide::attempt(edit, ask, solved, terms))
    }

    pub(super) fn event(&mut self, kind: &Kind, ask: &Ask) -> Judged {
        self.change(|edit, terms| decide::event(edit, kind, ask, terms))
    }

    fn change(&mut self, decide: impl FnOnce(&mut Edit<'_>, Terms<'_>) -> Decision) -> Judged {
        let rules: &GuardRules = self.rules.of_key(b"login").ok().unwrap();
        let terms = Terms { observe: false, never_ban: &self.never_ban, learn: self.learn, jitter: || 0 };
        let mut edit = Edit::new(&mut self.guard, rules, self.limits, self.now);
        let decision = decide(&mut edit, terms);
        edit.finish();
        for incident in &decision.incidents {
            self.record.take(incident, self.now);
        }
        decision.judged
    }

    /// One guess at a password, and its outcome if the site lets it through. `solves`: a challenge
    /// is passed. Returns whether the password was checked.
    pub(super) fn guess(&mut self, ask: &Ask, solves: bool) -> bool {
        let is_checked = self.is_let_through(ask, solves);
        if is_checked {
            self.event(&Kind::Failure, ask);
        }
        is_checked
    }

    pub(super) fn is_let_through(&mut self, ask: &Ask, solves: bool) -> bool {
        match self.attempt(ask, false).enforced.level {
            Level::Allow => true,
            Level::Challenge if solves => self.attempt(ask, true).enforced.level == Level::Allow,
            Level::Challenge | Level::Deny => false,
        }
    }

    /// A complete login, which makes the network known.
    pub(super) fn log_in(&mut self, ask: &Ask) -> bool {
        let is_admitted = self.is_let_through(ask, true);
        if is_admitted {
            self.event(&Kind::Success, ask);
        }
        is_admitted
    }
}

/// A public address in a network of its own.
pub(super) fn address(n: u32) -> IpAddr {
    let ip: IpAddr = Ipv4Addr::from_bits((20 << 24) + (n << 8) + 1).into();
    debug_assert!(Place::of(ip).is_sound() && n < 1 << 16);
    ip
}

/// How many days a simulation of honest people lasts.
pub(super) fn days(usual: u64) -> u64 {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { 30 } else { usual }
}

/// A time as tables show it.
pub(super) fn shown(first: &Option<(Span, String)>) -> String {
    let Some((span, by)) = first else { return "never".into() };
    let time = match span.0 {
        time if time < 2 * MINUTE => format!("{} s", time / SECOND),
        time if time < 2 * HOUR => format!("{} min", time / MINUTE),
        time if time < 2 * DAY => format!("{:.1} h", time as f64 / HOUR as f64),
        time => format!("{:.1} d", time as f64 / DAY as f64),
    };
    format!("{time} ({by})")
}
