//! The reply of LW.MRATELIMIT and LW.MPEEK: `[limited, binding, retry_after_ms, time_ms]`, then
//! `limit`, `remaining`, `reset_after_ms` for each tuple.

use crate::server::call::Call;
use crate::text::time::Timestamp;
use crate::window::verdict::Wait;

use super::decide::Decision;
use super::request::MAX_TUPLES;

const HEAD: usize = 4;
const EACH: usize = 3;

/// Replies with a decision. `recorded` is the time under which units were recorded, if any were.
pub(super) fn send(call: &Call<'_>, decision: &Decision, recorded: Option<Timestamp>) {
    // Limits end at 2^53 and spans at ten years, so nothing saturates.
    let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut values = [0; HEAD + EACH * MAX_TUPLES];
    values[..HEAD].copy_from_slice(&[
        i64::from(!decision.admitted),
        integer(decision.binding as u64),
        match decision.retry_after {
            Wait::For(span) => integer(span.0),
            Wait::Never => -1,
        },
        integer(recorded.map_or(0, |time| time.0)),
    ]);
    for (slot, verdict) in values[HEAD..].chunks_exact_mut(EACH).zip(&decision.tuples) {
        slot.copy_from_slice(&[verdict.limit, verdict.remaining, verdict.reset_after.0].map(integer));
    }
    call.reply_integer_slice(&values[..HEAD + EACH * decision.tuples.len()]);
}
