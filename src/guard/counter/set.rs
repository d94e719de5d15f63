//! Distinct values in a leaky bucket: a value that was not seen within the time `most` x `every`
//! adds one unit. So at most 2 x `most` values are remembered: those of a full bucket, and those
//! that have leaked within that time.

use std::cmp::Reverse;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::{bucket, limit};

/// A value's hash, and the time when it was last seen.
type Sighting = (u64, Timestamp);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Set {
    /// The bucket: what is still to leak, as the time that takes, at `when`.
    fill: Span,
    when: Timestamp,
    /// In ascending order, so that the bytes don't depend on the order of calls in one
    /// millisecond.
    values: Box<[Sighting]>,
}

impl Set {
    #[cfg(test)]
    pub(super) fn new(fill: Span, when: Timestamp, values: impl Into<Box<[Sighting]>>) -> Box<Self> {
        Box::new(Self { fill, when, values: values.into() })
    }

    #[cfg(test)]
    pub(in crate::guard) fn values(&self) -> Vec<u64> {
        self.values.iter().map(|sighting| sighting.0).collect()
    }

    /// Counts a sighting of `value`. Returns whether the bucket has no room for it; then it is not
    /// added.
    pub(super) fn charge(&mut self, most: u32, every: Span, value: u64, now: Timestamp) -> bool {
        let window = window(most, every);
        let is_kept = |sighting: &Sighting| sighting.1 <= now && is_recent(*sighting, window, now);
        let place = self.values.binary_search_by_key(&value, |sighting| sighting.0).ok();
        if let Some(place) = place.filter(|_| self.values.iter().all(is_kept)) {
            // The usual call: nothing goes and nothing is added.
            self.values[place].1 = now;
            return false;
        }
        let mut kept = mem::take(&mut self.values).into_vec();
        kept.retain(|sighting| is_recent(*sighting, window, now));
        for sighting in &mut kept {
            sighting.1 = sighting.1.min(now);
        }
        let place = kept.binary_search_by_key(&value, |sighting| sighting.0);
        let fires = match place {
            Ok(place) => {
                kept[place].1 = now;
                false
            }
            Err(_) if bucket::charge((&mut self.fill, &mut self.when), most, every, now) => true,
            Err(place) => {
                kept.reserve_exact(1);
                kept.insert(place, (value, now));
                false
            }
        };
        drop_oldest(&mut kept, limit(most).saturating_mul(2));
        self.values = kept.into_boxed_slice();
        fires
    }

    /// Forgets a value, and takes its unit out of the bucket. The unit of one that was seen too long
    /// ago has leaked.
    pub(super) fn forget(&mut self, most: u32, every: Span, value: u64, now: Timestamp) {
        if let Ok(place) = self.values.binary_search_by_key(&value, |sighting| sighting.0) {
            let mut kept = mem::take(&mut self.values).into_vec();
            let sighting = kept.remove(place);
            self.values = kept.into_boxed_slice();
            if is_recent(sighting, window(most, every), now) {
                bucket::give_back((&mut self.fill, &mut self.when), most, every, now);
            }
        }
    }

    pub(super) fn ends(&self, most: u32, every: Span) -> Option<Timestamp> {
        let newest = self.values.iter().map(|sighting| sighting.1).max();
        let forgotten = newest.map(|newest| newest + window(most, every));
        forgotten.max(bucket::ends(self.fill, self.when, most, every))
    }

    /// The units in the bucket at `now`.
    pub(super) fn units(&self, most: u32, every: Span, now: Timestamp) -> u32 {
        bucket::units(self.fill, self.when, most, every, now)
    }

    pub(super) fn share(&self, most: u32, every: Span, now: Timestamp) -> u8 {
        bucket::share(self.fill, self.when, most, every, now)
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of_val::<[_]>(&self.values)
    }

    pub(super) fn is_sound(&self, most: u32) -> bool {
        let values = &self.values;
        let ascends = values.is_sorted_by(|one, next| one.0 < next.0);
        bucket::is_sound(self.fill, self.when)
            && ascends
            && values.len() <= limit(most) * 2
            && values.iter().all(|sighting| sighting.1 < Timestamp::NEVER)
    }
}

/// Drops all but the `most` values that were seen last. There are more only after N was lowered, or
/// in a file.
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
