//! Property tests of the sketch against exact decayed counts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::text::time::Timestamp;

use super::decay::HALF_LIFE;
use super::sketch::{Denial, LEAST, Listed, SHOWN, Sketch, whole};

/// Some time in 2026.
const START: u64 = 1_790_000_000_000;

/// The relative error of floating point that the promises allow.
const ROUNDING: f64 = 1e-9;

/// The denials of each key, each with the time that has passed since, steps back not counted.
#[derive(Default)]
struct Exact {
    denials: Vec<(u64, u128)>,
    passed: u128,
    last: Option<u64>,
}

impl Exact {
    fn record(&mut self, key: u64, now: u64) {
        self.pass(now);
        self.denials.push((key, self.passed));
    }

    fn pass(&mut self, now: u64) {
        self.passed += u128::from(now.saturating_sub(self.last.unwrap_or(now)));
        self.last = Some(now);
    }

    fn counts(&mut self, now: u64) -> BTreeMap<u64, f64> {
        self.pass(now);
        let mut counts = BTreeMap::new();
        for (key, at) in &self.denials {
            *counts.entry(*key).or_default() += (-((self.passed - at) as f64) / HALF_LIFE.0 as f64).exp2();
        }
        counts
    }
}

fn record(sketch: &mut Sketch, key: u64, now: u64) {
    let name = key.to_string();
    // Any hash will do: a key of one number has one.
    let id = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    sketch.record(&Denial { id, db: 0, key: name.as_bytes(), policy: None }, Timestamp(now));
}

fn key_of(listed: &Listed<'_>) -> u64 {
    std::str::from_utf8(listed.key).unwrap().parse().unwrap()
}

/// Checks every promise at `now`.
#[track_caller]
fn check(sketch: &Sketch, exact: &mut Exact, now: u64) {
    let counts = exact.counts(now);
    let total: f64 = counts.values().sum();
    let share = total / sketch.capacity() as f64;
    let slack = |value: f64| value * (1.0 + ROUNDING) + 1e-12;
    let top = sketch.top(usize::MAX, Timestamp(now));
    assert!(sketch.total(Timestamp(now)) <= slack(total) && total <= slack(sketch.total(Timestamp(now))));
    assert!(sketch.len() <= sketch.capacity() && top.len() <= sketch.len());
    assert!(top.windows(2).all(|pair| pair[0].denied >= pair[1].denied), "not the highest first");
    let mut listed = BTreeMap::new();
    for entry in &top {
        assert!(listed.insert(key_of(entry), ()).is_none(), "listed twice");
        let truth = counts.get(&key_of(entry)).copied().unwrap_or(0.0);
        assert!(truth <= slack(entry.denied), "{truth} is more than {}", entry.denied);
        assert!(entry.denied - entry.error <= slack(truth), "{} - {}: {truth}", entry.denied, entry.error);
        assert!(entry.error <= slack(share), "an error of {} above {share}", entry.error);
        // What is replied.
        let (denied, error) = (whole(entry.denied), whole(entry.error));
        assert!(whole(truth) <= denied && denied - error <= whole(truth), "{denied} {error} {truth}");
        assert!(error <= whole(share), "an error of {error} above {share}");
    }
    for (key, truth) in counts {
        let must_be = truth > slack(share) && truth > slack(LEAST);
        assert!(!must_be || listed.contains_key(&key), "{key} with {truth} of {total} is missing");
    }
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    /// A key's share falls with its number.
    Zipf,
    Uniform,
    /// One key more than the sketch holds, in turn.
    Cyclic,
    /// The same key many times, then another.
    Bursts,
}

fn stream() -> impl Strategy<Value = Stream> {
    prop::sample::select(vec![Stream::Zipf, Stream::Uniform, Stream::Cyclic, Stream::Bursts])
}

/// Milliseconds to the next denial. Most are short, some are silence, and some are steps back.
fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => 0_i64..50,
        10 => 50_i64..5000,
        3 => 5000_i64..400_000,
        1 => 400_000_i64..400_000_000,
        1 => -400_000_i64..0,
    ]
}

