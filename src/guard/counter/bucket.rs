//! A leaky bucket of `most` units. One unit is the time `every`, in which it leaks: so a bucket is
//! the time that it takes to drain, and drains one millisecond a millisecond.

use crate::text::time::{Span, Timestamp};

use super::{MOST_FILL, share as share_of};

/// Adds one unit, if it has room for one. Returns whether it has not.
pub(super) fn charge(bucket: (&mut Span, &mut Timestamp), most: u32, every: Span, now: Timestamp) -> bool {
    let left = left(*bucket.0, *bucket.1, most, every, now);
    let fires = exceeds(left, most, every);
    if !fires {
        set(bucket, Span(left.0 + every.0), now);
    }
    fires
}

pub(super) fn give_back(bucket: (&mut Span, &mut Timestamp), most: u32, every: Span, now: Timestamp) {
    let left = left(*bucket.0, *bucket.1, most, every, now);
    set(bucket, Span(left.0.saturating_sub(every.0)), now);
}

pub(super) fn ends(fill: Span, when: Timestamp, most: u32, every: Span) -> Option<Timestamp> {
    let fill = fill.min(capacity(most, every));
    (fill > Span(0)).then(|| when + fill)
}

pub(super) fn share(fill: Span, when: Timestamp, most: u32, every: Span, now: Timestamp) -> u8 {
    let left = left(fill, when, most, every, now);
    if exceeds(left, most, every) {
        return u8::MAX;
    }
    share_of(left.0, capacity(most, every).0)
}

/// The units in the bucket at `now`; the one that is leaking counts.
pub(super) fn units(fill: Span, when: Timestamp, most: u32, every: Span, now: Timestamp) -> u32 {
    let left = left(fill, when, most, every, now);
    u32::try_from(left.0.div_ceil(every.0.max(1))).unwrap_or(u32::MAX)
}

pub(super) fn is_sound(fill: Span, when: Timestamp) -> bool {
    let is_canonical = fill > Span(0) || when == Timestamp(0);
    fill <= MOST_FILL && when < Timestamp::NEVER && is_canonical
}

/// The time that a full bucket takes to drain.
fn capacity(most: u32, every: Span) -> Span {
    Span(every.0.saturating_mul(most.into())).min(MOST_FILL)
}

/// Whether one unit more exceeds the capacity.
fn exceeds(left: Span, most: u32, every: Span) -> bool {
    left.0.saturating_add(every.0) > capacity(most, every).0
}

/// What has not leaked at `now`. If the clock has stepped back, nothing has leaked.
fn left(fill: Span, when: Timestamp, most: u32, every: Span, now: Timestamp) -> Span {
    Span(fill.min(capacity(most, every)).0.saturating_sub((now - when).0))
}

fn set((fill, when): (&mut Span, &mut Timestamp), left: Span, now: Timestamp) {
    *fill = left;
    *when = if left > Span(0) { now } else { Timestamp(0) };
}
