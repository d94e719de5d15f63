//! Property tests against the oracle.

use proptest::prelude::*;

use super::Counter;
use super::oracle::{Bucket, Distinct, Gaps};
use crate::guard::rule::{Count, Of};
use crate::text::time::{Span, Timestamp};

/// Some time in 2026. The clock of a test starts here and may step back.
pub(super) const START: u64 = 1_790_000_000_000;

pub(super) fn leak(most: u32, every: u64) -> Count {
    Count::Leak { most, every: Span(every) }
}

pub(super) fn distinct(most: u32, every: u64) -> Count {
    Count::Distinct { most, of: Of::Users, every: Span(every) }
}

pub(super) fn gaps(last: u32, over: u64) -> Count {
    Count::Gaps { last, over: Span(over) }
}

/// Delays around the length of a unit, also backwards.
fn delay() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0_i64..3, 8 => 0_i64..25, 2 => 0_i64..400, 2 => -60_i64..0]
}

fn any_count() -> impl Strategy<Value = Count> {
    prop_oneof![
        1 => Just(Count::Each),
        3 => (1_u32..6, 1_u64..20).prop_map(|(most, every)| leak(most, every)),
        3 => (1_u32..6, 1_u64..20).prop_map(|(most, every)| distinct(most, every)),
        3 => (1_u32..6, 1_u64..20).prop_map(|(last, over)| gaps(last, over)),
    ]
}

/// Delays and values.
fn events() -> impl Strategy<Value = Vec<(i64, u64)>> {
    prop::collection::vec((delay(), 0_u64..9), 0..60)
}

fn after(now: u64, delay: i64) -> u64 {
    now.checked_add_signed(delay).unwrap()
}

/// A counter after `events`, and the time of the last one.
pub(super) fn counter(count: &Count, events: &[(i64, u64)]) -> (Counter, u64) {
    let (mut counter, mut now) = (Counter::new(count), START);
    for (delay, value) in events {
        now = after(now, *delay);
        counter.charge(count, Some(*value), Timestamp(now));
    }
    (counter, now)
}

