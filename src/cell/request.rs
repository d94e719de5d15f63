//! The arguments of CL.THROTTLE: `key max_burst count period [quantity]`.

use std::ops::RangeInclusive;

use crate::server::args::{Arg, Args};
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::options::Malformed;
use crate::text::quoted::Quoted;
use crate::text::syntax::Param;

use super::gcra::{Rate, Unusable};

const MOST: i64 = 1 << 31;

pub(super) const ARGS: &[Param] = &[
    Param::KEY,
    Param::integer(c"max_burst"),
    Param::integer(c"count"),
    Param::integer(c"period"),
    Param::integer(c"quantity").optional(),
];

pub(super) struct Request {
    pub rate: Rate,
    /// The time of the call's units in nanoseconds.
    pub increment: i64,
}

impl Request {
    /// Reads the arguments behind the key.
    #[inline]
    pub(super) fn parse(spec: &Spec, mut args: Args<'_>) -> Result<Self, Refusal> {
        let max_burst = required(spec, "max_burst", args.next(), 0..=MOST)?;
        let count = required(spec, "count", args.next(), 1..=i64::MAX)?;
        let period = required(spec, "period", args.next(), 1..=i64::MAX)?;
        let quantity = match args.next() {
            Some(text) => integer(spec, "quantity", text, -MOST..=MOST)?,
            None => 1,
        };
        if args.next().is_some() {
            return Err(spec.malformed("there are too many arguments").into());
        }
        let rate = Rate::new(max_burst, count, period).map_err(|why| unusable(spec, why))?;
        let increment = rate.increment(quantity).map_err(|why| unusable(spec, why))?;
        Ok(Self { rate, increment })
    }
}

fn required(
    spec: &Spec,
    name: &str,
    arg: Option<Arg<'_>>,
    range: RangeInclusive<i64>,
) -> Result<i64, Malformed> {
    // The server checks the arity.
    let arg = arg.ok_or_else(|| spec.malformed(format_args!("{name} is missing")))?;
    integer(spec, name, arg, range)
}

/// Reads an integer as redis-cell does, which allows a plus sign and leading zeros.
#[inline]
fn integer(spec: &Spec, name: &str, arg: Arg<'_>, range: RangeInclusive<i64>) -> Result<i64, Malformed> {
    let text = arg.bytes();
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    value.filter(|value| range.contains(value)).ok_or_else(|| {
        spec.malformed(format_args!(
            "{name} {} is not an integer from {} to {}",
            Quoted(text),
            range.start(),
            range.end()
        ))
    })
}

#[cold]
fn unusable(spec: &Spec, why: Unusable) -> Malformed {
    spec.malformed(match why {
        Unusable::TooFast => "count is more than one unit in a nanosecond of period",
        Unusable::TooLong => {
            "max_burst + 1 or quantity units, at count in a period, take longer than 2^63 nanoseconds (292 years)"
        }
    })
}
