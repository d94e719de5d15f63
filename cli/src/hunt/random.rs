//! Random numbers that are the same for a seed on every machine and in every version.

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// A number from `low` up to `high`, and never `high` itself unless they are equal.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        let fraction = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        let value = low + fraction * (high - low);
        if value < high { value } else { low }
    }
}
