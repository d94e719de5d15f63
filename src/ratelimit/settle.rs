//! `LW.SETTLE key reserved actual AT ms`
//!
//! Corrects a call that recorded `reserved` units in the millisecond `ms` and really used `actual`.
//! What was too much goes back as with LW.REFUND. What was too little is recorded now, even beyond
//! the limits, under the windows that the key knows. A key that does not exist knows none, so
//! nothing is recorded. Replies with three integers:
//!
//! 0. `refunded`: the units that went back
//! 1. `recorded`: the units that were recorded in addition
//! 2. `time_ms`: the time under which they were recorded, 0 if none were
//!
//! Not idempotent.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::{Timestamp, unix_ms};
use crate::window::log::Log;
use crate::window::native::{self, Change};
use crate::window::settings::WINDOW_MAX_ENTRIES;

use super::refund::AT;
use super::request::MAX_COST;
use super::{counters, reply};

pub(crate) struct Settle;

impl Command for Settle {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.SETTLE",
        summary: c"Corrects the units of a rate limit that a call has reserved to those that it really used.",
        complexity: c"O(N) with N the entries of the key, at most `window-max-entries` and an eighth more.",
        args: &[Param::KEY, Param::integer(c"reserved"), Param::integer(c"actual"), AT],
        ..Spec::FAST_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let reserved = given.required("reserved", number::within(0..=MAX_COST))?;
        let actual = given.required("actual", number::within(0..=MAX_COST))?;
        let at = given.required("AT", unix_ms)?;
        let now = call.now();
        let change = |log: &Log| settle(log, reserved, actual, at, now);
        let settled: Settled = native::change(call.write(name), change)?;
        counters::SETTLES.count();
        let units = |units| i64::try_from(units).unwrap_or(i64::MAX);
        let time = if settled.recorded > 0 { reply::time(now) } else { 0 };
        call.reply_integers([units(settled.refunded), units(settled.recorded), time]);
        Ok(())
    }
}

/// What a call changes. One of the two is 0.
#[derive(Default)]
struct Settled {
    refunded: u64,
    recorded: u64,
}

fn settle(log: &Log, reserved: u64, actual: u64, at: Timestamp, now: Timestamp) -> (Settled, Option<Change>) {
    if let Some(too_little) = actual.checked_sub(reserved).filter(|units| *units > 0) {
        if log.newest() > now {
            counters::CLOCK_STEPS.count();
        }
        let step = log.excess(too_little, now, WINDOW_MAX_ENTRIES.get());
        let recorded = step.as_ref().map_or(0, |step| step.units);
        return (Settled { refunded: 0, recorded }, step.map(Change::Step));
    }
    let refund = log.refund(at, reserved - actual, now);
    let refunded = refund.map_or(0, |refund| refund.units);
    (Settled { refunded, recorded: 0 }, refund.map(Change::Refund))
}
