//! Whom LW.LIFT and LW.WHY are about.

use std::net::IpAddr;

use crate::server::error::Refusal;
use crate::text::options::Given;

use super::super::address::{self, Block, Place};
use super::super::bans::Target;
use super::super::hash::{Hash, HashKey, read_short};
use super::super::lift::Targets;
use super::super::subject::Who;
use super::super::value::Guard;
use super::subjects::{Subjects, name};

#[derive(Clone, Copy)]
pub(super) enum Whom<'a> {
    Block(Block),
    User(&'a [u8]),
    Pair(IpAddr, &'a [u8]),
    Key(&'a [u8]),
    /// A user or a key, by the first half of its hash.
    Hash(u64),
    All,
}

impl<'a> Whom<'a> {
    pub(super) fn parse(given: &Given<'a>, all: bool) -> Result<Self, Refusal> {
        let block = given.optional("IP", Block::read)?;
        let user = given.optional("USER", name)?;
        let key = given.optional("KEY", name)?;
        let hash = given.optional("HASH", read_short)?;
        match (block, user, key, hash, all) {
            (Some(_), Some(user), None, None, false) => {
                let ip = given.required("IP", address::read)?;
                Ok(Self::Pair(ip, user))
            }
            (Some(block), None, None, None, false) => Ok(Self::Block(block)),
            (None, Some(user), None, None, false) => Ok(Self::User(user)),
            (None, None, Some(key), None, false) => Ok(Self::Key(key)),
            (None, None, None, Some(hash), false) => Ok(Self::Hash(hash)),
            (None, None, None, None, true) => Ok(Self::All),
            (None, None, None, None, false) => {
                Err(given.malformed("no subject is given: IP, USER, KEY or HASH").into())
            }
            _ => Err(given.malformed("only IP and USER go together").into()),
        }
    }

    /// Whether it is a block that no rule counts as one.
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Self::Block(block) if block.place().is_none())
    }

    /// The same as plain text, for alerts and audit events.
    pub(super) fn subjects(self) -> Subjects<'a> {
        let (ip, user, key) = match self {
            Self::Block(block) => (block.single(), None, None),
            Self::User(user) => (None, Some(user), None),
            Self::Pair(ip, user) => (Some(ip), Some(user), None),
            Self::Key(key) => (None, None, Some(key)),
            Self::Hash(_) | Self::All => (None, None, None),
        };
        Subjects { ip, user, key, ..Subjects::default() }
    }

    /// As LW.BANS shows a subject.
    pub(super) fn shown(self, guard: &Guard) -> Option<String> {
        let hash_key = &guard.header.hash_key;
        Some(match self {
            Self::Block(block) => block.to_string(),
            Self::User(user) => Who::user(hash_key.user(user)).to_string(),
            Self::Pair(ip, user) => pair(hash_key, ip, user).to_string(),
            Self::Key(key) => Who::key(hash_key.key(key)).to_string(),
            Self::Hash(short) => format!("{short:016x}"),
            Self::All => "all".to_owned(),
        })
    }

    pub(super) fn targets(self, guard: &Guard) -> Targets {
        let hash_key = &guard.header.hash_key;
        match self {
            Self::Block(block) => Targets::Block(block),
            Self::User(user) => Targets::Hashes(vec![hash_key.user(user)]),
            Self::Pair(ip, user) => {
                let (user, place) = (hash_key.user(user), Place::of(ip));
                Targets::Some(vec![Who::pair(user, place), Who::in_network(user, place)])
            }
            Self::Key(key) => Targets::Some(vec![Who::key(hash_key.key(key))]),
            Self::Hash(short) => Targets::Hashes(hashes(guard, short)),
            Self::All => Targets::All,
        }
    }
}

fn pair(hash_key: &HashKey, ip: IpAddr, user: &[u8]) -> Who {
    Who::pair(hash_key.user(user), Place::of(ip))
}

/// The users and keys of which something is held and whose hash is shown as `short`.
fn hashes(guard: &Guard, short: u64) -> Vec<Hash> {
    let lowest = Hash::lowest_of(short);
    let is_it = |hash: &Hash| hash.short() == short;
    let people = guard.people.from(Who::user(lowest)).map(|(who, _)| who.hash).take_while(is_it);
    let known = guard.known.from(lowest).map(|(user, _)| user).take_while(is_it);
    let banned = guard.bans.from((Target::Who(Who::user(lowest)), super::super::bans::Source::Allow));
    let banned = banned.map_while(|((target, _), _)| match target {
        Target::Who(who) if who.hash.short() == short => Some(who.hash),
        _ => None,
    });
    let mut hashes: Vec<_> = people.chain(known).chain(banned).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
