//! LW.RATELIMIT and LW.PEEK with `@policy` in place of limit window pairs. The key's subject
//! decides which limits of the policy apply.
//!
//! If the limits are in SHADOW, a call that they deny is counted and replied to as admitted, and
//! nothing is recorded.

use std::str;

use crate::policy::{self, Applied, Outcome};
use crate::server::args::Arg;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::server::spec::Spec;
use crate::text::time::Span;
use crate::top;
use crate::window::native;
use crate::window::value::Window;
use crate::window::verdict::{Verdict, Wait, judge_new};

use super::decision::Admission;
use super::request::{Options, POLICY_OR_PAIRS, Request};
use super::{counters, reply, special};

/// LW.RATELIMIT by the policy `name`.
#[inline(never)]
pub(super) fn limit(
    call: &Call<'_>,
    spec: &'static Spec,
    key: WriteKey<'_>,
    name: &[u8],
) -> Result<(), Refusal> {
    let (request, options, policy) = request(call, spec, name, 1)?;
    let now = call.now();
    let admission = Admission { request: &request, now, by_policy: true };
    let (verdict, outcome) = if options.force {
        let after = |before, log: &Window| log.forced(&before, request.quotas(), now);
        let verdict = native::record(key, |window| admission.force(window), after)?;
        counters::FORCED.count();
        (verdict, Outcome::Admitted)
    } else {
        let verdict = native::decide(key, &admission)?;
        let outcome = match verdict.admitted {
            true => Outcome::Admitted,
            false if policy.is_shadow() => Outcome::ShadowDenied,
            false => {
                counters::DENIED.count();
                let (key, _) = call.key_and_args();
                top::denied(call.database(), key.bytes(), now, str::from_utf8(name).ok());
                Outcome::Denied
            }
        };
        (verdict, outcome)
    };
    counters::CALLS.count();
    policy.count(outcome);
    let recorded = outcome == Outcome::Admitted;
    special::reply(call, &shown(verdict, &policy), options.with_time, recorded.then_some(now));
    Ok(())
}

/// LW.PEEK by the policy `name`.
pub(super) fn peek(call: &Call<'_>, spec: &'static Spec, name: &[u8]) -> Result<(), Refusal> {
    let (request, _, policy) = request(call, spec, name, 0)?;
    let now = call.now();
    let (key, _) = call.key_and_args();
    let key = call.read(key);
    let verdict = match key.value::<Window>()? {
        Some(window) => window.judge(request.quotas(), request.cost, now),
        None => judge_new(request.quotas(), request.cost, now),
    };
    counters::PEEKS.count();
    call.reply_integers(reply::integers(&shown(verdict, &policy)));
    Ok(())
}

/// The request and its options, with the limits that the policy `name` has for the call's key.
#[inline]
fn request(
    call: &Call<'_>,
    spec: &'static Spec,
    name: &[u8],
    min_cost: u64,
) -> Result<(Request, Options, Applied), Refusal> {
    let (key, mut args) = call.key_and_args();
    // The name of the policy.
    args.next();
    let options = match args.clone().next().map(Arg::bytes) {
        None => Options::NONE,
        Some([b'0'..=b'9' | b'@', ..]) => return Err(spec.malformed(POLICY_OR_PAIRS).into()),
        Some(_) => Options::read(spec, args, min_cost)?,
    };
    let policy = policy::find(name, key.bytes())?;
    Ok((Request::new(policy.quotas(), options.cost), options, policy))
}

/// The verdict that the caller sees.
fn shown(verdict: Verdict, policy: &Applied) -> Verdict {
    if policy.is_shadow() && !verdict.admitted {
        Verdict { admitted: true, retry_after: Wait::For(Span(0)), ..verdict }
    } else {
        verdict
    }
}
