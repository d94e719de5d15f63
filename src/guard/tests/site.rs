//! A guard with rules, a clock and a replica, for tests.

use std::net::IpAddr;

use super::super::address::{self, Block};
use super::super::bans::{Entry, Source, Target};
use super::super::decide::{self, Decision};
use super::super::edit::{Edit, Limits};
use super::super::effect::GuardEffect;
use super::super::event::Terms;
use super::super::grammar::parse;
use super::super::hash::HashKey;
use super::super::incident::What;
use super::super::judge::{Level, judge};
use super::super::lift::{self, Extent, Targets};
use super::super::never_ban::NeverBan;
use super::super::rule::Kind;
use super::super::ruleset::{GuardRules, RuleSet};
use super::super::snapshot;
use super::super::step::{Change, Step};
use super::super::subject::Who;
use super::super::value::{Ask, Guard};
use crate::text::time::{Span, Timestamp};

/// The clock of a test starts here.
pub(super) const START: u64 = 1_790_000_000_000;
pub(super) const KEY: HashKey = HashKey([7; 16]);

/// The subjects of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    pub ip: Option<IpAddr>,
    pub user: Option<u32>,
    pub device: Option<u8>,
    pub key: Option<u8>,
    pub value: Option<u32>,
    pub solved: bool,
}

pub(super) fn ip(text: &str) -> IpAddr {
    address::read(text.as_bytes()).unwrap()
}

/// The call of `user` at `from`.
pub(super) fn call(from: &str, user: u32) -> Call {
    Call { ip: Some(ip(from)), user: Some(user), ..Call::default() }
}

impl Call {
    pub(super) fn solved(self) -> Self {
        Self { solved: true, ..self }
    }

    pub(super) fn value(self, value: u32) -> Self {
        Self { value: Some(value), ..self }
    }

    pub(super) fn ask(&self) -> Ask {
        Ask {
            ip: self.ip,
            user: self.user.map(|user| KEY.user(&user.to_le_bytes())),
            device: self.device.map(|device| KEY.device(&[device])),
            key: self.key.map(|key| KEY.key(&[key])),
            value: self.value.map(|value| KEY.value(&value.to_le_bytes())),
        }
    }
}

pub(super) struct Site {
    pub guard: Guard,
    /// Has applied every step of the guard.
    pub replica: Option<Guard>,
    pub rules: RuleSet,
    pub now: u64,
    pub observe: bool,
    pub learn: Span,
    pub never_ban: NeverBan,
    pub limits: Limits,
    /// Whether the last call has changed something.
    pub wrote: bool,
    pub incidents: Vec<What>,
    /// The payload of the last step.
    pub last: Vec<u8>,
}

impl Site {
    /// The rules of a file, of which the guard `login` is used.
    pub(super) fn new(file: &str) -> Self {
        Self {
            guard: Guard::new(KEY, Timestamp(START)),
            replica: None,
            rules: RuleSet::new(parse(file.as_bytes()).unwrap().into(), None),
            now: START,
            observe: false,
            learn: Span(0),
            never_ban: NeverBan::default(),
            limits: Limits { max_bytes: 20 << 20, may_create: true },
            wrote: false,
            incidents: Vec::new(),
            last: Vec::new(),
        }
    }

    pub(super) fn with_replica(self) -> Self {
        Self { replica: Some(Guard::default()), ..self }
    }

    pub(super) fn rules(&self) -> &GuardRules {
        self.rules.of_key(b"login").unwrap()
    }

    pub(super) fn change<R>(&mut self, act: impl FnOnce(&mut Edit<'_>, Terms<'_>) -> R) -> R {
        let rules = self.rules.of_key(b"login").unwrap();
        let mut edit = Edit::new(&mut self.guard, rules, self.limits, Timestamp(self.now));
        let terms =
            Terms { observe: self.observe, never_ban: &self.never_ban, learn: self.learn, jitter: || 0 };
        let result = act(&mut edit, terms);
        let step = edit.finish();
        self.wrote = step.is_some();
        if let (Some(replica), Some(step)) = (&mut self.replica, step) {
            // A step that was applied before changes nothing, whatever came after it.
            let payload = step.encode();
            replica.apply(decode(&payload));
            replica.apply(decode(&payload));
            if !self.last.is_empty() {
                replica.apply(decode(&self.last));
            }
            self.last = payload;
        }
        result
    }

    fn note(&mut self, decision: Decision) -> Decision {
        self.incidents.extend(decision.incidents.iter().map(|one| one.what));
        decision
    }

    pub(super) fn attempt(&mut self, call: Call) -> Decision {
        let decision = self.change(|edit, terms| decide::attempt(edit, &call.ask(), call.solved, terms));
        self.note(decision)
    }

    pub(super) fn event(&mut self, kind: &str, call: Call) -> Decision {
        let kind = Kind::of(kind);
        let decision = self.change(|edit, terms| decide::event(edit, &kind, &call.ask(), terms));
        self.note(decision)
    }

    /// The level of an attempt's verdict.
    pub(super) fn tries(&mut self, call: Call) -> Level {
        self.attempt(call).judged.enforced.level
    }

    /// An attempt, and if it is admitted, its failure. Returns the last verdict.
    pub(super) fn fails(&mut self, call: Call) -> Level {
        match self.tries(call) {
            Level::Allow => self.event("failure", call).judged.enforced.level,
            level => level,
        }
    }

    /// What stands against a call.
    pub(super) fn level(&self, call: Call) -> Level {
        judge(&self.guard, &call.ask(), self.observe, Timestamp(self.now)).enforced.level
    }

    pub(super) fn set(&mut self, target: Target, source: Source, lasts: u64) -> bool {
        let now = Timestamp(self.now);
        let entry = Entry::of_operator(now, now + Span(lasts), source);
        self.change(|edit, _| edit.set_ban((target, source), entry))
    }

    pub(super) fn lift(&mut self, targets: &Targets, extent: Extent) -> u64 {
        self.change(|edit, _| lift::lift(edit, targets, extent))
    }

    /// The bytes of all that the guard holds.
    pub(super) fn bytes(&self) -> Vec<Vec<u8>> {
        bytes(&self.guard)
    }
}

fn decode(payload: &[u8]) -> Step<Change> {
    match GuardEffect::decode(payload) {
        Ok(GuardEffect::Step(step)) => step,
        other => panic!("{other:?}"),
    }
}

pub(super) fn bytes(guard: &Guard) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    snapshot::write(guard, &mut |piece| pieces.push(piece.to_vec()));
    pieces
}

pub(super) fn read(pieces: &[Vec<u8>]) -> Result<Guard, &'static str> {
    let mut rest = pieces.iter().skip(1).cloned();
    snapshot::read(&pieces[0], &mut || rest.next())
}

pub(super) fn block(text: &str) -> Target {
    Target::Block(Block::read(text.as_bytes()).unwrap())
}

pub(super) fn user(user: u32) -> Target {
    Target::Who(Who::user(KEY.user(&user.to_le_bytes())))
}

pub(super) fn free_key(key: u8) -> Target {
    Target::Who(Who::key(KEY.key(&[key])))
}
