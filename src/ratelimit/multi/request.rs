//! The arguments of LW.MRATELIMIT and LW.MPEEK: `key limit window cost [key limit window cost
//! ...]`.
//!
//! A tuple is one such group of four. Tuples that name the same key are judged together, so a
//! request is also a list of keys, each with the limits of all its tuples. `key @policy - cost` is
//! a tuple with the limits that a policy has for the key.

use std::fmt::Display;
use std::str;

use crate::policy::{self, Applied};
use crate::ratelimit::request::MAX_COST;
use crate::server::args::{Arg, Args};
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::number;
use crate::text::options::Malformed;
use crate::text::quoted::Quoted;
use crate::text::syntax::Param;
use crate::text::time::Span;
use crate::window::log::MAX_PAIRS;
use crate::window::verdict::MAX_LIMIT;
use crate::window::verdict::Quota;

pub(super) const MAX_TUPLES: usize = 16;

const TUPLE: &[Param] =
    &[Param::KEY, Param::integer(c"limit"), Param::string(c"window"), Param::integer(c"cost")];

pub(super) const ARGS: &[Param] = &[Param::block(c"tuple", TUPLE).repeated()];

pub(super) struct Request<'a> {
    /// In the order in which the call names them first. No two have the same name.
    pub keys: Vec<KeyLimits<'a>>,
    /// In the call's order: one to [`MAX_TUPLES`].
    pub tuples: Vec<Tuple<'a>>,
}

/// What a call asks of one key.
#[derive(Debug)]
pub(super) struct KeyLimits<'a> {
    pub name: &'a [u8],
    pub cost: u64,
    /// Whether all limits are those of a policy.
    pub by_policy: bool,
    quotas: [Quota; MAX_PAIRS],
    len: usize,
}

/// A part of the limits of one key: one, or those of a policy.
pub(super) struct Tuple<'a> {
    /// The index of its key.
    pub key: usize,
    first: usize,
    end: usize,
    pub policy: Option<ByPolicy<'a>>,
}

/// The policy of a tuple.
pub(super) struct ByPolicy<'a> {
    pub name: &'a [u8],
    pub applied: Applied,
}

impl Tuple<'_> {
    /// Whether the tuple is only counted if it denies the call.
    pub(super) fn is_shadow(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.applied.is_shadow())
    }
}

impl<'a> Request<'a> {
    /// Reads the arguments. Calls `open` for each key once, before its limits are read.
    pub(super) fn parse(
        spec: &Spec,
        mut args: Args<'a>,
        mut open: impl FnMut(Arg<'a>),
    ) -> Result<Self, Refusal> {
        let count = args.len();
        if count % TUPLE.len() != 0 {
            let why = format_args!(
                "{count} arguments are not a multiple of 4: each key has a limit, a window and a cost, and there are no options"
            );
            return Err(spec.malformed(why).into());
        }
        if count / TUPLE.len() > MAX_TUPLES {
            return Err(spec.malformed(format_args!("more than {MAX_TUPLES} limits")).into());
        }
        let mut request = Self::with_room_for(count / TUPLE.len());
        while let (Some(name), Some(limit), Some(window), Some(cost)) =
            (args.next(), args.next(), args.next(), args.next())
        {
            let key = match request.position(name.bytes()) {
                Some(key) => key,
                None => {
                    open(name);
                    request.add_key(name.bytes())
                }
            };
            let (limit, window) = (limit.bytes(), window.bytes());
            let cost = read(spec, "cost", cost.bytes(), number::within(0..=MAX_COST))?;
            if limit.starts_with(b"@") {
                if window != b"-" {
                    let why = format_args!("window {} of a policy is not -", Quoted(window));
                    return Err(spec.malformed(why).into());
                }
                let of_policy = &limit[1..];
                let applied = policy::find(of_policy, name.bytes())?;
                let quotas = applied.quotas().to_vec();
                request.add(spec, key, &quotas, cost, Some(ByPolicy { name: of_policy, applied }))?;
            } else {
                let limit = read(spec, "limit", limit, number::within(0..=MAX_LIMIT))?;
                let window = read(spec, "window", window, duration::parse)?;
                request.add(spec, key, &[Quota { limit, window }], cost, None)?;
            }
        }
        Ok(request)
    }

    /// The name of the key of the tuple at index `tuple`, and of its policy.
    pub(super) fn names_of(&self, tuple: usize) -> (&'a [u8], Option<&'a str>) {
        let Some(tuple) = self.tuples.get(tuple) else { return (&[], None) };
        let policy = tuple.policy.as_ref().and_then(|policy| str::from_utf8(policy.name).ok());
        (self.keys.get(tuple.key).map_or(&[], |key| key.name), policy)
    }

    pub(super) fn with_room_for(tuples: usize) -> Self {
        Self { keys: Vec::with_capacity(tuples), tuples: Vec::with_capacity(tuples) }
    }

    /// The index of the key `name`.
    pub(super) fn position(&self, name: &[u8]) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name)
    }

    /// Adds a key without limits. Returns its index.
    pub(super) fn add_key(&mut self, name: &'a [u8]) -> usize {
        self.keys.push(KeyLimits {
            name,
            cost: 0,
            by_policy: true,
            quotas: [Quota::default(); MAX_PAIRS],
            len: 0,
        });
        self.keys.len() - 1
    }

    /// Adds a tuple with the limits `quotas` of the key at index `key`.
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        key: usize,
        quotas: &[Quota],
        cost: u64,
        policy: Option<ByPolicy<'a>>,
    ) -> Result<(), Malformed> {
        let limits = &mut self.keys[key];
        if limits.len > 0 && limits.cost != cost {
            let (name, other) = (Quoted(limits.name), limits.cost);
            return Err(spec.malformed(format_args!("key {name} has two costs, {other} and {cost}")));
        }
        let (first, end) = (limits.len, limits.len + quotas.len());
        let Some(room) = limits.quotas.get_mut(first..end) else {
            let name = Quoted(limits.name);
            return Err(spec.malformed(format_args!("key {name} has more than {MAX_PAIRS} limits")));
        };
        room.copy_from_slice(quotas);
        (limits.len, limits.cost) = (end, cost);
        limits.by_policy &= policy.is_some();
        self.tuples.push(Tuple { key, first, end, policy });
        Ok(())
    }
}

impl KeyLimits<'_> {
    /// All limits of the key: one to [`MAX_PAIRS`].
    pub(super) fn quotas(&self) -> &[Quota] {
        &self.quotas[..self.len]
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = Span> + '_ {
        self.quotas().iter().map(|quota| quota.window)
    }

    /// The limits of one of its tuples.
    pub(super) fn quotas_of(&self, tuple: &Tuple<'_>) -> &[Quota] {
        &self.quotas[tuple.first..tuple.end]
    }
}

fn read<T, E: Display>(
    spec: &Spec,
    name: &str,
    text: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, Malformed> {
    read(text).map_err(|why| spec.malformed(format_args!("{name} {} {why}", Quoted(text))))
}
