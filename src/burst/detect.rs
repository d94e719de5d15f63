//! `LW.BURST key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m] [AGENT ua]`
//!
//! Counts the call and reports whether the trailing `window` has at least `threshold` calls. It
//! never denies. Replies with three integers:
//!
//! 0. `burst`: 1 if it has, else 0
//! 1. `count`: the calls in the window, including this one
//! 2. `alerted`: 1 if this call raised an alert, else 0
//!
//! A burst raises an alert, and then no further one on the same key for the cooldown `d` (default
//! 60 s). The alert repeats the caller's details of the request: address, path, method, user agent.

use crate::alert::raise;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::time::Timestamp;
use crate::window::effect::Step;
use crate::window::log::Log;
use crate::window::native;
use crate::window::settings::WINDOW_MAX_ENTRIES;

use super::cooldown::Cooldown;
use super::decision::{Verdict, Watch, decide};
use super::request::{ARGS, Request};
use super::{counters, data};

pub(crate) struct Burst;

impl Command for Burst {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.BURST",
        flags: "write fast deny-oom",
        summary: c"Counts a call, tells whether the calls in the trailing window are a burst, and raises an alert once per cooldown.",
        complexity: c"O(1) amortised, whatever the threshold.",
        args: ARGS,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let key = call.write(name);
        // Fetches the value into the cache while the arguments are parsed.
        key.prefetch();
        let Request { watch, context } = Request::parse(call, Self::SPEC)?;
        let now = call.now();
        let verdict = native::update::<Cooldown, _>(key, |log| count(log, &watch, now))?;
        if let Some(alert) = verdict.alert {
            counters::ALERTS.count();
            let data = data::json(name.bytes(), &watch, &context, &verdict, alert);
            raise::own(call, now, "burst", &data);
        }
        counters::CALLS.count();
        if verdict.burst {
            counters::BURSTS.count();
        }
        let counted = i64::try_from(verdict.count).unwrap_or(i64::MAX);
        call.reply_integers([i64::from(verdict.burst), counted, i64::from(verdict.alert.is_some())]);
        Ok(())
    }
}

/// The verdict, and the change that every call makes.
#[inline]
fn count(log: &mut Log<Cooldown>, watch: &Watch, now: Timestamp) -> (Verdict, Option<Step<Cooldown>>) {
    if log.newest() > now {
        counters::CLOCK_STEPS.count();
    }
    let (verdict, step) = decide(log, watch, now, WINDOW_MAX_ENTRIES.get());
    (verdict, Some(step))
}
