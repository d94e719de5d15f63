//! LW.RATELIMIT with options that only few calls have, off the ordinary path.
//!
//! FORCE records the units even if a limit denies the call. `limited` tells whether the call would
//! have been denied before that; the other integers describe the state after it, with
//! `retry_after_ms` as the time until one unit more would be admitted. WITHTIME adds a sixth
//! integer: the time under which the units were recorded, 0 if none were.

use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::text::time::Timestamp;
use crate::top;
use crate::window::native;
use crate::window::value::Window;
use crate::window::verdict::Verdict;

use super::decision::Admission;
use super::request::Special;
use super::{counters, reply};

#[cold]
pub(super) fn run(call: &Call<'_>, name: &[u8], key: WriteKey<'_>, special: &Special) -> Result<(), Refusal> {
    let request = &special.request;
    let now = call.now();
    let admission = Admission { request, now, by_policy: false };
    let verdict = if special.force {
        let after = |before, log: &Window| log.forced(&before, request.quotas(), now);
        let verdict = native::record(key, |log| admission.force(log), after)?;
        counters::FORCED.count();
        verdict
    } else {
        let verdict = native::decide(key, &admission)?;
        if !verdict.admitted {
            counters::DENIED.count();
            top::denied(call.database(), name, now, None);
        }
        verdict
    };
    counters::CALLS.count();
    let recorded = special.force || verdict.admitted;
    reply(call, &verdict, special.with_time, recorded.then_some(now));
    Ok(())
}

/// Replies with the verdict, and with the time under which the units were recorded if the caller
/// wants it.
pub(super) fn reply(call: &Call<'_>, verdict: &Verdict, with_time: bool, recorded: Option<Timestamp>) {
    let integers = reply::integers(verdict);
    if with_time {
        let [limited, limit, remaining, retry_after, reset_after] = integers;
        let time = recorded.map_or(0, reply::time);
        call.reply_integers([limited, limit, remaining, retry_after, reset_after, time]);
    } else {
        call.reply_integers(integers);
    }
}