fn key(stream: Stream, n: usize, choice: Index, capacity: usize) -> u64 {
    let uniform = choice.index(4 * capacity + 3) as u64;
    match stream {
        Stream::Uniform => uniform,
        Stream::Cyclic => n as u64 % (capacity as u64 + 1),
        Stream::Bursts => n as u64 / 17,
        // The quotient of two uniform numbers is distributed like 1 / n².
        Stream::Zipf => (1 << 20) / (1 + choice.index(1 << 20) as u64),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_promise_holds_at_every_moment(
        capacity in 1_usize..24,
        streams in prop::collection::vec(stream(), 1..4),
        denials in prop::collection::vec((any::<Index>(), gap()), 1..300),
        later in 0_u64..4_000_000,
    ) {
        let (mut sketch, mut exact, mut now) = (Sketch::new(capacity), Exact::default(), START);
        for (n, (choice, gap)) in denials.iter().enumerate() {
            now = now.saturating_add_signed(*gap);
            let key = key(streams[n * streams.len() / denials.len()], n, *choice, capacity);
            record(&mut sketch, key, now);
            exact.record(key, now);
            if n % 50 == 0 {
                check(&sketch, &mut exact, now);
            }
        }
        check(&sketch, &mut exact, now);
        check(&sketch, &mut exact, now + later);
    }
}

#[test]
fn heavy_keys_of_a_long_zipf_stream_are_found() {
    let (mut sketch, mut exact) = (Sketch::new(100), Exact::default());
    let mut random = 1_u64;
    for n in 0..200_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = (1 << 20) / (1 + (random >> 44));
        let now = START + n * 3;
        record(&mut sketch, key, now);
        exact.record(key, now);
    }
    check(&sketch, &mut exact, START + 600_000);
    let top = sketch.top(3, Timestamp(START + 600_000));
    assert_eq!(top.iter().map(key_of).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_cycle_of_one_key_too_many_has_the_largest_errors_and_no_wrong_bound() {
    let (mut sketch, mut exact) = (Sketch::new(100), Exact::default());
    for n in 0..20_000 {
        record(&mut sketch, n % 101, START + n);
        exact.record(n % 101, START + n);
    }
    check(&sketch, &mut exact, START + 20_000);
    assert!(sketch.top(100, Timestamp(START + 20_000)).iter().all(|key| key.error > 100.0));
}

#[test]
fn years_of_silence_and_a_clock_that_jumps_do_no_harm() {
    let (mut sketch, mut exact, mut now) = (Sketch::new(2), Exact::default(), START);
    for (n, gap) in
        [0, 1, 1 << 40, 5, -(1 << 41), 3, 1 << 42, i64::MIN, 7, i64::MAX, 0, -9, 1].iter().enumerate()
    {
        now = now.saturating_add_signed(*gap);
        record(&mut sketch, n as u64 % 4, now);
        exact.record(n as u64 % 4, now);
        check(&sketch, &mut exact, now);
    }
    assert!(sketch.total(Timestamp(now)).is_finite());
    assert!(sketch.top(10, Timestamp(u64::MAX)).len() <= 2);
}

#[test]
fn a_key_is_not_listed_any_more_when_next_to_nothing_is_left_of_its_denials() {
    let mut sketch = Sketch::new(10);
    record(&mut sketch, 1, START);
    let listed = |minutes: u64| sketch.top(10, Timestamp(START + minutes * 60_000)).len();
    assert_eq!((listed(0), listed(30), listed(31)), (1, 1, 0));
}

#[test]
fn long_keys_with_an_equal_beginning_are_told_apart_and_shown_cut() {
    let (long, mut sketch) = (vec![b'x'; 1000], Sketch::new(10));
    for id in [1, 2, 2] {
        sketch.record(&Denial { id, db: 3, key: &long, policy: Some("p") }, Timestamp(START));
    }
    let top = sketch.top(10, Timestamp(START));
    assert_eq!(top.iter().map(|key| key.denied).collect::<Vec<_>>(), [2.0, 1.0]);
    assert!(top.iter().all(|key| key.key == &long[..SHOWN] && key.db == 3 && key.policy == Some("p")));
}

#[test]
fn the_policy_and_time_are_those_of_the_last_denial() {
    let mut sketch = Sketch::new(1);
    for (n, policy) in [Some("a"), None, Some("b")].into_iter().enumerate() {
        sketch.record(&Denial { id: 9, db: 0, key: b"k", policy }, Timestamp(START + n as u64));
        let top = sketch.top(1, Timestamp(START));
        assert_eq!((top[0].policy, top[0].last), (policy, Timestamp(START + n as u64)));
    }
}

#[test]
fn whole_numbers_are_rounded_up_but_not_for_the_rounding_of_floating_point() {
    for (value, expected) in
        [(0.0, 0), (1e-3, 1), (1.0, 1), (5.000_000_000_001, 5), (5.001, 6), (1e15, 1_000_000_000_000_000)]
    {
        assert!(whole(value).abs_diff(expected) <= expected / 1_000_000_000, "{value}: {}", whole(value));
    }
}
