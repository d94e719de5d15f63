//! A second implementation of a decision: slow, with plain lists, without hashes and budgets. It
//! knows six addresses, and its clock never steps back.

mod charge;
mod judge;

use std::collections::BTreeMap;

use super::super::counter::NETWORK_FACTOR;
use super::super::judge::Level;
use super::super::rule::{Count, Kind, Of, Rule, Scope, Tag};
use super::site::START;
use charge::Tally;

pub(super) const ADDRESSES: [&str; 6] =
    ["203.0.113.1", "203.0.113.2", "198.51.100.1", "2001:db8:1:1::5", "2001:db8:1:2::5", "10.0.0.1"];
/// The networks of the addresses.
const NETWORKS: [u64; 6] = [0, 0, 1, 2, 2, 3];
/// The address that never is banned.
const PRIVATE: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    Address(usize),
    Network(usize),
    Device(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Address(usize),
    /// The /48 of both IPv6 addresses.
    Wide,
    /// The /24 of the first two addresses, which only an operator names.
    Net,
    User(u32),
    Pair(u32, At),
    Key(u8),
}

/// A call by numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub address: Option<usize>,
    pub user: Option<u32>,
    pub device: Option<u8>,
    pub key: Option<u8>,
    pub value: Option<u32>,
    pub solved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Rule(Tag),
    Operator,
    Allow,
}

#[derive(Clone, Debug)]
struct Stand {
    subject: Subject,
    by: By,
    observed: bool,
    /// Whether it belongs to the counts, which a success and a reset drop.
    is_challenge: bool,
    denies: bool,
    /// Whether an attempt has solved the challenge.
    solved: bool,
    until: u64,
    strikes: u8,
}

/// A verdict: its level, how long it lasts, and the rules that it may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub level: Level,
    pub left: u64,
    pub by: Vec<(Option<Tag>, u8)>,
}

pub(super) struct Model {
    pub rules: Vec<Rule>,
    pub now: u64,
    pub observe: bool,
    counts: BTreeMap<(Tag, Subject), (Tally, u64)>,
    stands: Vec<Stand>,
    strikes: BTreeMap<(Tag, Subject), u8>,
    known: Vec<(u32, At)>,
    values: BTreeMap<Subject, Vec<(u32, bool)>>,
}

impl Model {
    pub(super) fn new(rules: Vec<Rule>, observe: bool) -> Self {
        let (counts, strikes, values) = Default::default();
        Self { rules, now: START, observe, counts, stands: Vec::new(), strikes, known: Vec::new(), values }
    }

    pub(super) fn operator(&mut self, subject: Subject, by: By, lasts: u64) {
        self.stands.retain(|one| (one.subject, one.by) != (subject, by));
        let (until, denies) = (self.now + lasts, by == By::Operator);
        let (observed, is_challenge, solved) = (false, false, false);
        let stand = Stand { subject, by, observed, is_challenge, denies, solved, until, strikes: 0 };
        self.stands.push(stand);
    }

    pub(super) fn lift(&mut self, subject: Subject, forget: bool) {
        let concerns = |other: &Subject| match (subject, other) {
            (Subject::User(user), Subject::Pair(other, _)) => user == *other,
            (Subject::Address(3 | 4), Subject::Wide) | (Subject::Net, Subject::Address(0 | 1)) => true,
            _ => subject == *other,
        };
        self.stands.retain(|one| one.by == By::Allow || !concerns(&one.subject));
        if forget {
            self.counts.retain(|(_, of), _| !concerns(of));
            self.strikes.retain(|(_, of), _| !concerns(of));
            self.values.retain(|of, _| !concerns(of));
            self.known.retain(|(user, _)| subject != Subject::User(*user));
        }
    }

    pub(super) fn attempt(&mut self, ask: &Ask) -> (Verdict, Verdict) {
        let mut judged = self.judge(ask);
        let level = judged.0.level;
        if self.is_allowed(ask) || level == Level::Deny || (level == Level::Challenge && !ask.solved) {
            return judged;
        }
        let pair = self.pair(ask);
        if ask.solved {
            let of_pair = |one: &&mut Stand| one.is_challenge && Some(one.subject) == pair;
            self.stands.iter_mut().filter(of_pair).for_each(|one| one.solved = true);
        }
        let values = pair.and_then(|pair| self.values.get(&pair));
        let is_repeated =
            ask.value.is_some_and(|value| values.is_some_and(|all| all.iter().any(|one| one.0 == value)));
        if !is_repeated {
            let is_known = self.knows(ask);
            let fired = self.charge(&Kind::Attempt, ask, pair, is_known)
                | self.charge(&Kind::Open, ask, pair, is_known);
            if let Some((pair, value)) = pair.zip(ask.value) {
                self.remember(pair, value);
            }
            if fired {
                judged = self.judge(ask);
            }
        }
        if ask.solved {
            for verdict in [&mut judged.0, &mut judged.1] {
                if verdict.level == Level::Challenge {
                    *verdict = Verdict::default();
                }
            }
        }
        judged
    }

