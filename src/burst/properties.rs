//! Property tests of burst detection against a model that keeps every call.

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};
use crate::window::effect::{Step, WindowEffect};
use crate::window::log::Log;

use super::cooldown::Cooldown;
use super::decision::{Verdict, Watch, decide};

/// Some time in 2026.
const START: u64 = 1_790_000_000_000;

/// More entries than any test makes calls, so that no entries merge.
const MANY_ENTRIES: u16 = 16_384;

/// A call `delay` milliseconds after the previous one. Negative if the clock steps back.
#[derive(Clone, Debug)]
struct Call {
    delay: i64,
    watch: Watch,
}

fn delay() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0_i64),
        8 => 1_i64..4,
        4 => 4_i64..300,
        1 => 300_i64..30_000,
        1 => -400_i64..0,
    ]
}

fn watch() -> impl Strategy<Value = Watch> {
    let threshold = prop_oneof![4 => 1_u64..12, 1 => 12_u64..100];
    let window = prop::sample::select(vec![1_u64, 7, 50, 51, 400, 1000, 10_000]);
    let cooldown = prop::sample::select(vec![1_u64, 20, 90, 500, 20_000]);
    (threshold, window, cooldown).prop_map(|(threshold, window, cooldown)| Watch {
        threshold,
        window: Span(window),
        cooldown: Span(cooldown),
    })
}

/// Calls with different thresholds, windows and cooldowns.
fn changing() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec((delay(), watch()).prop_map(|(delay, watch)| Call { delay, watch }), 1..250)
}

/// Calls with the same threshold, window and cooldown.
fn steady() -> impl Strategy<Value = Vec<Call>> {
    let calls = (watch(), prop::collection::vec(delay(), 1..250));
    calls.prop_map(|(watch, delays)| delays.into_iter().map(|delay| Call { delay, watch }).collect())
}

/// What LW.BURST does with a log, without Redis.
fn count(log: &mut Log<Cooldown>, watch: &Watch, now: u64, max_entries: u16) -> (Verdict, Step<Cooldown>) {
    let (verdict, step) = decide(log, watch, Timestamp(now), max_entries);
    let step = decoded(&step);
    assert!(log.apply(&step));
    (verdict, step)
}

fn decoded(step: &Step<Cooldown>) -> Step<Cooldown> {
    match WindowEffect::decode(step.encode().as_slice()) {
        Ok(WindowEffect::Step(read)) => {
            assert_eq!(&read, step);
            read
        }
        _ => panic!("a step that can't be read back"),
    }
}

/// Every call and its answer.
#[derive(Default)]
struct Oracle {
    calls: Vec<u64>,
    /// The longest window so far. Calls that have left it are forgotten.
    horizon: u64,
    /// For each call since the last alert, whether it was in a burst. `None` before the first
    /// alert.
    since_alert: Option<Vec<bool>>,
}

impl Oracle {
    /// Counts a call and returns the calls in its window.
    fn count(&mut self, window: u64, now: u64) -> u64 {
        self.calls.iter_mut().for_each(|at| *at = now.min(*at));
        self.calls.push(now);
        let seen = self.calls.iter().filter(|at| **at + window > now).count();
        self.horizon = self.horizon.max(window);
        self.calls.retain(|at| at + self.horizon > now);
        seen as u64
    }

