//! Random calls and random rules.

use proptest::prelude::*;

use super::super::bans::{Source, Target};
use super::super::decide::Decision;
use super::super::lift::{Extent, Targets};
use super::super::subject::Who;
use super::model::{ADDRESSES, Ask, By, Subject};
use super::site::{self, Call, Site, block, ip};

#[derive(Clone, Debug)]
pub(super) enum Act {
    Attempt(Ask),
    Event(&'static str, Ask),
    Operator(Subject, By, u64),
    Lift(Subject, bool),
    Wait(u64),
}

const KINDS: [&str; 10] =
    ["success", "password", "failure", "failure", "failure", "unknown", "mfa", "mfa", "reset", "404"];

fn asks() -> impl Strategy<Value = Ask> {
    let parts = (
        prop::option::weighted(0.9, 0..6_usize),
        prop::option::weighted(0.9, 0..3_u32),
        prop::option::weighted(0.2, 0..2_u8),
        prop::option::weighted(0.3, 0..2_u8),
        prop::option::weighted(0.4, 0..6_u32),
        prop::bool::weighted(0.2),
    );
    parts.prop_map(|(address, user, device, key, value, solved)| Ask {
        address,
        user,
        device,
        key,
        value,
        solved,
    })
}

pub(super) fn acts() -> impl Strategy<Value = Vec<Act>> {
    let subject = prop_oneof![
        (0..6_usize).prop_map(Subject::Address),
        Just(Subject::Net),
        (0..3_u32).prop_map(Subject::User),
        (0..2_u8).prop_map(Subject::Key),
    ];
    let by = prop_oneof![Just(By::Operator), Just(By::Allow)];
    let act = prop_oneof![
        12 => asks().prop_map(Act::Attempt),
        16 => (prop::sample::select(&KINDS[..]), asks()).prop_map(|(kind, ask)| Act::Event(kind, ask)),
        1 => (subject.clone(), by, 1..150_u64).prop_map(|(subject, by, lasts)| Act::Operator(subject, by, lasts)),
        1 => (subject, any::<bool>()).prop_map(|(subject, forget)| Act::Lift(subject, forget)),
        8 => prop_oneof![0..4_u64, 0..40_u64, 0..300_u64].prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..80)
}

/// What a rule counts, and the actions that it may have.
const COUNTS: [&str; 15] = [
    "pair attempt N leak D",
    "pair failure N leak D",
    "pair mfa N leak D",
    "user attempt N leak D",
    "user attempt N networks leak D",
    "user failure N leak D",
    "user mfa N leak D",
    "ip failure N leak D",
    "ip failure,mfa N users leak D",
    "ip open N users leak D",
    "ip attempt N leak D",
    "ip 404 N values leak D",
    "ip 404 each quiet D",
    "key 404,failure N leak D",
    "key 404 N gaps over D",
];

pub(super) fn rules() -> impl Strategy<Value = String> {
    let action = prop_oneof![
        4 => (20..200_u32).prop_map(|d| format!("challenge {d}ms")),
        4 => (10..100_u32).prop_map(|d| format!("ban {d}ms max 300ms")),
        1 => Just("alert".to_owned()),
    ];
    let rule = (prop::sample::select(&COUNTS[..]), 1..4_u32, 2..40_u32, action, prop::bool::weighted(0.2));
    prop::collection::vec(rule, 1..7).prop_map(|rules| {
        // The last passwords of a pair are kept with its counts.
        let mut file = "login keep pair attempt,failure 1000 leak 1d alert enforce\n".to_owned();
        for (index, (count, n, d, action, observe)) in rules.into_iter().enumerate() {
            let count = count.replace('N', &n.to_string()).replace('D', &format!("{d}ms"));
            let bans_user = count.starts_with("user") && !count.starts_with("user mfa");
            let action =
                if bans_user && action.starts_with("ban") { "challenge 50ms".into() } else { action };
            let mode = if observe { "observe" } else { "enforce" };
            file += &format!("login r{index} {count} {action} {mode}\n");
        }
        file
    })
}

pub(super) fn call(ask: &Ask) -> Call {
    let Ask { address, user, device, key, value, solved } = *ask;
    Call { ip: address.map(|at| ip(ADDRESSES[at])), user, device, key, value, solved }
}

pub(super) fn target(subject: Subject) -> Target {
    match subject {
        Subject::Address(at) => block(ADDRESSES[at]),
        Subject::User(user) => site::user(user),
        Subject::Key(key) => site::free_key(key),
        _ => block("203.0.113.0/24"),
    }
}

pub(super) fn targets(subject: Subject) -> Targets {
    match (subject, target(subject)) {
        (_, Target::Block(block)) => Targets::Block(block),
        (Subject::User(_), Target::Who(who)) => Targets::Hashes(vec![who.hash]),
        (_, Target::Who(who)) => Targets::Some(vec![Who::key(who.hash)]),
    }
}

/// Times by which the clock steps back before a call, mostly none.
pub(super) fn steps_back() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![9 => Just(0), 1 => 0..500_u64], 80)
}

impl Act {
    /// The call of an attempt or event.
    pub(super) fn call(&self) -> Option<Call> {
        match self {
            Self::Attempt(ask) if ask.address.is_none() && ask.user.is_none() => None,
            Self::Attempt(ask) | Self::Event(_, ask) => Some(call(ask)),
            _ => None,
        }
    }

    pub(super) fn run(&self, site: &mut Site) -> Option<Decision> {
        match self {
            Self::Attempt(_) => return Some(site.attempt(self.call()?)),
            Self::Event(kind, ask) => return Some(site.event(kind, call(ask))),
            Self::Operator(subject, by, lasts) => {
                let source = if *by == By::Allow { Source::Allow } else { Source::Operator };
                site.set(target(*subject), source, *lasts);
            }
            Self::Lift(subject, forget) => {
                site.lift(&targets(*subject), Extent { forget: *forget, allowed: false });
            }
            Self::Wait(ms) => site.now += ms,
        }
        None
    }
}