proptest! {
    #[test]
    fn a_bucket_is_that_of_an_oracle_that_counts_milliseconds(
        most in 1_u32..7, every in 1_u64..20, calls in prop::collection::vec((delay(), 0..10), 0..80),
    ) {
        let count = leak(most, every);
        let (mut counter, mut oracle, mut now) = (Counter::new(&count), Bucket::new(START), START);
        for (delay, kind) in calls {
            now = after(now, delay);
            if kind < 8 {
                prop_assert_eq!(counter.charge(&count, None, Timestamp(now)), oracle.charge(most, every, now));
            } else {
                counter.give_back(&count, Timestamp(now));
                oracle.give_back(every, now);
            }
            prop_assert!(counter.is_sound());
            prop_assert_eq!(counter.units(&count, Timestamp(now)), oracle.units());
        }
    }

    #[test]
    fn a_set_is_that_of_an_oracle_with_all_sightings(
        most in 1_u32..7, every in 1_u64..20, calls in prop::collection::vec((delay(), 0_u64..9, 0..10), 0..80),
    ) {
        let count = distinct(most, every);
        let (mut counter, mut oracle, mut now) = (Counter::new(&count), Distinct::new(START), START);
        for (delay, value, kind) in calls {
            now = after(now, delay);
            if kind == 0 {
                counter.forget(&count, value, Timestamp(now));
                oracle.forget(every, value, now);
            } else {
                let fires = oracle.charge(most, every, value, now);
                prop_assert_eq!(counter.charge(&count, Some(value), Timestamp(now)), fires);
                let Counter::Set(set) = &counter else { unreachable!() };
                let values: Vec<u64> = oracle.values().into_iter().collect();
                if values.len() > 2 * most as usize {
                    // Only where the clock has stepped back. The oldest ones go, which the oracle
                    // does not do.
                    prop_assert_eq!(set.values().len(), 2 * most as usize);
                    return Ok(());
                }
                prop_assert_eq!(set.values(), values);
            }
            prop_assert!(counter.is_sound() && counter.heap_size() <= 32 + 2 * 16 * most as usize);
        }
    }

    #[test]
    fn gaps_are_those_of_an_oracle_that_sorts_the_whole_history(
        last in 1_u32..7, over in 1_u64..20, delays in prop::collection::vec(delay(), 0..80),
    ) {
        let count = gaps(last, over);
        let (mut counter, mut oracle, mut now) = (Counter::new(&count), Gaps::default(), START);
        for delay in delays {
            now = after(now, delay);
            let fires = oracle.charge(last as usize, over, now);
            prop_assert_eq!(counter.charge(&count, None, Timestamp(now)), fires);
            prop_assert!(counter.is_sound() && counter.heap_size() <= 8 * last as usize);
            let counted = oracle.times.len().min(last as usize);
            prop_assert_eq!(counter.units(&count, Timestamp(now)), counted as u32);
        }
    }

    #[test]
    fn a_counter_is_empty_at_its_end_and_not_a_millisecond_before(
        count in any_count(), events in events(),
    ) {
        let (counter, _) = counter(&count, &events);
        let Some(end) = counter.ends(&count) else {
            prop_assert_eq!(&counter, &Counter::new(&count));
            return Ok(());
        };
        prop_assert_eq!((counter.units(&count, end), counter.fill(&count, end)), (0, 0));
        let before = Timestamp(end.0 - 1);
        // A set remembers values longer than their units take to leak.
        let is_set = matches!(count, Count::Distinct { .. });
        prop_assert!(is_set || counter.units(&count, before) > 0);
        for (time, same) in [(end, true), (before, false)] {
            let (mut used, mut new) = (counter.clone(), Counter::new(&count));
            let fires = [&mut used, &mut new].map(|counter| counter.charge(&count, Some(99), time));
            prop_assert_eq!(fires[0] == fires[1] && used == new, same, "{:?} {:?}", used, new);
        }
    }

    #[test]
    fn fill_is_255_exactly_if_the_next_new_event_can_fire(
        count in any_count(), events in events(), later in 0_u64..50,
    ) {
        let (counter, now) = counter(&count, &events);
        let now = Timestamp(now + later);
        let mut next = counter.clone();
        let fires = next.charge(&count, Some(99), now);
        match count {
            Count::Each => prop_assert!(fires && counter.fill(&count, now) == 0),
            Count::Gaps { last, .. } => {
                prop_assert_eq!(counter.fill(&count, now) == 255, counter.units(&count, now) == last);
                prop_assert!(!fires || counter.fill(&count, now) == 255);
            }
            _ => prop_assert_eq!(counter.fill(&count, now) == 255, fires),
        }
    }

    #[test]
    fn the_order_of_events_in_one_millisecond_does_not_change_the_bytes(
        mut values in prop::collection::vec(0_u64..20, 0..20), count in any_count(),
    ) {
        let count = count.times(20);
        let bytes = |values: &[u64]| {
            let events: Vec<_> = values.iter().map(|value| (0, *value)).collect();
            postcard::to_stdvec(&counter(&count, &events).0).unwrap()
        };
        let one = bytes(&values);
        values.reverse();
        prop_assert_eq!(one, bytes(&values));
    }

    #[test]
    fn a_counter_reads_back_from_its_bytes(count in any_count(), events in events()) {
        let (counter, _) = counter(&count, &events);
        let bytes = postcard::to_stdvec(&counter).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Counter>(&bytes).unwrap(), counter);
    }

    #[test]
    fn a_counter_of_hostile_bytes_that_is_sound_never_panics_and_stays_sound(
        bytes in prop::collection::vec(any::<u8>(), 0..80), form in 0_u8..4,
        counts in prop::collection::vec(any_count(), 1..4), events in events(),
    ) {
        let bytes = [&[form], &bytes[..]].concat();
        let Ok(mut counter) = postcard::from_bytes::<Counter>(&bytes) else { return Ok(()) };
        if !counter.is_sound() {
            return Ok(());
        }
        for ((delay, value), count) in events.iter().zip(counts.iter().cycle()) {
            let now = Timestamp(after(START, *delay));
            let _ = (counter.ends(count), counter.fill(count, now), counter.units(count, now));
            counter.give_back(count, now);
            counter.forget(count, *value, now);
            counter.charge(count, Some(*value), now);
            prop_assert!(counter.is_sound());
        }
    }

    #[test]
    fn a_counter_of_another_form_starts_anew(
        was in any_count(), is in any_count(), events in events(),
    ) {
        let (old, now) = counter(&was, &events);
        if old.matches(&is) {
            return Ok(());
        }
        let now = Timestamp(now);
        prop_assert_eq!((old.ends(&is), old.fill(&is, now), old.units(&is, now)), (None, 0, 0));
        let (mut changed, mut new) = (old, Counter::new(&is));
        prop_assert_eq!(changed.charge(&is, Some(1), now), new.charge(&is, Some(1), now));
        prop_assert_eq!(changed, new);
    }
}
