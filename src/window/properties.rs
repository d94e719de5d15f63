//! Property tests of the window against the brute-force oracle.

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};

use super::effect::{Step, WindowEffect, Windows};
use super::log::{Log, MAX_UNITS};
use super::oracle::{Oracle, retry_after_is_exact};
use super::snapshot;
use super::usage::Usage;
use super::verdict::{Quota, judge};

/// Some time in 2026.
pub(super) const START: u64 = 1_790_000_000_000;

/// A call `delay` milliseconds after the previous one. Negative if the clock steps back.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) delay: i64,
    pub(super) quotas: Vec<Quota>,
    pub(super) cost: u64,
}

pub(super) fn delay() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0_i64),
        8 => 1_i64..4,
        4 => 4_i64..300,
        1 => 300_i64..30_000,
        1 => -400_i64..0,
    ]
}

pub(super) fn forward() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(0_i64), 8 => 1_i64..4, 2 => 4_i64..60, 1 => 60_i64..2000]
}

pub(super) fn cost() -> impl Strategy<Value = u64> {
    prop_oneof![8 => Just(1_u64), 3 => 2_u64..6, 1 => 0_u64..300]
}

/// Limits and windows that change from call to call.
pub(super) fn changing_quotas() -> impl Strategy<Value = Vec<Quota>> {
    let limit = prop_oneof![1 => Just(0_u64), 6 => 1_u64..20, 3 => 20_u64..400];
    let window = prop::sample::select(vec![1_u64, 7, 50, 51, 400, 1000, 10_000]);
    let quota = (limit, window).prop_map(|(limit, window)| Quota { limit, window: Span(window) });
    prop::collection::vec(quota, 1..=8)
}

fn calls(quotas: impl Strategy<Value = Vec<Quota>>, n: usize) -> impl Strategy<Value = Vec<Call>> {
    let call = (delay(), quotas, cost()).prop_map(|(delay, quotas, cost)| Call { delay, quotas, cost });
    prop::collection::vec(call, 1..n)
}

/// The step that LW.RATELIMIT would make, without Redis.
pub(super) fn step_for(log: &mut Log, call: &Call, now: u64, max_entries: u16) -> (bool, Option<Step>) {
    let now = Timestamp(now);
    log.advance(call.quotas.iter().map(|q| q.window), now);
    let verdict = judge(Some(log), &call.quotas, call.cost, now);
    let records = verdict.admitted && call.cost > 0;
    let step = (records || log.newest() > now).then(|| Step {
        seq: log.next_seq(),
        at: now,
        units: if records { call.cost } else { 0 },
        expires: None,
        max_entries,
        windows: Windows::new(call.quotas.iter().map(|q| q.window)),
        by_policy: false,
        extra: (),
    });
    (verdict.admitted, step)
}

fn decoded(step: &Step) -> Step {
    match WindowEffect::decode(step.encode().as_slice()) {
        Ok(WindowEffect::Step(step)) => step,
        _ => panic!("a step that can't be read back"),
    }
}

