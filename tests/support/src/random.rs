//! Random numbers whose seed a failing test shows.

use std::ops::RangeInclusive;
use std::time::SystemTime;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(u64);

impl Random {
    /// Seeds the generator from `LOCKWATCH_SEED`, or else from the time. Prints the seed, so that a
    /// failed test can be repeated.
    pub fn new() -> Self {
        let given = std::env::var("LOCKWATCH_SEED").ok();
        let seed = given.map_or_else(
            || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64),
            |seed| seed.parse().expect("LOCKWATCH_SEED is a number"),
        );
        eprintln!("LOCKWATCH_SEED={seed}");
        Self(seed)
    }

    /// For data that has to be the same in every run.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.number() % (range.end() - range.start() + 1)
    }

    /// True with probability 1/`n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
