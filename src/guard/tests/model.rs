//! A second implementation of a decision: slow, with plain lists, without hashes and budgets. It
//! knows six addresses, and its clock never steps back.

use std::collections::BTreeMap;

use super::super::counter::NETWORK_FACTOR;
use super::super::counter::oracle::{Bucket, Distinct, Gaps};
use super::super::judge::Level;
use super::super::rule::{Action, Count, Kind, Mode, Of, Rule, Scope, Tag};
use super::site::START;

pub(super) const ADDRESSES: [&str; 6] =
    ["203.0.113.1", "203.0.113.2", "198.51.100.1", "2001:db8:1:1::5", "2001:db8:1:2::5", "10.0.0.1"];
/// The networks of the addresses.
const NETWORKS: [u64; 6] = [0, 0, 1, 2, 2, 3];
/// The address that never is banned.
const PRIVATE: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    Address(usize),
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
    until: u64,
    strikes: u8,
}

enum Tally {
    Each,
    Bucket(Bucket),
    Distinct(Distinct),
    Gaps(Gaps),
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

    fn knows(&self, ask: &Ask) -> bool {
        self.known.iter().any(|(user, at)| {
            let is_there = match at {
                At::Address(network) => ask.address.map(|at| NETWORKS[at] as usize) == Some(*network),
                At::Device(device) => ask.device == Some(*device),
            };
            ask.user == Some(*user) && is_there
        })
    }

    fn pair(&self, ask: &Ask) -> Option<Subject> {
        let user = ask.user?;
        let device = ask.device.filter(|device| self.known.contains(&(user, At::Device(*device))));
        let at = device.map(At::Device).or(ask.address.map(At::Address))?;
        Some(Subject::Pair(user, at))
    }

    fn live(&self, subject: Subject) -> impl Iterator<Item = &Stand> {
        let now = self.now;
        self.stands.iter().filter(move |one| one.subject == subject && one.until > now)
    }

    /// Whether an allow entry of the address or key holds.
    fn is_allowed(&self, ask: &Ask) -> bool {
        let has = |subject, by| self.live(subject).any(|one| one.by == by);
        let own = ask.address.map(Subject::Address);
        let net = ask.address.filter(|at| *at < 2).map(|_| Subject::Net);
        let by_address = match (own, net) {
            (Some(own), _) if has(own, By::Allow) => true,
            (Some(own), _) if has(own, By::Operator) => false,
            (_, Some(net)) => has(net, By::Allow),
            _ => false,
        };
        by_address || ask.key.is_some_and(|key| has(Subject::Key(key), By::Allow))
    }

    /// The enforced verdict and the one with what is observed.
    pub(super) fn judge(&self, ask: &Ask) -> (Verdict, Verdict) {
        if self.is_allowed(ask) {
            return Default::default();
        }
        let mut found: Vec<(Level, u8, u64, bool, (Option<Tag>, u8))> = Vec::new();
        let is_known = self.knows(ask);
        let is_spared =
            ask.user.is_some_and(|user| self.live(Subject::User(user)).any(|one| one.by == By::Allow));
        let pair = self.pair(ask).map(|pair| (1, pair, is_spared));
        let key = ask.key.map(|key| (2, Subject::Key(key), false));
        let address = ask.address.map(|at| (2, Subject::Address(at), false)).filter(|_| !is_known);
        let wide =
            ask.address.filter(|at| (3..5).contains(at) && !is_known).map(|_| (2, Subject::Wide, false));
        let user = ask.user.map(|user| (3, Subject::User(user), is_known || is_spared));
        for (rank, subject, spared) in [pair, key, address, wide, user].into_iter().flatten() {
            for one in self.live(subject) {
                let By::Rule(tag) = one.by else { continue };
                // The denial of a pair ends with its challenge.
                if spared && (one.is_challenge || !one.denies) {
                    continue;
                }
                let level = if one.denies { Level::Deny } else { Level::Challenge };
                found.push((level, rank, one.until - self.now, one.observed, (Some(tag), one.strikes)));
            }
        }
        let named = [ask.user.map(Subject::User), ask.key.map(Subject::Key)].into_iter().flatten();
        let mut operators: Vec<u64> = self.of_operators(named);
        // The longest prefix decides.
        let own = self.of_operators(ask.address.map(Subject::Address));
        let net = self.of_operators(ask.address.filter(|at| *at < 2).map(|_| Subject::Net));
        operators.extend(if own.is_empty() { net } else { own });
        found.extend(operators.into_iter().map(|left| (Level::Deny, 0, left, false, (None, 0))));
        let enforced = strongest(found.iter().filter(|one| !one.3 && !self.observe));
        (enforced, strongest(found.iter()))
    }

    fn of_operators(&self, subjects: impl IntoIterator<Item = Subject>) -> Vec<u64> {
        let of = |subject| self.live(subject).filter(|one| one.by == By::Operator);
        subjects.into_iter().flat_map(of).map(|one| one.until - self.now).collect()
    }

    pub(super) fn operator(&mut self, subject: Subject, by: By, lasts: u64) {
        self.stands.retain(|one| (one.subject, one.by) != (subject, by));
        let (until, denies) = (self.now + lasts, by == By::Operator);
        let stand = Stand { subject, by, observed: false, is_challenge: false, denies, until, strikes: 0 };
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
                if let Some((Tally::Distinct(set), _)) = self.counts.get_mut(&(rule.tag, subject)) {
                    set.forget(user.into());
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
                (Tally::Distinct(set), _, Some(at)) => set.forget(NETWORKS[at]),
                _ => {}
            }
        }
        self.leave_sets(ask, |_| true);
        let network = ask.address.map(|at| At::Address(NETWORKS[at] as usize));
        self.known.extend([network, ask.device.map(At::Device)].into_iter().flatten().map(|at| (user, at)));
    }

    fn drop_state(&mut self, is_it: impl Fn(&Subject) -> bool) {
        self.counts.retain(|(_, of), _| !is_it(of));
        self.strikes.retain(|(_, of), _| !is_it(of));
        self.values.retain(|of, _| !is_it(of));
        self.stands.retain(|one| !one.is_challenge || !is_it(&one.subject));
    }

    fn charge(&mut self, kind: &Kind, ask: &Ask, pair: Option<Subject>, is_known: bool) -> bool {
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
                all.charge(most * factor, every.0 * u64::from(most * factor), value, now)
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
            until: self.now,
            strikes: 0,
        };
        match rule.action {
            Action::Alert => return,
            Action::Challenge { lasts, .. } => {
                stand.until += lasts.0;
                stand.is_challenge = !observed;
                stand.denies = !observed && rule.scope == Scope::Pair && is_attempt && ask.solved;
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
            Count::Distinct { .. } => Self::Distinct(Distinct::default()),
            Count::Gaps { .. } => Self::Gaps(Gaps::default()),
        }
    }
}

/// The subjects of scope `ip`.
fn places(address: usize) -> impl Iterator<Item = Subject> {
    let wide = (3..5).contains(&address).then_some(Subject::Wide);
    [Some(Subject::Address(address)), wide].into_iter().flatten()
}

type Found = (Level, u8, u64, bool, (Option<Tag>, u8));

fn strongest<'a>(found: impl Iterator<Item = &'a Found> + Clone) -> Verdict {
    let weight = |one: &Found| (one.0, std::cmp::Reverse(one.1), one.2);
    let Some(best) = found.clone().map(weight).max() else { return Verdict::default() };
    let by = found.filter(|one| weight(one) == best).map(|one| one.4).collect();
    Verdict { level: best.0, left: best.2, by }
}
