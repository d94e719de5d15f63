//! The arguments that LW.RATELIMIT and LW.PEEK share: `key limit window [limit window ...] [COST n]`.

use std::fmt::{self, Display};

use crate::server::args::{Arg, Args};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::duration;
use crate::text::number;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;
use crate::text::time::Span;
use crate::window::effect::Windows;
use crate::window::log::MAX_PAIRS;
use crate::window::verdict::Quota;

/// The highest limit: 2^53 - 1, the highest integer that every client language can hold.
pub const MAX_LIMIT: u64 = (1 << 53) - 1;

/// The highest cost: 2^32 - 1.
pub const MAX_COST: u64 = u32::MAX as u64;

/// The arguments as COMMAND DOCS shows them.
pub const DOC: &[DocArg] = &[
    DocArg::new(c"key", DocKind::Key),
    DocArg {
        repeated: true,
        parts: &[DocArg::new(c"limit", DocKind::Integer), DocArg::new(c"window", DocKind::String)],
        ..DocArg::new(c"quota", DocKind::Block)
    },
    DocArg { token: Some(c"COST"), optional: true, ..DocArg::new(c"cost", DocKind::Integer) },
];

/// A call's arguments, checked.
pub struct Request {
    /// The units it asks for.
    pub cost: u64,
    quotas: [Quota; MAX_PAIRS],
    len: usize,
}

impl Request {
    /// Reads the arguments behind the key; `min_cost` is 1 where the call records something, else 0.
    #[inline]
    pub fn parse(command: &'static str, mut args: Args<'_>, min_cost: u64) -> Result<Self, Refusal> {
        let refuse = |why| Refusal::malformed(Misuse { why, command });
        let mut request = Self { cost: 1, quotas: [Quota::default(); MAX_PAIRS], len: 0 };
        let mut cost = None;
        while let Some(arg) = args.next() {
            let word = arg.bytes();
            if word.first().is_some_and(u8::is_ascii_digit) && cost.is_none() {
                request.push(word, args.next().map(Arg::bytes)).map_err(refuse)?;
            } else if word.eq_ignore_ascii_case(b"COST") {
                if cost.is_some() {
                    return Err(refuse(Why::CostTwice));
                }
                let value = args.next().ok_or_else(|| refuse(Why::CostMissing))?.bytes();
                let units = number::argument("cost", value, min_cost..=MAX_COST);
                cost = Some(units.map_err(|cost| refuse(Why::Cost(cost)))?);
            } else if cost.is_some() {
                return Err(refuse(Why::AfterOption(word)));
            } else if request.len > 0 && word.first().is_some_and(u8::is_ascii_alphabetic) {
                return Err(refuse(Why::UnknownOption(UnknownOption { word, options: &["COST"] })));
            } else {
                request.push(word, args.next().map(Arg::bytes)).map_err(refuse)?;
            }
        }
        if request.len == 0 {
            return Err(refuse(Why::NoQuota));
        }
        request.cost = cost.unwrap_or(1);
        Ok(request)
    }

    fn push<'a>(&mut self, limit: &'a [u8], window: Option<&'a [u8]>) -> Result<(), Why<'a>> {
        let slot = self.quotas.get_mut(self.len).ok_or(Why::TooManyQuotas)?;
        let limit_value =
            number::unsigned(limit).filter(|limit| *limit <= MAX_LIMIT).ok_or(Why::Limit(limit))?;
        let window = window.ok_or(Why::NoWindow(limit))?;
        let window = duration::argument("window", window).map_err(Why::Window)?;
        *slot = Quota { limit: limit_value, window };
        self.len += 1;
        Ok(())
    }

    /// The (limit, window) pairs in the call's order: one to [`MAX_PAIRS`].
    #[inline]
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas[..self.len]
    }

    /// Their windows.
    #[inline]
    pub fn windows(&self) -> impl Iterator<Item = Span> + '_ {
        self.quotas().iter().map(|quota| quota.window)
    }

    /// Their windows, to be kept.
    #[inline]
    pub fn owned_windows(&self) -> Windows {
        Windows::new(self.windows())
    }
}

/// A malformed call: what is wrong, and the syntax.
struct Misuse<'a> {
    why: Why<'a>,
    command: &'static str,
}

/// What is wrong with a call.
enum Why<'a> {
    /// There is no (limit, window) pair.
    NoQuota,
    /// There are more than eight.
    TooManyQuotas,
    /// A limit is not an integer from 0 to 2^53 - 1.
    Limit(&'a [u8]),
    /// The last limit has no window.
    NoWindow(&'a [u8]),
    /// A window is not a duration, or out of range.
    Window(duration::Misread<'a>),
    /// COST has no value.
    CostMissing,
    /// COST stands twice.
    CostTwice,
    /// The cost is not an integer in its range.
    Cost(number::Misread<'a>),
    /// Something stands behind the options.
    AfterOption(&'a [u8]),
    /// A word that is no option.
    UnknownOption(UnknownOption<'a>),
}

impl Display for Misuse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::NoQuota => f.write_str("limit and window are missing")?,
            Why::TooManyQuotas => write!(f, "more than {MAX_PAIRS} limit window pairs")?,
            Why::Limit(text) if number::unsigned(text).is_some() => {
                write!(f, "limit {} is above {MAX_LIMIT}", Quoted(text))?;
            }
            Why::Limit(text) => write!(f, "limit {} is not an integer from 0 to {MAX_LIMIT}", Quoted(text))?,
            Why::NoWindow(limit) => write!(f, "limit {} has no window", Quoted(limit))?,
            Why::Window(window) => window.fmt(f)?,
            Why::CostMissing => f.write_str("COST has no value")?,
            Why::CostTwice => f.write_str("COST is given twice")?,
            Why::Cost(cost) => cost.fmt(f)?,
            Why::AfterOption(text) => write!(f, "{} stands behind the options", Quoted(text))?,
            Why::UnknownOption(option) => option.fmt(f)?,
        }
        write!(f, ": {} key limit window [limit window ...] [COST n]", self.command)
    }
}
