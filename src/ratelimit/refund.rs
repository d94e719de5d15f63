//! `LW.REFUND key units AT ms`
//!
//! Gives back up to `units` units of those that were recorded in the millisecond `ms`, which
//! `WITHTIME` of LW.RATELIMIT replies. Replies with the number of units that went back: 0 if the
//! key or the entry does not exist, or if the longest window of the key sees it no more. The key is
//! deleted with its last unit. Not idempotent.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::unix_ms;
use crate::window::log::Log;
use crate::window::native::{self, Change};

use super::counters;
use super::request::MAX_COST;

pub(crate) struct Refund;

pub(super) const AT: Param = Param::integer(c"ms").token(c"AT");

impl Command for Refund {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.REFUND",
        summary: c"Gives units of a rate limit back that were recorded in a given millisecond.",
        complexity: c"O(N) with N the entries of the key, at most `window-max-entries` and an eighth more.",
        args: &[Param::KEY, Param::integer(c"units"), AT],
        ..Spec::FAST_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let units = given.required("units", number::within(1..=MAX_COST))?;
        let at = given.required("AT", unix_ms)?;
        let now = call.now();
        let refunded = native::change(call.write(name), |log: &Log| {
            let refund = log.refund(at, units, now);
            (refund.map_or(0, |refund| refund.units), refund.map(Change::Refund))
        })?;
        counters::REFUNDS.count();
        call.reply_integer(refunded);
        Ok(())
    }
}
