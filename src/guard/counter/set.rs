//! Distinct values that were seen within the time `most` x `every`. A slice is in ascending order
//! of the values, so that its bytes don't depend on the order of calls in one millisecond.

use std::cmp::Reverse;
use std::mem;

use crate::text::time::{Span, Timestamp};

use super::limit;

/// A value's hash, and the time when it was last seen.
type Sighting = (u64, Timestamp);

/// Counts a sighting of `value`. Returns whether there are more than `most` values with it; then
/// it is not added.
pub(super) fn charge(
    values: &mut Box<[Sighting]>,
    most: u32,
    every: Span,
    value: u64,
    now: Timestamp,
) -> bool {
    let window = window(most, every);
    let is_kept = |sighting: &Sighting| sighting.1 <= now && is_recent(*sighting, window, now);
    if let Ok(place) = values.binary_search_by_key(&value, |sighting| sighting.0)
        && values.len() <= limit(most)
        && values.iter().all(is_kept)
    {
        // The usual call: nothing goes and nothing is added.
        values[place].1 = now;
        return false;
    }
    let mut kept = mem::take(values).into_vec();
    kept.retain(|sighting| is_recent(*sighting, window, now));
    for sighting in &mut kept {
        sighting.1 = sighting.1.min(now);
    }
    drop_oldest(&mut kept, limit(most));
    let place = kept.binary_search_by_key(&value, |sighting| sighting.0);
    let fires = place.is_err() && kept.len() >= limit(most);
    match place {
        Ok(place) => kept[place].1 = now,
        Err(place) if !fires => {
            kept.reserve_exact(1);
            kept.insert(place, (value, now));
        }
        Err(_) => {}
    }
    *values = kept.into_boxed_slice();
    fires
}

pub(super) fn forget(values: &mut Box<[Sighting]>, value: u64) {
    if let Ok(place) = values.binary_search_by_key(&value, |sighting| sighting.0) {
        let mut kept = mem::take(values).into_vec();
        kept.remove(place);
        *values = kept.into_boxed_slice();
    }
}

pub(super) fn ends(values: &[Sighting], most: u32, every: Span) -> Option<Timestamp> {
    let newest = values.iter().map(|sighting| sighting.1).max()?;
    Some(newest + window(most, every))
}

/// The number of values at `now`.
pub(super) fn units(values: &[Sighting], most: u32, every: Span, now: Timestamp) -> u32 {
    let window = window(most, every);
    let number = values.iter().filter(|sighting| is_recent(**sighting, window, now)).count();
    u32::try_from(number).unwrap_or(u32::MAX).min(most)
}

pub(super) fn is_sound(values: &[Sighting], most: u32) -> bool {
    let ascends = values.is_sorted_by(|one, next| one.0 < next.0);
    ascends && values.len() <= limit(most) && values.iter().all(|sighting| sighting.1 < Timestamp::NEVER)
}

/// Drops all but the `most` values that were seen last. There are more only after N was lowered.
fn drop_oldest(values: &mut Vec<Sighting>, most: usize) {
    if values.len() > most {
        values.sort_unstable_by_key(|(value, seen)| (Reverse(*seen), *value));
        values.truncate(most);
        values.sort_unstable();
    }
}

fn window(most: u32, every: Span) -> Span {
    Span(every.0.saturating_mul(most.into()))
}

fn is_recent(sighting: Sighting, window: Span, now: Timestamp) -> bool {
    now - sighting.1 < window
}
