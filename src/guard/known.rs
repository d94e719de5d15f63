//! The networks and devices from which a user has logged in.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

/// How many networks, and how many devices, are remembered for a user.
const MOST: usize = 8;
/// How long they are remembered after their last use.
const LASTS: Span = Span(90 * 86_400_000);

/// The known networks and devices of a user, as hashes with their last use, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    networks: Box<[Mark]>,
    devices: Box<[Mark]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    hash: u64,
    used: Timestamp,
}

impl Known {
    pub(crate) fn has_network(&self, hash: u64, now: Timestamp) -> bool {
        has(&self.networks, hash, now)
    }

    pub(crate) fn has_device(&self, hash: u64, now: Timestamp) -> bool {
        has(&self.devices, hash, now)
    }

    pub(crate) fn remember_network(&mut self, hash: u64, now: Timestamp) {
        remember(&mut self.networks, hash, now);
    }

    pub(crate) fn remember_device(&mut self, hash: u64, now: Timestamp) {
        remember(&mut self.devices, hash, now);
    }

    /// The numbers of networks and devices that are remembered at `now`.
    pub(crate) fn counts(&self, now: Timestamp) -> (usize, usize) {
        let live = |marks: &[Mark]| marks.iter().filter(|mark| now < mark.used + LASTS).count();
        (live(&self.networks), live(&self.devices))
    }

    /// The last use of any of them.
    pub(crate) fn used(&self) -> Timestamp {
        let newest = |marks: &[Mark]| marks.first().map_or(Timestamp(0), |mark| mark.used);
        newest(&self.networks).max(newest(&self.devices))
    }

    /// When the last of them is forgotten.
    pub(crate) fn ends(&self) -> Timestamp {
        self.used() + LASTS
    }

    pub(crate) fn heap_size(&self) -> usize {
        let size = |marks: &[Mark]| if marks.is_empty() { 0 } else { size_of_val(marks) + super::ALLOCATOR };
        size(&self.networks) + size(&self.devices)
    }

    /// Whether it can be a value of ours: bounded, newest first, without duplicates.
    pub(crate) fn is_sound(&self) -> bool {
        let is_sound = |marks: &[Mark]| {
            let newest_first = marks.is_sorted_by(|a, b| a.used >= b.used);
            let mut hashes: Vec<_> = marks.iter().map(|mark| mark.hash).collect();
            hashes.sort_unstable();
            let distinct = hashes.windows(2).all(|pair| pair[0] != pair[1]);
            marks.len() <= MOST && newest_first && distinct && marks.iter().all(|m| m.used < Timestamp::NEVER)
        };
        let is_empty = self.networks.is_empty() && self.devices.is_empty();
        !is_empty && is_sound(&self.networks) && is_sound(&self.devices)
    }
}

fn has(marks: &[Mark], hash: u64, now: Timestamp) -> bool {
    marks.iter().any(|mark| mark.hash == hash && now < mark.used + LASTS)
}

/// Puts `hash` in front. Uses that are later than `now` move to now.
fn remember(marks: &mut Box<[Mark]>, hash: u64, now: Timestamp) {
    let others = marks.iter().filter(|mark| mark.hash != hash && now < mark.used + LASTS);
    let others = others.map(|mark| Mark { used: mark.used.min(now), ..*mark });
    *marks = std::iter::once(Mark { hash, used: now }).chain(others).take(MOST).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_newest_are_remembered_for_ninety_days() {
        let mut known = Known::default();
        let day = 86_400_000;
        for n in 0..10 {
            known.remember_network(n, Timestamp(n * day));
        }
        let now = Timestamp(10 * day);
        assert!((2..10).all(|n| known.has_network(n, now)) && !known.has_network(1, now));
        assert_eq!(known.counts(now), (8, 0));
        assert!(known.has_network(5, Timestamp(95 * day - 1)) && !known.has_network(5, Timestamp(95 * day)));
        assert_eq!(known.ends(), Timestamp(99 * day));
        assert!(known.is_sound());
    }

    #[test]
    fn devices_take_no_place_of_networks_and_repeats_none_at_all() {
        let mut known = Known::default();
        known.remember_network(1, Timestamp(5));
        (0..20).for_each(|n| known.remember_device(n, Timestamp(6 + n)));
        (0..20).for_each(|n| known.remember_network(2, Timestamp(50 + n)));
        assert_eq!(known.counts(Timestamp(100)), (2, 8));
    }

    #[test]
    fn a_clock_that_steps_back_keeps_the_order() {
        let mut known = Known::default();
        known.remember_network(1, Timestamp(5000));
        known.remember_network(2, Timestamp(1000));
        assert!(known.is_sound() && known.has_network(1, Timestamp(1000)));
        assert_eq!(known.used(), Timestamp(1000));
    }
}
