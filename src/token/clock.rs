//! The time that tokens are judged by: the server's, except that it does not go back.
//!
//! A token that has expired, or whose session has, stays so when the clock is set back: until the clock is there again, the
//! latest time that was seen goes on. A clock that is set back by more than [`MOST`] was plainly wrong before, and is
//! followed.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::text::time::{Span, Timestamp};

/// How far back the clock may be set without being followed.
const MOST: Span = Span(86_400_000);

/// A clock that does not go back.
pub struct Clock(AtomicU64);

impl Clock {
    /// One that has seen no time yet.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The time, where the server's clock shows `wall`.
    pub fn time(&self, wall: Timestamp) -> Timestamp {
        let seen = Timestamp(self.0.load(Ordering::Relaxed));
        let time = if seen - wall > MOST { wall } else { seen.max(wall) };
        self.0.store(time.0, Ordering::Relaxed);
        time
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

static CLOCK: Clock = Clock::new();

/// The time, where the server's clock shows `wall`. Only the main thread asks.
pub fn time(wall: Timestamp) -> Timestamp {
    CLOCK.time(wall)
}

/// How far the time is ahead of the server's clock, which shows `wall`: nothing, unless that was set back.
pub fn ahead(wall: Timestamp) -> Span {
    Timestamp(CLOCK.0.load(Ordering::Relaxed)) - wall
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_is_waited_out_unless_it_is_a_long_one() {
        let clock = Clock::new();
        let base = 1_700_000_000_000;
        let time = |wall| clock.time(Timestamp(wall)).0;
        assert_eq!(
            [time(base), time(base - 5000), time(base - 1), time(base + 7)],
            [base, base, base, base + 7]
        );
        assert_eq!(time(base + 7 - MOST.0), base + 7);
        assert_eq!(time(base + 6 - MOST.0), base + 6 - MOST.0);
    }
}
