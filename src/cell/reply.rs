//! The reply of CL.THROTTLE: `[limited, limit, remaining, retry_after, reset_after]`, with times in
//! seconds.

use super::gcra::Verdict;

pub(super) fn integers(verdict: &Verdict) -> [i64; 5] {
    [
        i64::from(!verdict.admitted),
        verdict.limit,
        verdict.remaining,
        verdict.retry_after.map_or(-1, seconds),
        seconds(verdict.reset_after),
    ]
}

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// Nanoseconds as seconds, rounded as redis-cell does: up, unless less than a millisecond is above
/// the whole second.
fn seconds(ns: i128) -> i64 {
    let (whole, part) = match i64::try_from(ns) {
        Ok(ns) => (ns / SECOND, ns % SECOND),
        // A TAT is below 2^64 nanoseconds, so the seconds fit.
        Err(_) => ((ns / i128::from(SECOND)) as i64, (ns % i128::from(SECOND)) as i64),
    };
    let rounded = (whole as f64 + part as f64 / SECOND as f64) as i64;
    rounded + i64::from(part >= MILLISECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_rounds_up_from_one_millisecond_on() {
        for (ns, expected) in [
            (0, 0),
            (999_999, 0),
            (1_000_000, 1),
            (999_999_999, 1),
            (1_000_000_000, 1),
            (1_000_999_999, 1),
            (1_001_000_000, 2),
            (-1, 0),
            (-1_500_000_000, -1),
            (i128::from(u64::MAX), 18_446_744_074),
            (-i128::from(u64::MAX), -18_446_744_073),
        ] {
            assert_eq!(seconds(ns), expected, "{ns}");
        }
    }
}
