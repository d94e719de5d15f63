//! Property tests of the algorithm against the oracle.

use proptest::prelude::*;

use super::gcra::{Rate, Unusable, Verdict, judge};
use super::oracle::{Bucket, redis_cell};
use super::{reply, tat};

/// Some time in 2026, in nanoseconds.
const START: u64 = 1_790_000_000_000_000_000;

type Numbers = (i64, i64, i64);

/// Intervals from a nanosecond to a year.
fn numbers() -> impl Strategy<Value = Numbers> {
    let max_burst = prop_oneof![4 => 0_i64..20, 2 => 0_i64..2000, 1 => Just(1_i64 << 31)];
    let count = prop_oneof![6 => 1_i64..200, 2 => 1_i64..5_000_000, 1 => 1_i64..2_000_000_000];
    let period = prop_oneof![4 => 1_i64..5, 3 => 1_i64..4000, 1 => 1_i64..32_000_000];
    (max_burst, count, period)
}

/// A call after a time in 1/16 of an interval and some nanoseconds, with a quantity.
type Call = (i64, i64, i64);

fn call() -> impl Strategy<Value = Call> {
    let sixteenths = prop_oneof![2 => Just(0_i64), 6 => 0_i64..40, 1 => 0_i64..2000, 1 => -200_i64..0];
    let nanoseconds = prop_oneof![4 => Just(0_i64), 1 => 0_i64..3, 2 => 0_i64..3_000_000];
    let quantity =
        prop_oneof![6 => Just(1_i64), 2 => Just(0_i64), 2 => 2_i64..8, 2 => -5_i64..0, 1 => 0_i64..5000];
    (sixteenths, nanoseconds, quantity)
}

fn after(now: u64, rate: &Rate, (sixteenths, nanoseconds, _): Call) -> u64 {
    let delay = i128::from(rate.interval) * i128::from(sixteenths) / 16 + i128::from(nanoseconds);
    u64::try_from((i128::from(now) + delay).clamp(0, i128::from(i64::MAX))).unwrap()
}

/// What the key holds at `now`: the server drops it after the millisecond of its expiry.
fn unexpired(stored: Option<u64>, now: u64) -> Option<u64> {
    stored.filter(|tat| now / 1_000_000 <= tat::expiry(*tat).0)
}

proptest! {
    #[test]
    fn every_reply_is_that_of_redis_cell(numbers in numbers(), calls in prop::collection::vec(call(), 1..80)) {
        let Ok(rate) = Rate::new(numbers.0, numbers.1, numbers.2) else { return Ok(()) };
        let (mut stored, mut now) = (None, START);
        for call in calls {
            now = after(now, &rate, call);
            stored = unexpired(stored, now);
            let quantity = call.2;
            let Ok(increment) = rate.increment(quantity) else { continue };
            let (verdict, change) = judge(&rate, increment, stored, now);
            let (reply, new_tat) = redis_cell(numbers, quantity, stored, now);
            if quantity < 0 && new_tat.is_some_and(|tat| tat < i128::from(now)) {
                // Here redis-cell fails: it can't set an expiry in the past.
                prop_assert_eq!(&reply::integers(&verdict)[..2], &reply[..2]);
                prop_assert_eq!(verdict.reset_after, 0);
                prop_assert_eq!(change, stored.filter(|tat| *tat > now).map(|_| now));
            } else {
                prop_assert_eq!(reply::integers(&verdict), reply);
                prop_assert!(change.is_none_or(|tat| Some(i128::from(tat)) == new_tat));
                let as_stored = new_tat.is_none_or(|tat| i128::from(stored.unwrap_or(now).max(now)) == tat);
                prop_assert_eq!(change.is_none(), as_stored);
            }
            prop_assert!(quantity != 0 || change.is_none(), "quantity 0 writes nothing");
            prop_assert!(quantity >= 0 || stored.is_some() || change.is_none(), "it never creates a key");
            stored = change.or(stored);
        }
    }

    #[test]
    fn any_stored_time_and_clock_get_the_reply_of_redis_cell(
        numbers in numbers(),
        quantity in -1_i64 << 31..=1 << 31,
        stored: Option<u64>,
        now in 0..=i64::MAX as u64,
    ) {
        let Ok(rate) = Rate::new(numbers.0, numbers.1, numbers.2) else { return Ok(()) };
        let Ok(increment) = rate.increment(quantity) else { return Ok(()) };
        let (verdict, change) = judge(&rate, increment, stored, now);
        let (reply, new_tat) = redis_cell(numbers, quantity, stored, now);
        if quantity >= 0 || new_tat.is_none_or(|tat| tat >= i128::from(now)) {
            prop_assert_eq!(reply::integers(&verdict), reply);
        }
        prop_assert!(change.is_none_or(|tat| tat >= now && tat - now <= rate.tolerance as u64));
    }

    #[test]
    fn units_are_admitted_as_from_a_bucket_that_leaks(
        (burst, interval) in (0_u64..12, 1_u64..40),
        calls in prop::collection::vec((0_u64..60, 1_u64..6), 1..120),
    ) {
        let limit = burst as i64 + 1;
        let rate = Rate { limit, interval: interval as i64, tolerance: limit * interval as i64 };
        let (mut stored, mut now, mut bucket) = (None, START, Bucket::default());
        for (delay, units) in calls {
            now += delay;
            let (verdict, change) = judge(&rate, (units * interval) as i64, stored, now);
            prop_assert_eq!(verdict.admitted, bucket.admits(burst + 1, interval, units, now));
            stored = change.or(stored);
        }
    }

    #[test]
    fn a_denied_call_is_admitted_after_exactly_the_time_that_it_was_told(
        numbers in numbers(),
        calls in prop::collection::vec(call(), 1..40),
    ) {
        let Ok(rate) = Rate::new(numbers.0, numbers.1, numbers.2) else { return Ok(()) };
        let (mut stored, mut now) = (None, START);
        for call in calls {
            now = after(now, &rate, call);
            let Ok(increment) = rate.increment(call.2) else { continue };
            let (verdict, change) = judge(&rate, increment, stored, now);
            if let Some(wait) = verdict.retry_after {
                let then = now + u64::try_from(wait).unwrap();
                prop_assert!(judge(&rate, increment, stored, then).0.admitted);
                prop_assert!(!judge(&rate, increment, stored, then - 1).0.admitted);
            } else {
                let never = Verdict { retry_after: None, ..verdict };
                prop_assert!(verdict.admitted || increment > rate.tolerance, "{:?}", never);
            }
            stored = change.or(stored);
        }
    }

    #[test]
    fn a_rate_has_an_interval_of_a_nanosecond_at_least_and_never_overflows(
        max_burst in 0..=1_i64 << 31,
        count in 1..=i64::MAX,
        period in 1..=i64::MAX,
    ) {
        match Rate::new(max_burst, count, period) {
            Ok(rate) => {
                prop_assert!(rate.interval >= 1 && rate.tolerance >= rate.interval);
                let exact = i128::from(period) * 1_000_000_000 / i128::from(count);
                prop_assert!((exact - i128::from(rate.interval)).abs() <= exact / (1 << 50) + 1);
            }
            Err(Unusable::TooFast) => prop_assert!(i128::from(period) * 1_000_000_000 < i128::from(count) + 1024),
            Err(Unusable::TooLong) => prop_assert!(
                i128::from(period) * 1_000_000_000 / i128::from(count) * (i128::from(max_burst) + 2) > 1 << 62
            ),
        }
    }
}
