//! The arguments of LW.RATELIMIT and LW.PEEK: `key limit window [limit window ...] [COST n]`, and
//! the options that only few calls of LW.RATELIMIT have.
//!
//! A call with such an option is returned as [`Unusual::Special`] in place of an error, so that the
//! ordinary path has no more to check.

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
use crate::window::verdict::Quota;

/// 2^53 - 1, the highest integer that every client language can hold.
pub(super) const MAX_LIMIT: u64 = (1 << 53) - 1;
pub(super) const MAX_COST: u64 = u32::MAX as u64;

const QUOTAS: Param =
    Param::block(c"quota", &[Param::integer(c"limit"), Param::string(c"window")]).repeated();
const COST: Param = Param::integer(c"cost").token(c"COST").shown(c"n").optional();

pub(super) const PEEK: &[Param] = &[Param::KEY, QUOTAS, COST];
pub(super) const RATELIMIT: &[Param] = &[
    Param::KEY,
    QUOTAS,
    COST,
    Param::word(c"FORCE", c"force").optional(),
    Param::word(c"WITHTIME", c"withtime").optional(),
];

/// Why [`Request::parse`] returns no ordinary request.
pub(super) enum Unusual {
    Refused(Refusal),
    Special(Box<Special>),
}

impl From<Refusal> for Unusual {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Malformed> for Unusual {
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

#[derive(Clone, Copy)]
pub(super) struct Request {
    pub cost: u64,
    quotas: [Quota; MAX_PAIRS],
    len: usize,
}

impl Request {
    /// Reads the arguments behind the key. `min_cost` is 1 for calls that record something, else 0.
    ///
    /// Most calls have pairs only. Those are read without the table.
    #[inline]
    pub(super) fn parse(spec: &'static Spec, mut args: Args<'_>, min_cost: u64) -> Result<Self, Unusual> {
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

    fn push(&mut self, spec: &Spec, limit: &[u8], window: Option<&[u8]>) -> Result<(), Malformed> {
        let Some(slot) = self.quotas.get_mut(self.len) else {
            return Err(spec.malformed(format_args!("more than {MAX_PAIRS} limit window pairs")));
        };
        let refuse =
            |name, text, why: &dyn Display| spec.malformed(format_args!("{name} {} {why}", Quoted(text)));
        slot.limit = number::within(0..=MAX_LIMIT)(limit).map_err(|why| refuse("limit", limit, &why))?;
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
    ) -> Result<(), Unusual> {
        let given = Given::options(spec.syntax(), iter::once(word).chain(rest).map(Arg::bytes))?;
        self.cost = given.optional("COST", number::within(min_cost..=MAX_COST))?.unwrap_or(1);
        let takes = |word| spec.syntax().option(word).is_some();
        let (force, with_time) =
            (takes(b"FORCE") && given.has("FORCE"), takes(b"WITHTIME") && given.has("WITHTIME"));
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
