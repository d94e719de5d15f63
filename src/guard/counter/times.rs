//! Times of events, for the median of the last `last` gaps between them. A slow attack has long
//! gaps. After a gap longer than [`IDLE`] x `over` the events before it count no longer: so a
//! subject that comes back after a long time is no attack, and what is kept of it has an end.

use std::mem;

use crate::text::time::{Span, Timestamp};

use super::limit;

/// CrowdSec's scenarios forget a subject after 12 times the bound of their median.
const IDLE: u64 = 12;

/// Counts an event. Returns whether the median of `last` gaps, of which the last one ends now,
/// exceeds `over`. Keeps the `last` newest times, since the next event ends the next gap.
pub(super) fn charge(times: &mut Box<[Timestamp]>, last: u32, over: Span, now: Timestamp) -> bool {
    let mut kept = mem::take(times).into_vec();
    for time in &mut kept {
        *time = (*time).min(now);
    }
    if is_over(&kept, over, now) {
        kept.clear();
    }
    kept.reserve_exact(1);
    kept.push(now);
    let fires = kept.len() > limit(last) && median_exceeds(&kept[kept.len() - 1 - limit(last)..], over);
    kept.drain(..kept.len().saturating_sub(limit(last)));
    *times = kept.into_boxed_slice();
    fires
}

pub(super) fn ends(times: &[Timestamp], over: Span) -> Option<Timestamp> {
    Some(*times.last()? + idle(over) + Span(1))
}

/// The number of events at `now` whose gaps count.
pub(super) fn units(times: &[Timestamp], last: u32, over: Span, now: Timestamp) -> u32 {
    if is_over(times, over, now) {
        return 0;
    }
    u32::try_from(times.len()).unwrap_or(u32::MAX).min(last)
}

pub(super) fn is_sound(times: &[Timestamp], most: u32) -> bool {
    times.is_sorted()
        && times.len() <= limit(most)
        && times.last().is_none_or(|last| *last < Timestamp::NEVER)
}

fn idle(over: Span) -> Span {
    Span(over.0.saturating_mul(IDLE))
}

fn is_over(times: &[Timestamp], over: Span, now: Timestamp) -> bool {
    times.last().is_some_and(|last| now - *last > idle(over))
}

/// The median of an even number of gaps is the mean of the middle two. Compares twice the median
/// with twice the bound, so that nothing is rounded.
fn median_exceeds(times: &[Timestamp], over: Span) -> bool {
    let mut gaps: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]).0).collect();
    gaps.sort_unstable();
    let Some(highest) = gaps.len().checked_sub(1) else { return false };
    let twice = u128::from(gaps[highest / 2]) + u128::from(gaps[gaps.len() / 2]);
    twice > 2 * u128::from(over.0)
}
