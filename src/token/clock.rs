//! The time by which tokens are judged: the server's clock, except that it does not go back.
//!
//! Without this, setting the clock back would revive tokens and sessions that have expired. When
//! the clock steps back, the latest time seen stays in force until the clock reaches it again. A
//! step of more than [`MAX_STEP_BACK`] means that the clock was wrong before, and is followed.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::text::time::{Span, Timestamp};

/// The largest step back that is not followed.
const MAX_STEP_BACK: Span = Span(86_400_000);

pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The time when the server's clock shows `wall`.
    pub(crate) fn time(&self, wall: Timestamp) -> Timestamp {
        let seen = Timestamp(self.0.load(Ordering::Relaxed));
        let time = if seen - wall > MAX_STEP_BACK { wall } else { seen.max(wall) };
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

/// Like [`Clock::time`], for the clock of this server. Main thread only.
pub(crate) fn time(wall: Timestamp) -> Timestamp {
    CLOCK.time(wall)
}

/// How far the time in force is ahead of the server's clock, which shows `wall`. Zero unless the
/// clock was set back.
pub(crate) fn ahead(wall: Timestamp) -> Span {
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
        assert_eq!(time(base + 7 - MAX_STEP_BACK.0), base + 7);
        assert_eq!(time(base + 6 - MAX_STEP_BACK.0), base + 6 - MAX_STEP_BACK.0);
    }
}
