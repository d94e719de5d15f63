//! When a failed try is repeated. Pure: time and randomness are arguments.

use std::time::UNIX_EPOCH;

use crate::text::time::{Span, Timestamp};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The wait after the first failed try, the second, and so on: ten tries in all.
const WAITS: [Span; 9] = [
    Span(5 * SECOND),
    Span(30 * SECOND),
    Span(2 * MINUTE),
    Span(10 * MINUTE),
    Span(30 * MINUTE),
    Span(HOUR),
    Span(2 * HOUR),
    Span(6 * HOUR),
    Span(12 * HOUR),
];

/// A longer `Retry-After` is cut to this.
const RETRY_AFTER_MAX: Span = Span(2 * HOUR);

/// The longest wait between two tries: the last one, and the most that it varies.
const WAIT_MAX: Span = Span(12 * HOUR * 6 / 5);

/// When a try is due that was to follow a failure at `failed_at` and is planned for `next_at`;
/// `None` if the plan stands. A failure that lies ahead of `now` means that the clock has stepped
/// back: then the wait that was planned starts at `now`.
pub(crate) fn replanned(failed_at: Timestamp, next_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let longest = hurried(WAIT_MAX);
    let is_plausible = failed_at <= now && next_at <= now + longest;
    (!is_plausible).then(|| now + (next_at - failed_at).min(longest))
}

/// How long the circuit of an endpoint stays open before one try probes it.
pub(crate) const PROBE: Span = Span(MINUTE);

/// The number of failures in a row that opens the circuit of an endpoint.
pub(crate) const FAILURES_TO_OPEN: u32 = 10;

/// The wait after `failures` failed tries of an alert (at least one). `random` varies it by up to
/// 20 %, so that endpoints are not tried in step. It is at least `retry_after`, which the receiver
/// asked for. `None` after the last try.
pub(crate) fn retry_after_failure(failures: u8, random: u64, retry_after: Option<Span>) -> Option<Span> {
    let Span(wait) = *WAITS.get(usize::from(failures.saturating_sub(1)))?;
    let fifth = wait / 5;
    let jittered = Span(wait - fifth + random % (2 * fifth + 1));
    Some(jittered.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
}

/// Reads the value of `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as a wait from `now` of
/// at most two hours. A date in the past is no wait; `None` if it is neither.
pub(crate) fn parse_retry_after(value: &str, now: Timestamp) -> Option<Span> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is beyond the maximum.
        Span(value.parse().unwrap_or(u64::MAX).saturating_mul(SECOND))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)) - now
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

/// Shortens waits in tests: `LOCKWATCH_HURRY=N` in the environment divides every wait by N. Only
/// with the feature `debug-commands`.
#[cfg(feature = "debug-commands")]
pub(crate) fn hurried(span: Span) -> Span {
    use std::sync::OnceLock;
    static HURRY: OnceLock<u64> = OnceLock::new();
    let read = || std::env::var("LOCKWATCH_HURRY").ok()?.parse().ok();
    let factor = *HURRY.get_or_init(|| read().unwrap_or(1).max(1));
    Span((span.0 / factor).max(span.0.min(1)))
}

#[cfg(not(feature = "debug-commands"))]
pub(crate) const fn hurried(span: Span) -> Span {
    span
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(784_111_777_000);

    #[test]
    fn ten_tries_in_all() {
        let nominal = [5, 30, 120, 600, 1800, 3600, 7200, 21_600, 43_200];
        for (failures, seconds) in (1..).zip(nominal) {
            let fifth = seconds * SECOND / 5;
            assert_eq!(
                retry_after_failure(failures, fifth, None),
                Some(Span(seconds * SECOND)),
                "{failures}"
            );
        }
        assert_eq!(retry_after_failure(10, 0, None), None);
        assert_eq!(retry_after_failure(u8::MAX, 0, Some(Span(1))), None);
    }

    #[test]
    fn retry_after_is_honoured_up_to_two_hours() {
        assert_eq!(retry_after_failure(1, 0, Some(Span(60_000))), Some(Span(60_000)));
        assert_eq!(retry_after_failure(1, 0, Some(Span(1))), Some(Span(4000)));
        assert_eq!(retry_after_failure(1, 0, Some(Span::MAX)), Some(Span(2 * HOUR)));
        assert!(retry_after_failure(9, 0, Some(Span::MAX)) > Some(Span(9 * HOUR)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let parsed = |value: &str| parse_retry_after(value, NOW);
        assert_eq!(parsed("120"), Some(Span(120_000)));
        assert_eq!(parsed(" 0 "), Some(Span(0)));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Span(0)));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Span(30_000)));
        assert_eq!(parsed("Sunday, 06-Nov-94 08:50:07 GMT"), Some(Span(30_000)));
        assert_eq!(parsed("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Span(0)));
        assert_eq!(parsed("Fri, 31 Dec 9999 23:59:59 GMT"), Some(Span(2 * HOUR)));
        assert_eq!(parsed("99999999999999999999999999"), Some(Span(2 * HOUR)));
    }

    #[test]
    fn a_retry_after_that_says_nothing_is_ignored() {
        for value in ["", " ", "-1", "+1", "1.5", "soon", "12s", "Sun, 06 Nov 1994", "\u{663}"] {
            assert_eq!(parse_retry_after(value, NOW), None, "{value:?}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_starts_the_planned_wait_again() {
        const DAY: Span = Span(24 * HOUR);
        let (failed_at, next_at) = (NOW + DAY, NOW + DAY + Span(5000));
        assert_eq!(replanned(failed_at, next_at, failed_at), None);
        assert_eq!(replanned(failed_at, next_at, next_at + DAY), None);
        assert_eq!(replanned(failed_at, next_at, NOW), Some(NOW + Span(5000)));
        assert_eq!(replanned(failed_at, next_at, Timestamp(failed_at.0 - 1)), Some(Timestamp(next_at.0 - 1)));
    }

    proptest! {
        #[test]
        fn no_plan_is_further_away_than_the_longest_wait(failed_at: u64, next_at: u64, now: u64) {
            let (failed_at, next_at, now) = (Timestamp(failed_at), Timestamp(next_at), Timestamp(now));
            let due = replanned(failed_at, next_at, now).unwrap_or(next_at);
            prop_assert!(due <= now + WAIT_MAX);
            prop_assert!(replanned(now, due, now).is_none());
        }

        #[test]
        fn waits_stay_within_20_percent(failures in 1..=9_u8, random: u64) {
            let Span(nominal) = WAITS[usize::from(failures) - 1];
            let wait = retry_after_failure(failures, random, None).unwrap();
            prop_assert!((nominal * 4 / 5..=nominal * 6 / 5).contains(&wait.0));
        }

        #[test]
        fn any_value_is_read_or_ignored(value: String, now: u64) {
            prop_assert!(parse_retry_after(&value, Timestamp(now)).is_none_or(|span| span <= RETRY_AFTER_MAX));
        }
    }
}
