//! `LW.RATELIMIT key limit window [limit window ...] | @policy [COST n] [FORCE] [WITHTIME]`
//!
//! Admits the call if, for every pair, the units admitted in the trailing `window` plus `n`
//! (default 1) are at most `limit`. An admitted call is recorded, a denied one is not, unless FORCE
//! is given ([`special`]). Replies with five integers, or six with WITHTIME:
//!
//! 0. `limited`: 0 admitted, 1 denied
//! 1. `limit` of the binding pair
//! 2. `remaining` units of that pair
//! 3. `retry_after_ms`: 0 if admitted, else the exact time until this call would be admitted; -1
//!    for never
//! 4. `reset_after_ms`: the time until that pair's quota is completely free
//! 5. `time_ms`: the time under which the units were recorded, 0 if none were

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::top;
use crate::window::native;

use super::decision::Admission;
use super::request::{RATELIMIT, Request, Unusual};
use super::{by_policy, counters, reply, special};

pub(crate) struct RateLimit;

impl Command for RateLimit {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.RATELIMIT",
        flags: "write fast deny-oom",
        summary: c"Admits or denies a call under exact sliding-window limits, and records it if it is admitted.",
        complexity: c"O(P) amortised, with P the number of limit window pairs, whatever the limits. A denied call that has to wait for N entries to expire takes O(N).",
        args: RATELIMIT,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, args) = call.key_and_args();
        let key = call.write(name);
        // Fetches the value into the cache while the arguments are parsed.
        key.prefetch();
        let request = match Request::parse(Self::SPEC, args, 1) {
            Ok(request) => request,
            Err(Unusual::Refused(refusal)) => return Err(refusal),
            Err(Unusual::Special(call_of)) => return special::run(call, name.bytes(), key, &call_of),
            Err(Unusual::Policy(policy)) => return by_policy::limit(call, Self::SPEC, key, policy),
        };
        let now = call.now();
        let verdict = native::decide(key, &Admission { request: &request, now, by_policy: false })?;
        counters::CALLS.count();
        if !verdict.admitted {
            counters::DENIED.count();
            top::denied(call.database(), name.bytes(), now, None);
        }
        call.reply_integers(reply::integers(&verdict));
        Ok(())
    }
}
