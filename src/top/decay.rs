//! Forward decay: a later event weighs more, instead of all earlier ones losing weight.
//!
//! An event of `t` milliseconds after the start has the weight 2^(t / half-life). What a sum of
//! weights is worth now is that sum divided by the weight of now. So nothing has to be changed when
//! time passes, and the order of two sums never changes by time alone.
//! (Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009.)

use crate::text::time::{Span, Timestamp};

/// After this time an event counts half.
pub(super) const HALF_LIFE: Span = Span(300_000);

/// Half-lives after which weights are scaled down: 2^512 times any number of events is far from the
/// largest `f64`.
const LONGEST: u64 = 512;

/// A time that only passes forward, and the weight of an event now.
pub(super) struct Decay {
    /// Milliseconds that have passed since the start, of which there is a new one at each scaling.
    elapsed: u64,
    /// What the clock showed last.
    last: Timestamp,
    weight: f64,
}

impl Decay {
    pub(super) fn starting(now: Timestamp) -> Self {
        Self { elapsed: 0, last: now, weight: 1.0 }
    }

    /// The weight of an event at the time of the last [`Decay::advance`].
    #[inline]
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    /// Moves to `now`. A clock that has stepped back takes no time away: time passes from there on.
    ///
    /// Returns a factor by which all sums have to be multiplied first, if weights have become too
    /// large. It is a power of two, so that a product is exact unless it is next to nothing.
    #[inline]
    pub(super) fn advance(&mut self, now: Timestamp) -> Option<f64> {
        let passed = now - self.last;
        self.last = now;
        if passed == Span(0) {
            return None;
        }
        self.elapsed = self.elapsed.saturating_add(passed.0);
        let halvings = self.elapsed / HALF_LIFE.0;
        let factor = (halvings >= LONGEST).then(|| {
            self.elapsed %= HALF_LIFE.0;
            (-(halvings as f64)).exp2()
        });
        self.weight = weight_of(self.elapsed);
        factor
    }

    /// What `sum` is worth at `now`.
    pub(super) fn worth(&self, sum: f64, now: Timestamp) -> f64 {
        sum / weight_of(self.elapsed.saturating_add((now - self.last).0))
    }
}

fn weight_of(elapsed: u64) -> f64 {
    (elapsed as f64 / HALF_LIFE.0 as f64).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_worth_half_after_a_half_life() {
        let mut decay = Decay::starting(Timestamp(7));
        let sum = 3.0 * decay.weight();
        assert_eq!(decay.worth(sum, Timestamp(7)), 3.0);
        assert_eq!(decay.worth(sum, Timestamp(300_007)), 1.5);
        assert_eq!(decay.advance(Timestamp(300_007)), None);
        assert_eq!((decay.worth(sum, Timestamp(600_007)), decay.weight()), (0.75, 2.0));
    }

    #[test]
    fn a_clock_that_steps_back_takes_nothing_away_and_goes_on() {
        let mut decay = Decay::starting(Timestamp(1_000_000));
        decay.advance(Timestamp(1_300_000));
        assert_eq!(decay.worth(2.0, Timestamp(5)), 1.0);
        decay.advance(Timestamp(5));
        assert_eq!(decay.weight(), 2.0);
        decay.advance(Timestamp(300_005));
        assert_eq!(decay.weight(), 4.0);
    }

    #[test]
    fn weights_are_scaled_down_before_they_overflow() {
        let mut decay = Decay::starting(Timestamp(0));
        let (mut sum, mut at) = (1.0, 0);
        for _ in 0..100 {
            at += 100 * HALF_LIFE.0;
            let factor = decay.advance(Timestamp(at));
            sum = factor.map_or(sum, |factor| sum * factor) + decay.weight();
            assert!(sum.is_finite() && (decay.worth(sum, Timestamp(at)) - 1.0).abs() < 1e-9, "{sum}");
        }
        assert_eq!(decay.advance(Timestamp(u64::MAX)), Some(0.0), "next to nothing is nothing");
        assert!(decay.weight().is_finite());
        assert_eq!(decay.worth(0.0, Timestamp(u64::MAX)), 0.0);
    }
}
