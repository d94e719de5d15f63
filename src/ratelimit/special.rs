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
use crate::window::effect::Step;
use crate::window::native;
use crate::window::settings::WINDOW_MAX_ENTRIES;
use crate::window::value::Window;
use crate::window::verdict::Verdict;

use super::limit::Admission;
use super::request::{Request, Special};
use super::{counters, reply};

#[cold]
pub(super) fn run(call: &Call<'_>, name: &[u8], key: WriteKey<'_>, special: &Special) -> Result<(), Refusal> {
    let request = &special.request;
    let now = call.now();
    let verdict = if special.force {
        let after = |before, log: &Window| log.forced(&before, request.quotas(), now);
        let verdict = native::record(key, |log| decide_forced(log, request, now), after)?;
        counters::FORCED.count();
        verdict
    } else {
        let verdict = native::decide(key, &Admission { request, now })?;
        if !verdict.admitted {
            counters::DENIED.count();
            top::denied(call.database(), name, now, None);
        }
        verdict
    };
    counters::CALLS.count();
    let [limited, limit, remaining, retry_after, reset_after] = reply::integers(&verdict);
    if special.with_time {
        let recorded = special.force || verdict.admitted;
        let time = if recorded { reply::time(now) } else { 0 };
        call.reply_integers([limited, limit, remaining, retry_after, reset_after, time]);
    } else {
        call.reply_integers([limited, limit, remaining, retry_after, reset_after]);
    }
    Ok(())
}

/// The verdict before the units are recorded, and the step that records them.
fn decide_forced(log: &mut Window, request: &Request, now: Timestamp) -> (Verdict, Step) {
    log.advance(request.windows(), now);
    let before = log.judge(request.quotas(), request.cost, now);
    if log.newest() > now {
        counters::CLOCK_STEPS.count();
    }
    let step = Step {
        seq: log.next_seq(),
        at: now,
        units: request.cost,
        expires: None,
        max_entries: WINDOW_MAX_ENTRIES.get(),
        windows: request.owned_windows(),
        extra: (),
    };
    (before, step)
}
