//! Examples of the bounds of counters.

use super::properties::{START, counter, distinct, gaps, leak};
use super::set::Set;
use super::{Counter, MOST_FILL, NETWORK_FACTOR};
use crate::guard::rule::Count;
use crate::text::time::{Span, Timestamp};

#[test]
fn the_event_that_exceeds_the_number_fires_and_empties_the_counter() {
    for (count, pause) in [(leak(5, 120_000), 0), (distinct(5, 120_000), 0), (gaps(5, 999), 1_000)] {
        let mut counter = Counter::new(&count);
        let fired = (0..18).map(|event| {
            let now = Timestamp(START + event * pause);
            counter.charge(&count, Some(event), now)
        });
        let fired: Vec<u64> =
            (0..18).zip(fired).filter(|(_, fired)| *fired).map(|(event, _)| event).collect();
        assert_eq!(fired, [5, 11, 17], "{count:?}");
        assert_eq!(counter, Counter::new(&count));
    }
}

#[test]
fn a_bucket_has_room_again_when_a_whole_unit_has_leaked() {
    let count = leak(2, 10);
    for (pause, fires) in [(9, true), (10, false)] {
        let mut counter = counter(&count, &[(0, 0), (0, 0)]).0;
        assert_eq!(counter.charge(&count, None, Timestamp(START + pause)), fires);
    }
}

#[test]
fn a_clock_that_steps_far_back_and_on_again_makes_no_rule_fire() {
    for count in [leak(3, 1_000), distinct(3, 1_000), gaps(3, 1_000)] {
        let mut counter = Counter::new(&count);
        for (at, value) in [(START, 1), (5, 2), (START, 3), (0, 1), (START + 1, 2)] {
            assert!(!counter.charge(&count, Some(value), Timestamp(at)), "{count:?} at {at}");
            assert!(counter.is_sound());
        }
    }
}

#[test]
fn the_median_of_an_even_number_of_gaps_is_the_mean_of_the_middle_two() {
    for (lengths, over, fires) in [
        ([1, 30, 3, 4], 3, true),
        ([1, 30, 3, 3], 3, false),
        ([5, 0, 5, 6], 5, false),
        ([0, 0, 12, 12], 6, false),
        ([0, 0, 12, 12], 5, true),
    ] {
        let count = gaps(4, over);
        let (mut counter, mut now) = (counter(&count, &[(0, 0)]).0, START);
        let fired = lengths.map(|length| {
            now += length;
            counter.charge(&count, None, Timestamp(now))
        });
        assert_eq!(fired, [false, false, false, fires], "{lengths:?} over {over}");
    }
}

#[test]
fn a_gap_above_twelve_times_the_bound_starts_anew() {
    let count = gaps(2, 10);
    for (gap, units, fires) in [(120, 2, true), (121, 1, false)] {
        let mut counter = counter(&count, &[(0, 0)]).0;
        let second = Timestamp(START + gap);
        assert!(!counter.charge(&count, None, second));
        assert_eq!(counter.units(&count, second), units);
        assert_eq!(counter.charge(&count, None, second + Span(11)), fires);
    }
}

#[test]
fn a_lower_number_keeps_the_newest() {
    let mut bucket = counter(&leak(10, 10), &[(0, 0); 9]).0;
    let (now, lower) = (Timestamp(START), leak(3, 10));
    assert_eq!((bucket.units(&lower, now), bucket.ends(&lower)), (3, Some(now + Span(30))));
    assert!(!bucket.charge(&lower, None, now + Span(10)) && bucket.charge(&lower, None, now + Span(10)));

    let seen: Vec<_> = (0..9).map(|value| (i64::from(value > 0), value)).collect();
    let mut set = counter(&distinct(10, 100), &seen).0;
    let (now, lower) = (Timestamp(START + 8), distinct(3, 100));
    assert_eq!((set.units(&lower, now), set.fill(&lower, now)), (3, 255));
    assert!(!set.charge(&lower, Some(7), now), "one of the three newest");
    let Counter::Set(kept) = &set else { unreachable!() };
    assert_eq!(kept.values(), (0..9).collect::<Vec<_>>(), "nothing has to go yet");
    assert!(set.charge(&lower, Some(99), now), "the bucket is full");

    let mut times = counter(&gaps(10, 100), &[(90, 0), (90, 0), (90, 0), (90, 0), (90, 0), (1, 0), (1, 0)]).0;
    let (now, lower) = (Timestamp(START + 453), gaps(2, 40));
    assert_eq!(times.units(&lower, now), 2);
    assert!(!times.charge(&lower, None, now), "the gaps of 90 are no longer among the last two");
    assert_eq!(times, Counter::Times([Timestamp(START + 452), now].into()));
}

