//! What one rule has counted for one subject. Pure: time is an argument, and all numbers are
//! integers, so that the same calls make the same bytes on every server.
//!
//! - [`bucket`]: `N leak d`.
//! - [`set`]: `N users|networks|values leak d`.
//! - [`times`]: `N gaps over d`.
//!
//! When the clock steps back, times later than `now` move to `now`. When a rules file changes the
//! form of a count, its counter starts anew. When it lowers N, the counter holds at most the new
//! N units.

mod bucket;
mod set;
mod times;

#[cfg(test)]
mod examples;
#[cfg(test)]
pub(super) mod oracle;
#[cfg(test)]
mod properties;

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::rule::{Count, MOST_DISTINCT, MOST_GAPS};
use set::Set;

/// By how much the numbers of an IPv6 /48 are higher than those of a /64.
pub(crate) const NETWORK_FACTOR: u32 = 4;

/// The longest time that a bucket takes to drain. A rules file allows ten years.
const MOST_FILL: Span = Span(Span::MAX.0 * NETWORK_FACTOR as u64);

/// The form depends on the rule's [`Count`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Counter {
    /// Nothing to remember: for a rule that fires on each event.
    None,
    /// A leaky bucket, by the time that it takes to drain from `when` on. Both are zero when it is
    /// empty.
    Bucket { fill: Span, when: Timestamp },
    /// Hashes of distinct values.
    Set(Box<Set>),
    /// Times of the last events in ascending order.
    Times(Box<[Timestamp]>),
}

impl Count {
    /// The same count with `factor` times the number N. What leaks in a time, and the bound of a
    /// gap, don't change.
    pub(crate) fn times(self, factor: u32) -> Self {
        match self {
            Self::Each => Self::Each,
            Self::Leak { most, every } => Self::Leak { most: most.saturating_mul(factor), every },
            Self::Distinct { most, of, every } => {
                Self::Distinct { most: most.saturating_mul(factor), of, every }
            }
            Self::Gaps { last, over } => Self::Gaps { last: last.saturating_mul(factor), over },
        }
    }

    /// Whether an event counts: a distinct count needs the hash of a value.
    pub(crate) fn takes(&self, value: Option<u64>) -> bool {
        value.is_some() || !matches!(self, Self::Distinct { .. })
    }
}

impl Counter {
    /// An empty counter.
    pub(crate) fn new(count: &Count) -> Self {
        match count {
            Count::Each => Self::None,
            Count::Leak { .. } => Self::Bucket { fill: Span(0), when: Timestamp(0) },
            Count::Distinct { .. } => Self::Set(Box::default()),
            Count::Gaps { .. } => Self::Times(Box::default()),
        }
    }

    /// Counts one event and returns whether the rule fires. After that the counter is empty.
    ///
    /// `value` is the hash of what a distinct count counts. Without it, nothing changes.
    pub(crate) fn charge(&mut self, count: &Count, value: Option<u64>, now: Timestamp) -> bool {
        if !count.takes(value) {
            return false;
        }
        if !self.matches(count) {
            *self = Self::new(count);
        }
        let fires = match (&mut *self, *count) {
            (Self::Bucket { fill, when }, Count::Leak { most, every }) => {
                bucket::charge((fill, when), most, every, now)
            }
            (Self::Set(set), Count::Distinct { most, every, .. }) => {
                value.is_some_and(|value| set.charge(most, every, value, now))
            }
            (Self::Times(times), Count::Gaps { last, over }) => times::charge(times, last, over, now),
            _ => true,
        };
        if fires {
            *self = Self::new(count);
        }
        fires
    }

    /// Takes one unit out of a bucket, or what is left of it. Other counters don't change.
    pub(crate) fn give_back(&mut self, count: &Count, now: Timestamp) {
        if let (Self::Bucket { fill, when }, Count::Leak { most, every }) = (self, *count) {
            bucket::give_back((fill, when), most, every, now);
        }
    }

    /// Forgets one distinct value, and takes its unit back. Other counters don't change.
    pub(crate) fn forget(&mut self, count: &Count, value: u64, now: Timestamp) {
        if let (Self::Set(set), Count::Distinct { most, every, .. }) = (self, *count) {
            set.forget(most, every, value, now);
        }
    }

    /// From this time on the counter behaves like an empty one. `None` if it is empty already.
    pub(crate) fn ends(&self, count: &Count) -> Option<Timestamp> {
        match (self, *count) {
            (Self::Bucket { fill, when }, Count::Leak { most, every }) => {
                bucket::ends(*fill, *when, most, every)
            }
            (Self::Set(set), Count::Distinct { most, every, .. }) => set.ends(most, every),
            (Self::Times(times), Count::Gaps { over, .. }) => times::ends(times, over),
            _ => None,
        }
    }

    /// How full it is at `now`, for eviction. 255: the next event can fire the rule.
    pub(crate) fn fill(&self, count: &Count, now: Timestamp) -> u8 {
        match (self, *count) {
            (Self::Bucket { fill, when }, Count::Leak { most, every }) => {
                bucket::share(*fill, *when, most, every, now)
            }
            (Self::Set(set), Count::Distinct { most, every, .. }) => set.share(most, every, now),
            (Self::Times(_), Count::Gaps { last, .. }) => share(self.units(count, now).into(), last.into()),
            _ => 0,
        }
    }

    /// The units that are counted at `now`: what is left in a bucket, rounded up, or events whose
    /// gaps count.
    pub(crate) fn units(&self, count: &Count, now: Timestamp) -> u32 {
        match (self, *count) {
            (Self::Bucket { fill, when }, Count::Leak { most, every }) => {
                bucket::units(*fill, *when, most, every, now)
            }
            (Self::Set(set), Count::Distinct { most, every, .. }) => set.units(most, every, now),
            (Self::Times(times), Count::Gaps { last, over }) => times::units(times, last, over, now),
            _ => 0,
        }
    }

    /// The bytes that it holds beside itself.
    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Self::None | Self::Bucket { .. } => 0,
            Self::Set(set) => size_of_val::<Set>(set) + set.heap_size(),
            Self::Times(times) => size_of_val::<[_]>(times),
        }
    }

    /// Whether calls can have made this counter. Values of files are checked by this.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::None => true,
            Self::Bucket { fill, when } => bucket::is_sound(*fill, *when),
            Self::Set(set) => set.is_sound(MOST_DISTINCT * NETWORK_FACTOR),
            Self::Times(times) => times::is_sound(times, MOST_GAPS * NETWORK_FACTOR),
        }
    }

    fn matches(&self, count: &Count) -> bool {
        matches!(
            (self, count),
            (Self::None, Count::Each)
                | (Self::Bucket { .. }, Count::Leak { .. })
                | (Self::Set(_), Count::Distinct { .. })
                | (Self::Times(_), Count::Gaps { .. })
        )
    }
}

/// `part` of `whole` in 255ths, rounded down.
fn share(part: u64, whole: u64) -> u8 {
    if part >= whole {
        return u8::MAX;
    }
    let share = match part.checked_mul(255) {
        Some(parts) => u128::from(parts / whole),
        None => u128::from(part) * 255 / u128::from(whole),
    };
    u8::try_from(share).unwrap_or(u8::MAX)
}

/// What fits in a slice of at most `most` entries.
fn limit(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}
