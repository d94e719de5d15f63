//! The arguments of LW.RATELIMIT and LW.PEEK: `key limit window [limit window ...] [COST n]`,
//! `@policy` in place of the limits, and the options that only few calls of LW.RATELIMIT have.
//!
//! A call with such an option or a policy is returned as [`Unusual::Special`] in place of an error,
//! so that the ordinary path has no more to check.

use std::fmt::Display;
use std::iter;

use crate::server::args::{Arg, Args};
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::number;
use crate::text::options::{Given, Malformed};
use crate::text::quoted::Quoted;
use crate::text::syntax::Param;
use crate::text::time::Span;
use crate::window::effect::Windows;
use crate::window::log::MAX_PAIRS;
use crate::window::verdict::{MAX_LIMIT, Quota};

pub(super) const MAX_COST: u64 = u32::MAX as u64;

const QUOTAS: Param = Param::one_of(
    c"quotas",
    &[
        Param::block(c"quota", &[Param::integer(c"limit"), Param::string(c"window")]).repeated(),
        Param::string(c"policy").shown(c"@policy"),
    ],
);
const COST: Param = Param::integer(c"cost").token(c"COST").shown(c"n").optional();

pub(super) const PEEK: &[Param] = &[Param::KEY, QUOTAS, COST];
pub(super) const RATELIMIT: &[Param] = &[
    Param::KEY,
    QUOTAS,
    COST,
    Param::word(c"FORCE", c"force").optional(),
    Param::word(c"WITHTIME", c"withtime").optional(),
];

/// The error of a call that names a policy and gives limits too.
pub(super) const POLICY_OR_PAIRS: &str = "a call has either limit window pairs or one @policy";

/// Why [`Request::parse`] returns no ordinary request.
pub(super) enum Unusual<'a> {
    Refused(Refusal),
    Special(Box<Special>),
    /// In place of limits, the call names a policy, whose name this is.
    Policy(&'a [u8]),
}

impl From<Refusal> for Unusual<'_> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Malformed> for Unusual<'_> {
    fn from(malformed: Malformed) -> Self {
        Self::Refused(malformed.into())
    }
}

/// A call with options that only few calls have.
pub(super) struct Special {
    pub request: Request,
    /// Record the units even if a limit denies the call.
    pub force: bool,
    /// Reply with the time under which the units were recorded.
    pub with_time: bool,
}

/// The options of a call.
pub(super) struct Options {
    pub cost: u64,
    /// See [`Special`].
    pub force: bool,
    pub with_time: bool,
}

impl Options {
    pub(super) const NONE: Self = Self { cost: 1, force: false, with_time: false };

    pub(super) fn read<'a>(
        spec: &Spec,
        words: impl Iterator<Item = Arg<'a>>,
        min_cost: u64,
    ) -> Result<Self, Malformed> {
        let given = Given::options(spec.syntax(), words.map(Arg::bytes))?;
        let cost = given.optional("COST", number::within(min_cost..=MAX_COST))?.unwrap_or(1);
        let has = |label: &'static str| spec.syntax().option(label.as_bytes()).is_some() && given.has(label);
        Ok(Self { cost, force: has("FORCE"), with_time: has("WITHTIME") })
    }
}

#[derive(Clone, Copy)]
pub(super) struct Request {
    pub cost: u64,
    quotas: [Quota; MAX_PAIRS],
    len: usize,
}

impl Request {
    /// A request with the limits of a policy: the first [`MAX_PAIRS`] of `of_policy`.
    #[inline]
    pub(super) fn new(of_policy: &[Quota], cost: u64) -> Self {
        let len = of_policy.len().min(MAX_PAIRS);
        let mut quotas = [Quota::default(); MAX_PAIRS];
        quotas[..len].copy_from_slice(&of_policy[..len]);
        Self { cost, quotas, len }
    }

    /// Reads the arguments behind the key. `min_cost` is 1 for calls that record something, else 0.
    ///
    /// Most calls have pairs only. Those are read without the table.
    #[inline]
    pub(super) fn parse<'a>(
        spec: &'static Spec,
        mut args: Args<'a>,
        min_cost: u64,
    ) -> Result<Self, Unusual<'a>> {
        let mut request = Self { cost: 1, quotas: [Quota::default(); MAX_PAIRS], len: 0 };
        while let Some(arg) = args.next() {
            let word = arg.bytes();
            // The first word must be a limit, unless it is an option.
            if word.first().is_some_and(u8::is_ascii_alphabetic)
                && (request.len > 0 || spec.syntax().option(word).is_some())
            {
                request.read_options(spec, arg, args, min_cost)?;
                break;
            }
            request.push(spec, word, args.next().map(Arg::bytes))?;
        }
        if request.len == 0 {
            return Err(spec.malformed("limit and window are missing").into());
        }
        Ok(request)
    }

    fn push<'a>(&mut self, spec: &Spec, limit: &'a [u8], window: Option<&[u8]>) -> Result<(), Unusual<'a>> {
        let is_first = self.len == 0;
        let Some(slot) = self.quotas.get_mut(self.len) else {
            return Err(spec.malformed(format_args!("more than {MAX_PAIRS} limit window pairs")).into());
        };
        let refuse =
            |name, text, why: &dyn Display| spec.malformed(format_args!("{name} {} {why}", Quoted(text)));
        slot.limit = number::within(0..=MAX_LIMIT)(limit).map_err(|why| match limit {
            [b'@', name @ ..] if is_first => Unusual::Policy(name),
            [b'@', ..] => spec.malformed(POLICY_OR_PAIRS).into(),
            _ => refuse("limit", limit, &why).into(),
        })?;
        let window = window.ok_or_else(|| refuse("limit", limit, &"has no window"))?;
        slot.window = duration::parse(window).map_err(|why| refuse("window", window, &why))?;
        self.len += 1;
        Ok(())
    }

    /// Reads the options from `word` on.
    #[cold]
    fn read_options(
        &mut self,
        spec: &Spec,
        word: Arg<'_>,
        rest: Args<'_>,
        min_cost: u64,
    ) -> Result<(), Unusual<'static>> {
        let Options { cost, force, with_time } = Options::read(spec, iter::once(word).chain(rest), min_cost)?;
        self.cost = cost;
        if self.len > 0 && (force || with_time) {
            return Err(Unusual::Special(Box::new(Special { request: *self, force, with_time })));
        }
        Ok(())
    }

    /// The pairs in the call's order: one to [`MAX_PAIRS`].
    #[inline]
    pub(super) fn quotas(&self) -> &[Quota] {
        &self.quotas[..self.len]
    }

    #[inline]
    pub(super) fn windows(&self) -> impl Iterator<Item = Span> + '_ {
        self.quotas().iter().map(|quota| quota.window)
    }

    #[inline]
    pub(super) fn owned_windows(&self) -> Windows {
        Windows::new(self.windows())
    }
}