#[test]
fn a_unit_that_is_given_back_leaves_no_less_than_nothing() {
    let count = leak(3, 10);
    let mut counter = counter(&count, &[(0, 0), (0, 0)]).0;
    counter.give_back(&count, Timestamp(START + 5));
    assert_eq!(counter, Counter::Bucket { fill: Span(5), when: Timestamp(START + 5) });
    counter.give_back(&count, Timestamp(START + 5));
    assert_eq!(counter, Counter::new(&count));
}

#[test]
fn a_distinct_count_without_a_value_changes_nothing() {
    for count in [leak(3, 10), distinct(3, 10), gaps(3, 10)] {
        let (before, _) = counter(&count, &[(0, 0), (0, 0)]);
        let mut after = before.clone();
        assert!(!after.charge(&distinct(3, 10), None, Timestamp(START + 1_000)));
        assert_eq!(after, before);
    }
}

#[test]
fn a_counter_holds_sixteen_bytes_for_a_value_and_eight_for_a_time_besides_its_head() {
    let events = [(0, 1), (0, 2), (0, 3)];
    let held =
        [leak(5, 10), distinct(5, 10), gaps(5, 10)].map(|count| counter(&count, &events).0.heap_size());
    assert_eq!(held, [0, 80, 24]);
}

#[test]
fn an_ipv6_network_has_room_for_four_times_the_number() {
    for count in [leak(3, 10), distinct(3, 10)] {
        let scaled = count.times(NETWORK_FACTOR);
        let mut counter = Counter::new(&scaled);
        let fired = (0..13).map(|event| counter.charge(&scaled, Some(event), Timestamp(START)));
        assert_eq!(fired.filter(|fired| *fired).count(), 1);
    }
    assert_eq!(Count::Each.times(4), Count::Each);
    assert_eq!(gaps(3, 10).times(4), gaps(12, 10));
    assert_eq!(leak(u32::MAX, 10).times(4), leak(u32::MAX, 10));
}

#[test]
fn the_largest_counters_that_calls_can_make_are_sound() {
    let ten_years = Span::MAX.0;
    for count in [leak(1, ten_years), distinct(64, ten_years / 64), gaps(64, ten_years)] {
        let count = count.times(NETWORK_FACTOR);
        let mut counter = Counter::new(&count);
        for event in 0..256 {
            counter.charge(&count, Some(event), Timestamp(START + event));
            assert!(counter.is_sound(), "{count:?}");
        }
    }
}

#[test]
fn numbers_that_no_rules_file_allows_overflow_nothing() {
    let most = u64::MAX;
    for count in [leak(u32::MAX, most), leak(2, 1 << 63), distinct(u32::MAX, most), gaps(u32::MAX, most)] {
        let mut counter = Counter::new(&count);
        for event in 0..3 {
            let now = Timestamp(START + event);
            counter.charge(&count, Some(event), now);
            assert!(counter.is_sound());
            counter.give_back(&count, now);
            let _ = (counter.ends(&count), counter.units(&count, now), counter.fill(&count, now));
            assert!(counter.is_sound());
        }
    }
    for count in [leak(0, 10), distinct(0, 10), gaps(0, 10), leak(3, 0), distinct(3, 0), gaps(3, 0)] {
        let mut counter = Counter::new(&count);
        for event in 0..6 {
            let now = Timestamp(START + event);
            counter.charge(&count, Some(event), now);
            let _ = (counter.ends(&count), counter.units(&count, now), counter.fill(&count, now));
            assert!(counter.is_sound());
        }
    }
}

#[test]
fn counters_that_no_calls_make_are_not_sound() {
    let (now, never) = (Timestamp(START), Timestamp::NEVER);
    for counter in [
        Counter::Bucket { fill: Span(MOST_FILL.0 + 1), when: now },
        Counter::Bucket { fill: Span(1), when: never },
        Counter::Bucket { fill: Span(0), when: now },
        Counter::Set(Set::new(Span(1), now, [(2, now), (1, now)])),
        Counter::Set(Set::new(Span(1), now, [(1, now), (1, now)])),
        Counter::Set(Set::new(Span(1), now, [(1, never)])),
        Counter::Set(Set::new(Span(0), now, [])),
        Counter::Set(Set::new(Span(1), now, (0..513).map(|value| (value, now)).collect::<Box<_>>())),
        Counter::Times([now, Timestamp(0)].into()),
        Counter::Times([now, never].into()),
        Counter::Times([now; 257].into()),
    ] {
        assert!(!counter.is_sound(), "{counter:?}");
    }
    let values: Box<_> = (0..512).map(|value| (value, now)).collect();
    assert!(Counter::Set(Set::new(Span(1), now, values)).is_sound());
    assert!(Counter::Times([now; 256].into()).is_sound());
    assert!(Counter::Bucket { fill: MOST_FILL, when: now }.is_sound());
    assert_eq!(MOST_FILL, Span(40 * 365 * 86_400_000));
}