pub(super) fn saved(log: &Log) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot::write(log, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_reply_equals_the_oracles(calls in calls(changing_quotas(), 250)) {
        let (mut log, mut oracle, mut now) = (Log::new(), Oracle::default(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let expected = oracle.judge(&call.quotas, call.cost, now);
            let peeked = judge(Some(&log), &call.quotas, call.cost, Timestamp(now));
            prop_assert_eq!(peeked, expected);
            usage_is_the_oracles(&log, &oracle, now);
            if !peeked.admitted {
                retry_after_is_exact(&log, &call.quotas, call.cost, now, &peeked);
            }
            let before = saved(&log);
            let (admitted, step) = step_for(&mut log, call, now, 16_384);
            prop_assert_eq!(admitted, expected.admitted);
            prop_assert_eq!(judge(Some(&log), &call.quotas, call.cost, Timestamp(now)), expected);
            match step {
                None => prop_assert_eq!(saved(&log), before, "a call that records nothing changed the value"),
                Some(step) => {
                    oracle.step_back(now);
                    if step.units > 0 {
                        oracle.record(&call.quotas, call.cost, now);
                    }
                    prop_assert!(log.apply(&step));
                }
            }
            for later in [0, 1, 7, 400] {
                usage_is_the_oracles(&log, &oracle, now + later);
            }
        }
    }

    #[test]
    fn a_full_log_admits_never_early_and_only_so_much_late(
        windows in prop::collection::btree_set(prop::sample::select(vec![40_u64, 300, 1000, 5000]), 1..=3),
        limits in prop::collection::vec(1_u64..600, 3),
        max_entries in 8_u16..40,
        steps in prop::collection::vec((forward(), cost(), 0_usize..6), 300..1500),
    ) {
        let quotas: Vec<Quota> =
            windows.iter().zip(&limits).map(|(w, limit)| Quota { limit: *limit, window: Span(*w) }).collect();
        let pairs = quotas.len() as u64;
        let (mut log, mut oracle, mut now) = (Log::new(), Oracle::default(), START);
        for (i, (delay, cost, only)) in steps.into_iter().enumerate() {
            now = now.saturating_add_signed(delay);
            // The first calls are admitted and use one window each, the longest first. Most later
            // ones use all.
            let introduced = quotas.iter().rev().nth(i).map(|q| [Quota { limit: 10_000, ..*q }]);
            let named = match &introduced {
                Some(one) => one,
                None => quotas.get(only..=only).unwrap_or(&quotas),
            };
            let call = Call { delay, quotas: named.to_vec(), cost: cost.max(1) };
            for quota in &quotas {
                let window = quota.window.0;
                let counted = log.count(quota.window, Timestamp(now));
                let late = pairs * window / u64::from(max_entries);
                prop_assert!(counted >= oracle.count(window, now), "let go of units too early");
                prop_assert!(counted <= oracle.count(window + late, now), "held units for more than {late} ms too long");
            }
            let verdict = judge(Some(&log), named, call.cost, Timestamp(now));
            if !verdict.admitted {
                retry_after_is_exact(&log, named, call.cost, now, &verdict);
            }
            let (admitted, step) = step_for(&mut log, &call, now, max_entries);
            if admitted {
                // The oracle needs a window this long to compute how late an admission is.
                oracle.record(&[Quota { limit: 0, window: Span(100_000) }], call.cost, now);
                for quota in named {
                    prop_assert!(oracle.count(quota.window.0, now) <= quota.limit, "over-admitted");
                }
            }
            if let Some(step) = step {
                log.apply(&step);
            }
            let working_room = usize::from(max_entries / 8).max(8) + quotas.len() + 1;
            prop_assert!(log.entries() <= usize::from(max_entries) + working_room);
        }
    }

    #[test]
    fn copies_that_take_the_effects_are_equal_to_the_bit(
        calls in calls(changing_quotas(), 200),
        max_entries in prop::sample::select(vec![8_u16, 16, 512]),
        reload_every in 1_usize..40,
    ) {
        let (mut primary, mut replica, mut now) = (Log::new(), Log::new(), START);
        for (i, call) in calls.iter().enumerate() {
            now = now.saturating_add_signed(call.delay);
            let (_, step) = step_for(&mut primary, call, now, max_entries);
            if let Some(step) = step {
                let step = decoded(&step);
                primary.apply(&step);
                prop_assert!(replica.apply(&step));
                let once = saved(&replica);
                prop_assert!(!replica.apply(&step), "took an effect twice");
                prop_assert_eq!(saved(&replica), once);
            }
            if replica.entries() > 0 && i % reload_every == 0 {
                replica = snapshot::read(&saved(&replica)).expect("its own snapshot");
            }
            prop_assert_eq!(
                judge(Some(&replica), &call.quotas, call.cost, Timestamp(now)),
                judge(Some(&primary), &call.quotas, call.cost, Timestamp(now))
            );
            prop_assert_eq!(saved(&primary), saved(&replica));
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_is_a_sound_log(
        calls in calls(changing_quotas(), 60),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut log, mut now) = (Log::new(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            if let (_, Some(step)) = step_for(&mut log, call, now, 16) {
                log.apply(&step);
            }
        }
        let mut bytes = saved(&log);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(mut log) = snapshot::read(&bytes) {
            prop_assert_eq!(&saved(&log), &bytes);
            for call in &calls {
                now = now.saturating_add_signed(call.delay);
                if let (_, Some(step)) = step_for(&mut log, call, now, 16) {
                    log.apply(&step);
                    snapshot::read::<()>(&saved(&log)).expect("sound after a step");
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_an_effect_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for first in 0..4 {
            let mut payload = vec![first];
            payload.extend(&bytes);
            match <WindowEffect>::decode(&payload) {
                Ok(WindowEffect::Step(step)) => drop(Log::new().apply(&step)),
                Ok(WindowEffect::Refund(refund)) => drop(Log::<()>::new().apply_refund(&refund)),
                _ => {}
            }
        }
    }
}

#[track_caller]
fn usage_is_the_oracles(log: &Log, oracle: &Oracle, now: u64) {
    for usage in log.usage(Timestamp(now)) {
        let window = usage.window.0;
        let (first_free, reset) = oracle.first_free_and_reset(window, now);
        let used = oracle.count(window, now);
        let expected = Usage { window: usage.window, used, first_free: Span(first_free), reset: Span(reset) };
        assert_eq!(usage, expected);
    }
}

fn admit(log: &mut Log, limit: u64, window: u64, cost: u64, now: u64) -> bool {
    let call = Call { delay: 0, quotas: vec![Quota { limit, window: Span(window) }], cost };
    let (admitted, step) = step_for(log, &call, now, 512);
    if let Some(step) = step {
        log.apply(&step);
    }
    admitted
}

#[test]
fn a_hundred_hits_a_minute_fit_into_448_bytes() {
    let mut log = Log::new();
    for i in 0..100_000 {
        assert!(admit(&mut log, 100, 60_000, 1, START + i * 600));
    }
    assert_eq!(log.entries(), 100);
    assert!(log.allocated() <= 448, "{} bytes", log.allocated());
}

#[test]
fn memory_is_bounded_whatever_the_limit() {
    let mut log = Log::new();
    for i in 0..1_000_000 {
        assert!(admit(&mut log, 1 << 50, 3_600_000, u64::from(u32::MAX), START + i * 17));
    }
    assert!(log.allocated() <= 8 * 1024, "{} bytes", log.allocated());
}

#[test]
fn a_log_shrinks_again_after_a_rush() {
    let mut log = Log::new();
    for i in 0..500 {
        admit(&mut log, 1000, 1000, 1, START + 2 * i);
    }
    let rush = log.allocated();
    for i in 0..500 {
        admit(&mut log, 1000, 1000, 1, START + 10_000 + 300 * i);
    }
    assert!(log.allocated() * 2 < rush, "{} of {rush} bytes", log.allocated());
}

#[test]
fn units_beyond_all_counting_deny_and_do_not_wrap() {
    let mut log = Log::new();
    assert!(admit(&mut log, 10, 60_000, 1, START));
    log.push(Timestamp(START + 1), MAX_UNITS - 1);
    log.push(Timestamp(START + 2), u64::from(u32::MAX));
    assert_eq!(log.count(Span(60_000), Timestamp(START + 2)), MAX_UNITS);
    log.push(Timestamp(START + 3), u64::from(u32::MAX));
    assert!(!admit(&mut log, (1 << 53) - 1, 60_000, 1, START + 60_002), "let go too early");
    assert!(admit(&mut log, 10, 60_000, 1, START + 60_003));
    assert!(snapshot::read::<()>(&saved(&log)).is_ok());
}

#[test]
fn a_sequence_number_wraps_and_goes_on() {
    let mut log = Log::new();
    assert!(admit(&mut log, 10, 60_000, 1, START));
    log.header_mut().seq = u64::MAX;
    let mut copy: Log = snapshot::read(&saved(&log)).expect("its own snapshot");
    for i in 1..4 {
        let call = Call { delay: 0, quotas: vec![Quota { limit: 10, window: Span(60_000) }], cost: 1 };
        let (_, step) = step_for(&mut log, &call, START + i, 512);
        let step = decoded(&step.expect("admitted"));
        assert!(log.apply(&step) && copy.apply(&step) && !copy.apply(&step));
    }
    assert_eq!((log.count(Span(60_000), Timestamp(START + 4)), log.seq()), (4, 2));
    assert_eq!(saved(&copy), saved(&log));
}

#[test]
fn an_effect_of_a_newer_version_is_refused() {
    assert!(<WindowEffect>::decode(&[4, 0, 0]).is_err());
    assert!(<WindowEffect>::decode(&[]).is_err());
    assert!(snapshot::read::<()>(&[2]).is_err());
}

#[test]
fn the_expiry_is_exact_at_first_and_then_rarely_moved() {
    let mut log = Log::new();
    assert!(admit(&mut log, 1000, 60_000, 1, START));
    assert_eq!(log.expiry_to_set(), Some(Timestamp(START + 60_000)));
    let mut told = 0;
    for i in 1..1000 {
        admit(&mut log, 1000, 60_000, 1, START + i * 10);
        if let Some(at) = log.expiry_to_set() {
            told += 1;
            assert!(at >= log.expires());
        }
    }
    assert!(told < 5, "told {told} times in ten seconds");
}
