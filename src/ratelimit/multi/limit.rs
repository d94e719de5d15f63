//! `LW.MRATELIMIT key limit window cost [key limit window cost ...]`
//!
//! Admits the call if every tuple does: the units admitted for its key in the trailing `window`
//! plus `cost` are at most `limit`. Then the cost is recorded once for each key; a denied call
//! records nothing. A tuple of cost 0 asks for one free unit and records none. Replies with
//! integers:
//!
//! 0. `limited`: 0 admitted, 1 denied
//! 1. `binding`: the index of the tuple that denied the call for longest, or, of an admitted call,
//!    of the tuple with the smallest part of its limit left
//! 2. `retry_after_ms`: 0 if admitted, else the exact time until this call would be admitted; -1
//!    for never
//! 3. `time_ms`: the time under which the units were recorded; 0 if none were
//! 4. `limit`, `remaining` and `reset_after_ms` of the first tuple, then of the second, and so on

use crate::policy::Outcome;
use crate::ratelimit::counters;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::time::Timestamp;
use crate::top;
use crate::window::effect::Step;
use crate::window::settings::WINDOW_MAX_ENTRIES;
use crate::window::several::{self, Opened};
use crate::window::value::Window;

use super::decide::{Decision, decide, step};
use super::reply;
use super::request::{ARGS, MAX_TUPLES, Request};

pub(crate) struct MRateLimit;

impl Command for MRateLimit {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.MRATELIMIT",
        flags: "write fast deny-oom",
        summary: c"Admits or denies a call under limits on several keys at once, and records it for all of them or for none.",
        complexity: c"O(T) amortised, with T the number of tuples, at most 16, whatever the limits. A denied call that has to wait for N entries to expire takes O(N).",
        args: ARGS,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut keys = Vec::with_capacity(MAX_TUPLES);
        let request = Request::parse(Self::SPEC, call.args(), |name| {
            let key = call.write(name);
            // Fetches the value into the cache while the next arguments are parsed.
            key.prefetch();
            keys.push(key);
        })?;
        let now = call.now();
        let (decision, recorded) = several::update(keys, |logs| judge(&request, logs, now))?;
        counters::MULTI_CALLS.count();
        if !decision.admitted {
            counters::MULTI_DENIED.count();
            let (key, policy) = request.names_of(decision.binding);
            top::denied(call.database(), key, now, policy);
        }
        count_policies(&request, &decision);
        reply::send(call, &decision, recorded.then_some(now));
        Ok(())
    }
}

/// Counts the call for the policy of each tuple.
fn count_policies(request: &Request<'_>, decision: &Decision) {
    for (tuple, room) in request.tuples.iter().zip(&decision.room) {
        let Some(policy) = &tuple.policy else { continue };
        policy.applied.count(match room {
            true => Outcome::Admitted,
            false if tuple.is_shadow() => Outcome::ShadowDenied,
            false => Outcome::Denied,
        });
    }
}

/// The decision, whether units are recorded, and the change of each key.
fn judge(
    request: &Request<'_>,
    logs: &mut [Opened<'_>],
    now: Timestamp,
) -> ((Decision, bool), Vec<Option<Step>>) {
    for (key, log) in request.keys.iter().zip(logs.iter_mut()) {
        log.advance(key.windows(), now);
    }
    let logs: Vec<Option<&Window>> = logs.iter().map(|log| Some(&**log)).collect();
    let decision = decide(request, &logs, now);
    let max_entries = WINDOW_MAX_ENTRIES.get();
    let keys = request.keys.iter().zip(logs.iter().flatten()).zip(&decision.recorded);
    let steps: Vec<Option<Step>> = keys
        .map(|((key, log), records)| {
            if log.newest() > now {
                counters::CLOCK_STEPS.count();
            }
            step(key, log, *records, now, max_entries)
        })
        .collect();
    let recorded = steps.iter().flatten().any(|step| step.units > 0);
    ((decision, recorded), steps)
}