    /// Records an answer. Returns the expected `ongoing` and `suppressed` if it raised an alert.
    fn note(&mut self, verdict: &Verdict) -> Option<(bool, u32)> {
        if verdict.alert.is_none() {
            self.since_alert.iter_mut().for_each(|calls| calls.push(verdict.burst));
            return None;
        }
        let since = self.since_alert.replace(Vec::new());
        let ongoing = since.as_ref().is_some_and(|calls| calls.iter().all(|burst| *burst));
        let suppressed = since.map_or(0, |calls| calls.iter().filter(|burst| **burst).count());
        Some((ongoing, suppressed as u32))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_count_is_that_of_the_calls_in_the_trailing_window(calls in changing()) {
        let (mut log, mut oracle, mut now) = (Log::new(), Oracle::default(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let expected = oracle.count(call.watch.window.0, now);
            let (verdict, _) = count(&mut log, &call.watch, now, MANY_ENTRIES);
            prop_assert_eq!(verdict.count, expected);
            prop_assert_eq!(verdict.burst, expected >= call.watch.threshold);
        }
    }

    #[test]
    fn a_full_log_never_counts_too_few(calls in steady(), max_entries in 8_u16..20) {
        let (mut log, mut oracle, mut now) = (Log::new(), Oracle::default(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let expected = oracle.count(call.watch.window.0, now);
            prop_assert!(count(&mut log, &call.watch, now, max_entries).0.count >= expected);
        }
    }

    #[test]
    fn an_alert_tells_what_happened_since_the_one_before(calls in changing()) {
        let (mut log, mut oracle, mut now) = (Log::new(), Oracle::default(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let (verdict, _) = count(&mut log, &call.watch, now, MANY_ENTRIES);
            prop_assert!(verdict.burst || verdict.alert.is_none());
            let told = verdict.alert.map(|alert| (alert.ongoing, alert.suppressed));
            prop_assert_eq!(told, oracle.note(&verdict));
        }
    }

    #[test]
    fn alerts_come_once_per_cooldown_whatever_the_clock_does(calls in steady()) {
        let cooldown = calls[0].watch.cooldown.0;
        let (mut log, mut now) = (Log::new(), START);
        // Time since the last alert, and since the clock last stepped back or the key was created.
        let (mut since_alert, mut since_step) = (None, 0);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let gone = u64::try_from(call.delay).unwrap_or(0);
            since_alert = since_alert.map(|since| since + gone);
            since_step = if call.delay < 0 { 0 } else { since_step + gone };
            let (verdict, _) = count(&mut log, &call.watch, now, MANY_ENTRIES);
            let quiet = since_alert.is_some_and(|since: u64| since < cooldown);
            let waited = since_alert.is_none_or(|since| since >= cooldown && since_step >= cooldown);
            prop_assert!(verdict.alert.is_none() || !quiet, "an alert {since_alert:?} ms after the last");
            prop_assert!(verdict.alert.is_some() || !verdict.burst || !waited, "quiet for more than a cooldown");
            if verdict.alert.is_some() {
                since_alert = Some(0);
            }
        }
    }

    #[test]
    fn the_key_is_kept_for_the_window_and_the_cooldown(calls in changing()) {
        let (mut log, mut now, mut kept) = (Log::new(), START, 0);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let (verdict, _) = count(&mut log, &call.watch, now, MANY_ENTRIES);
            kept = log.expiry_to_set().map_or(kept, |at| at.0);
            prop_assert!(kept >= now + call.watch.window.0);
            prop_assert!(kept >= log.extra().quiet_until.0);
            prop_assert!(verdict.alert.is_none() || kept >= now + call.watch.cooldown.0);
        }
    }

    #[test]
    fn copies_that_take_the_effects_are_equal_to_the_bit(
        calls in changing(),
        max_entries in prop::sample::select(vec![8_u16, 16, 512]),
        reload_every in 1_usize..40,
    ) {
        let (mut primary, mut replica, mut now) = (Log::new(), Log::<Cooldown>::new(), START);
        for (i, call) in calls.iter().enumerate() {
            now = now.saturating_add_signed(call.delay);
            let (_, step) = count(&mut primary, &call.watch, now, max_entries);
            prop_assert!(replica.apply(&step));
            prop_assert_eq!(primary.to_bytes(), replica.to_bytes());
            prop_assert!(!replica.apply(&step), "took an effect twice");
            prop_assert_eq!(primary.to_bytes(), replica.to_bytes());
            if i % reload_every == 0 {
                replica = Log::from_bytes(&replica.to_bytes()).expect("what it saved");
            }
            prop_assert_eq!(replica.extra(), primary.extra());
        }
    }

    #[test]
    fn a_damaged_value_is_refused_or_sound(
        calls in changing(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (mut log, mut now) = (Log::new(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            count(&mut log, &call.watch, now, 16);
        }
        let mut bytes = log.to_bytes();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(mut log) = Log::<Cooldown>::from_bytes(&bytes) {
            prop_assert_eq!(&log.to_bytes(), &bytes);
            for call in &calls {
                now = now.saturating_add_signed(call.delay);
                count(&mut log, &call.watch, now, 16);
                prop_assert!(log.extra().quiet_until <= Timestamp(now) + call.watch.cooldown);
                Log::<Cooldown>::from_bytes(&log.to_bytes()).expect("sound after a call");
            }
        }
    }
}

const WATCH: Watch = Watch { threshold: 3, window: Span(1000), cooldown: Span(60_000) };

#[test]
fn suppressed_calls_are_counted_up_to_a_bound() {
    let mut log = Log::new();
    let (_, mut step) = decide(&mut log, &WATCH, Timestamp(START), MANY_ENTRIES);
    step.extra = Cooldown::after_alert(Timestamp(START + 60_000));
    step.extra.suppressed = u32::MAX - 1;
    log.apply(&step);
    for _ in 0..5 {
        count(&mut log, &WATCH, START, MANY_ENTRIES);
    }
    assert_eq!(log.extra().suppressed, u32::MAX);
}

#[test]
fn a_cooldown_from_the_far_future_ends_within_one() {
    let mut log = Log::new();
    let (_, mut step) = decide(&mut log, &WATCH, Timestamp(START), MANY_ENTRIES);
    step.extra = Cooldown::after_alert(Timestamp::NEVER);
    log.apply(&step);
    let alerted =
        |log: &mut _, now| count(log, &Watch { threshold: 1, ..WATCH }, now, MANY_ENTRIES).0.alert.is_some();
    assert!(!alerted(&mut log, START + 1));
    assert!(!alerted(&mut log, START + 60_000));
    assert!(alerted(&mut log, START + 60_001));
}

#[test]
fn a_shorter_cooldown_takes_effect_at_the_call_that_brings_it() {
    let mut log = Log::new();
    let alerted = |log: &mut _, now, cooldown| {
        let watch = Watch { threshold: 1, cooldown: Span(cooldown), ..WATCH };
        count(log, &watch, now, MANY_ENTRIES).0.alert.is_some()
    };
    assert!(alerted(&mut log, START, 3_600_000));
    assert!(!alerted(&mut log, START + 10, 100));
    assert!(!alerted(&mut log, START + 109, 3_600_000));
    assert!(alerted(&mut log, START + 110, 3_600_000));
}

#[test]
fn a_key_with_a_single_call_is_small() {
    let mut log = Log::new();
    count(&mut log, &WATCH, START, MANY_ENTRIES);
    assert_eq!(log.allocated(), 128);
}
