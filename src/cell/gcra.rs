//! The generic cell rate algorithm in nanoseconds, with the arithmetic of redis-cell.
//!
//! A key holds its *theoretical arrival time* (TAT): when it would be empty again. Each unit moves
//! the TAT by one interval, and a call is admitted unless the TAT would then be more than the
//! tolerance away.

/// What a key admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Units that may come at once.
    pub limit: i64,
    /// The time of one unit: at least one nanosecond.
    pub interval: i64,
    /// The time of `limit` units.
    pub tolerance: i64,
}

/// Why numbers are no [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    TooFast,
    TooLong,
}

impl Rate {
    /// `count` units in `period` seconds, and `max_burst` more at once. `count` and `period` are at
    /// least 1, and `max_burst` is at least 0.
    pub(super) fn new(max_burst: i64, count: i64, period: i64) -> Result<Self, Unusable> {
        const TOO_LONG: f64 = (1_u64 << 63) as f64;
        // In floating point, as redis-cell does it, so that intervals are equal to the nanosecond.
        let interval = (i128::from(period) * 1_000_000_000) as f64 / count as f64;
        if interval >= TOO_LONG {
            return Err(Unusable::TooLong);
        }
        let interval = interval as i64;
        if interval < 1 {
            return Err(Unusable::TooFast);
        }
        let limit = max_burst.checked_add(1).ok_or(Unusable::TooLong)?;
        let tolerance = interval.checked_mul(limit).ok_or(Unusable::TooLong)?;
        Ok(Self { limit, interval, tolerance })
    }

    /// The time of `quantity` units.
    pub(super) fn increment(&self, quantity: i64) -> Result<i64, Unusable> {
        self.interval.checked_mul(quantity).ok_or(Unusable::TooLong)
    }
}

/// The answer to a call. Times are nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub admitted: bool,
    pub limit: i64,
    pub remaining: i64,
    /// `None` for an admitted call, and for one that can never be admitted.
    pub retry_after: Option<i128>,
    pub reset_after: i128,
}

/// Decides on a call whose units take the time `increment`, and returns the TAT to store, if the
/// call changes it. `stored` is the TAT of the key, if there is one.
///
/// A call that gives back (a negative `increment`) moves the TAT to `now` at the earliest: it can't
/// save units up.
pub(super) fn judge(rate: &Rate, increment: i64, stored: Option<u64>, now: u64) -> (Verdict, Option<u64>) {
    let (now, increment) = (i128::from(now), i128::from(increment));
    let tolerance = i128::from(rate.tolerance);
    let tat = stored.map_or(now, i128::from);
    let busy_until = tat.max(now);
    let mut new_tat = busy_until + increment;
    if increment < 0 {
        new_tat = new_tat.max(now);
    }
    // How long before the call would be admitted.
    let wait = new_tat - tolerance - now;
    let admitted = wait <= 0;
    let reset_after = if admitted { new_tat } else { tat } - now;
    let retry_after = (!admitted && increment <= tolerance).then_some(wait);
    let remaining = remaining(rate, tolerance - reset_after);
    let verdict = Verdict { admitted, limit: rate.limit, remaining, retry_after, reset_after };
    // At most `now` and the tolerance, which are below 2^63 each.
    let change = (admitted && new_tat != busy_until).then(|| u64::try_from(new_tat).unwrap_or(u64::MAX));
    (verdict, change)
}

/// Units that fit into the time `left`, in whole microseconds and floating point as redis-cell
/// counts them.
fn remaining(rate: &Rate, left: i128) -> i64 {
    if left <= -i128::from(rate.interval) {
        return 0;
    }
    let micros = match i64::try_from(left) {
        Ok(left) => (left / 1000) as f64,
        Err(_) => (left / 1000) as f64,
    };
    (micros / (rate.interval / 1000) as f64) as i64
}
