//! Histograms of durations, as INFO shows them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts durations by upper bounds of `N` milliseconds each. Any thread may add to it.
pub(crate) struct Histogram<const N: usize> {
    /// In milliseconds, ascending.
    bounds: [u64; N],
    /// How many durations are within the bound of the same place, and above the one before.
    counts: [AtomicU64; N],
    /// How many are above the last bound.
    above: AtomicU64,
    /// In microseconds.
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    pub(crate) const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            counts: [const { AtomicU64::new(0) }; N],
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = self.bounds.iter().position(|bound| micros <= bound.saturating_mul(1000));
        let count = place.and_then(|place| self.counts.get(place)).unwrap_or(&self.above);
        self.sum.fetch_add(micros, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// `count=…,sum=…,le_1=…,…,le_inf=…`. The sum is in milliseconds. Each `le_` includes the ones
    /// before it.
    pub(crate) fn line(&self) -> String {
        let mut buckets = String::new();
        let mut count = 0;
        for (bound, own) in self.bounds.iter().zip(&self.counts) {
            count += own.load(Ordering::Relaxed);
            // Writing to a String cannot fail.
            let _ = write!(buckets, ",le_{bound}={count}");
        }
        count += self.above.load(Ordering::Relaxed);
        let sum = self.sum.load(Ordering::Relaxed);
        format!("count={count},sum={}.{:03}{buckets},le_inf={count}", sum / 1000, sum % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_includes_those_below_it() {
        let histogram = Histogram::new([1, 10, 100]);
        assert_eq!(histogram.line(), "count=0,sum=0.000,le_1=0,le_10=0,le_100=0,le_inf=0");
        for micros in [999, 1000, 1001, 10_000, 100_001, 7_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        assert_eq!(histogram.line(), "count=6,sum=7113.001,le_1=2,le_10=4,le_100=4,le_inf=6");
    }
}