    fn remember(&mut self, pair: Subject, value: u32) -> &mut (u32, bool) {
        let values = self.values.entry(pair).or_default();
        if !values.iter().any(|one| one.0 == value) {
            values.push((value, false));
            values.drain(..values.len().saturating_sub(4));
        }
        values.iter_mut().find(|one| one.0 == value).unwrap()
    }

    pub(super) fn event(&mut self, kind: &Kind, ask: &Ask) -> (Verdict, Verdict) {
        let judged = self.judge(ask);
        let counts = !self.is_allowed(ask) && judged.0.level != Level::Deny;
        let (pair, is_known) = (self.pair(ask), self.knows(ask));
        if matches!(kind, Kind::Success | Kind::Password | Kind::Failure | Kind::Unknown | Kind::Mfa) {
            self.leave_sets(ask, |rule| rule.counts(&Kind::Open));
        }
        let mut is_repeated = false;
        match kind {
            Kind::Failure | Kind::Unknown if counts => {
                if let Some((pair, value)) = pair.zip(ask.value) {
                    is_repeated = std::mem::replace(&mut self.remember(pair, value).1, true);
                }
            }
            Kind::Success => self.succeed(ask, pair),
            Kind::Reset => ask.user.into_iter().for_each(|user| {
                self.known.retain(|one| one.0 != user);
                self.drop_state(
                    |of| matches!(of, Subject::User(who) | Subject::Pair(who, _) if *who == user),
                );
            }),
            _ => {}
        }
        let fired = counts && !is_repeated && self.charge(kind, ask, pair, is_known);
        if fired || matches!(kind, Kind::Success | Kind::Reset) { self.judge(ask) } else { judged }
    }

    /// Takes the user out of the sets of its address.
    fn leave_sets(&mut self, ask: &Ask, is_meant: impl Fn(&Rule) -> bool) {
        let Some(user) = ask.user else { return };
        let of_users = |rule: &&Rule| {
            rule.scope == Scope::Ip
                && is_meant(rule)
                && matches!(rule.count, Count::Distinct { of: Of::Users, .. })
        };
        for rule in self.rules.iter().filter(of_users) {
            for subject in ask.address.into_iter().flat_map(places) {
                let tally = self.counts.get_mut(&(rule.tag, subject));
                if let (Some((Tally::Distinct(set), _)), Count::Distinct { most, every, .. }) =
                    (tally, rule.count)
                {
                    let factor = if subject == Subject::Wide { NETWORK_FACTOR } else { 1 };
                    set.forget(most * factor, every.0, user.into(), self.now);
                }
            }
        }
    }

    fn succeed(&mut self, ask: &Ask, pair: Option<Subject>) {
        if let Some(key) = ask.key {
            self.counts.retain(|(_, of), _| *of != Subject::Key(key));
        }
        let Some(user) = ask.user else { return };
        self.drop_state(|of| Some(*of) == pair);
        let now = self.now;
        for rule in self.rules.iter().filter(|rule| rule.scope == Scope::User && rule.counts(&Kind::Attempt))
        {
            let Some((tally, _)) = self.counts.get_mut(&(rule.tag, Subject::User(user))) else { continue };
            match (tally, rule.count, ask.address) {
                (Tally::Bucket(bucket), Count::Leak { every, .. }, _) => bucket.give_back(every.0, now),
                (Tally::Distinct(set), Count::Distinct { most, every, .. }, Some(at)) => {
                    set.forget(most, every.0, NETWORKS[at], now);
                }
                _ => {}
            }
        }
        self.leave_sets(ask, |_| true);
        let network = ask.address.map(|at| At::Network(NETWORKS[at] as usize));
        self.known.extend([network, ask.device.map(At::Device)].into_iter().flatten().map(|at| (user, at)));
    }

    fn drop_state(&mut self, is_it: impl Fn(&Subject) -> bool) {
        self.counts.retain(|(_, of), _| !is_it(of));
        self.strikes.retain(|(_, of), _| !is_it(of));
        self.values.retain(|of, _| !is_it(of));
        self.stands.retain(|one| !one.is_challenge || !is_it(&one.subject));
    }
}

/// The subjects of scope `ip`.
fn places(address: usize) -> impl Iterator<Item = Subject> {
    let wide = (3..5).contains(&address).then_some(Subject::Wide);
    [Some(Subject::Address(address)), wide].into_iter().flatten()
}
