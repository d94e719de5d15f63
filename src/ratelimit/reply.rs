//! The reply of LW.RATELIMIT and LW.PEEK: `[limited, limit, remaining, retry_after_ms,
//! reset_after_ms]`.

use crate::text::time::Timestamp;
use crate::window::verdict::{Verdict, Wait};

#[inline]
pub(super) fn integers(verdict: &Verdict) -> [i64; 5] {
    // Limits end at 2^53 and spans at ten years, so nothing saturates.
    let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    [
        i64::from(!verdict.admitted),
        integer(verdict.limit),
        integer(verdict.remaining),
        match verdict.retry_after {
            Wait::For(span) => integer(span.0),
            Wait::Never => -1,
        },
        integer(verdict.reset_after.0),
    ]
}

/// A time as an integer of a reply.
pub(super) fn time(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
