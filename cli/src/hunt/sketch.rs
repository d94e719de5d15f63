//! What is remembered of a subject's values, in bounded memory.

use std::collections::hash_map::{Entry, HashMap};
use std::hash::{Hash, Hasher};

/// Hashes that a [`Distinct`] keeps.
const KEPT: usize = 128;
/// Fewer values than this are counted exactly.
pub(super) const EXACT: f64 = KEPT as f64;
/// Paths that a [`Spread`] counts one by one.
const COUNTED: usize = 128;

/// A hash that is the same in every run, so that a log always gives the same answer.
///
/// FNV-1a with the finalizer of SplitMix64. Collisions that somebody makes on purpose only make
/// that subject look less varied.
pub(super) fn hash_of(value: &impl Hash) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        fn finish(&self) -> u64 {
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    value.hash(&mut hasher);
    hasher.finish()
}

/// Counts distinct values: exactly below 128, from there on with an error of about 9 %.
///
/// It keeps the smallest hashes (Bar-Yossef and others, 2002). If the 128th smallest of all hashes
/// is at a hundredth of their range, there are about 12800.
#[derive(Default)]
pub(super) struct Distinct(Vec<u64>);

impl Distinct {
    /// Whether the value had not been there. Exact for the first 128.
    pub(super) fn add(&mut self, hash: u64) -> bool {
        let Err(at) = self.0.binary_search(&hash) else { return false };
        if at < KEPT {
            self.0.insert(at, hash);
            self.0.truncate(KEPT);
        }
        true
    }

    pub(super) fn count(&self) -> f64 {
        self.count_without(&Self::default())
    }

    /// The number of values that are not in `other`.
    pub(super) fn count_without(&self, other: &Self) -> f64 {
        let largest = |of: &Self| of.0.get(KEPT - 1).copied();
        let missing = |below: &[u64]| below.iter().filter(|hash| !other.contains(**hash)).count() as f64;
        // Below the smaller of the two limits both have all their hashes.
        match largest(self).into_iter().chain(largest(other)).min() {
            Some(limit) => {
                let below = self.0.partition_point(|hash| *hash < limit);
                missing(&self.0[..below]) / (limit as f64 / u64::MAX as f64)
            }
            None => missing(&self.0),
        }
    }

    /// Exact for the first 128 values, else false for most.
    pub(super) fn contains(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }
}

/// How evenly calls spread over paths.
#[derive(Default)]
pub(super) struct Spread {
    counts: HashMap<u64, u32>,
    /// Calls of paths beyond the first 128, each taken for a path of its own.
    others: u32,
    total: u32,
}

impl Spread {
    pub(super) fn add(&mut self, hash: u64) {
        let is_full = self.counts.len() >= COUNTED;
        self.total = self.total.saturating_add(1);
        match self.counts.entry(hash) {
            Entry::Occupied(mut count) => *count.get_mut() = count.get().saturating_add(1),
            Entry::Vacant(_) if is_full => self.others = self.others.saturating_add(1),
            Entry::Vacant(free) => {
                free.insert(1);
            }
        }
    }

    /// The entropy of the paths in bits: 0 for a single path, 3 for eight in equal parts.
    pub(super) fn entropy(&self) -> f64 {
        let total = f64::from(self.total);
        let share = |count: u32| -f64::from(count) / total * (f64::from(count) / total).log2();
        // In a fixed order, because a sum of fractions depends on it.
        let mut counts: Vec<u32> = self.counts.values().copied().collect();
        counts.sort_unstable();
        let counted: f64 = counts.into_iter().map(share).sum();
        if self.others == 0 { counted } else { counted + share(1) * f64::from(self.others) }
    }
}

/// How much the pauses between calls vary: the standard deviation of their logarithm (Welford
/// 1962).
#[derive(Default)]
pub(super) struct Pauses {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Pauses {
    pub(super) fn add(&mut self, ms: i64) {
        // A second is added, because pauses below that tell nothing about who calls.
        let value = (1000.0 + ms.max(0) as f64).ln();
        self.count += 1.0;
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
    }

    /// 0 for a metronome, about 0.3 for a pause of 10 minutes give or take a few, and 2 or more for
    /// people. `None` for fewer than eight pauses.
    pub(super) fn variation(&self) -> Option<f64> {
        (self.count >= 8.0).then(|| (self.squares / self.count).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_values_are_counted_exactly_when_few_and_nearly_when_many() {
        for (values, repeats) in [(1_u32, 100), (128, 3), (5000, 2), (200_000, 1)] {
            let mut distinct = Distinct::default();
            for _ in 0..repeats {
                (0..values).for_each(|value| {
                    distinct.add(hash_of(&value));
                });
            }
            let error = (distinct.count() / f64::from(values) - 1.0).abs();
            let allowed = if values < 128 { 0.0 } else { 0.25 };
            assert!(error <= allowed, "{values}: {}", distinct.count());
            assert!(distinct.0.len() <= KEPT);
        }
    }

    #[test]
    fn values_of_one_set_are_counted_without_those_of_another() {
        let set = |values: std::ops::Range<u32>| {
            let mut distinct = Distinct::default();
            values.for_each(|value| {
                distinct.add(hash_of(&value));
            });
            distinct
        };
        for (one, other, expected) in [
            (0..50, 40..90, 40.0),
            (0..50, 0..50, 0.0),
            (0..0, 0..50, 0.0),
            (0..4000, 1000..1010, 3990.0),
            (0..4000, 1000..3000, 2000.0),
            (0..100, 0..4000, 0.0),
        ] {
            let count = set(one.clone()).count_without(&set(other.clone()));
            assert!((count - expected).abs() <= expected * 0.3, "{one:?} {other:?}: {count}");
        }
    }

    #[test]
    fn entropy_is_that_of_the_shares() {
        let of = |counts: &[(u64, u32)]| {
            let mut spread = Spread::default();
            counts.iter().for_each(|(path, count)| (0..*count).for_each(|_| spread.add(*path)));
            spread.entropy()
        };
        assert!(of(&[(1, 50)]).abs() < 1e-9);
        assert!((of(&[(1, 5), (2, 5), (3, 5), (4, 5)]) - 2.0).abs() < 1e-9);
        let many: Vec<(u64, u32)> = (0..1024).map(|path| (path, 1)).collect();
        assert!((of(&many) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn pauses_of_a_metronome_do_not_vary() {
        let of = |pauses: &[i64]| {
            let mut all = Pauses::default();
            pauses.iter().for_each(|ms| all.add(*ms));
            all.variation()
        };
        assert_eq!(of(&[60_000; 7]), None);
        assert!(of(&[60_000; 8]).is_some_and(|variation| variation < 1e-9));
        let person = [500, 2000, 1000, 40_000_000, 3000, 700, 9000, 60_000, 80_000_000];
        assert!(of(&person).is_some_and(|variation| variation > 3.0));
        assert!(of(&[-5; 9]).is_some());
    }
}
