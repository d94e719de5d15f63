//! Property tests of refunds and of forced calls against the brute-force oracle.

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};

use super::effect::{Refund, Step, WindowEffect, Windows};
use super::log::Log;
use super::oracle::{Oracle, retry_after_is_exact};
use super::properties::{Call, START, changing_quotas, cost, delay, forward, saved, step_for};
use super::snapshot;
use super::value::{Stored, Window};
use super::verdict::{Quota, Wait, forced, judge};

#[derive(Clone, Copy, Debug)]
enum Deed {
    Call,
    Force,
    /// Gives back units of an earlier call.
    Refund(Aim),
    /// Settles an earlier call that had reserved `cost` units.
    Settle(Aim, u64),
}

/// The time of the call that is `ago` calls back, and a little beside it.
#[derive(Clone, Copy, Debug)]
struct Aim {
    ago: usize,
    beside: i64,
}

fn deed() -> impl Strategy<Value = Deed> {
    let beside = prop_oneof![9 => Just(0_i64), 1 => -2_i64..3];
    let ago = prop_oneof![4 => 0_usize..3, 3 => 3_usize..60];
    let aim = (ago, beside).prop_map(|(ago, beside)| Aim { ago, beside });
    prop_oneof![
        6 => Just(Deed::Call),
        2 => Just(Deed::Force),
        5 => aim.clone().prop_map(Deed::Refund),
        2 => (aim, cost()).prop_map(|(aim, actual)| Deed::Settle(aim, actual)),
    ]
}

fn deeds(
    delay: impl Strategy<Value = i64>,
    quotas: impl Strategy<Value = Vec<Quota>>,
    n: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<(Deed, Call)>> {
    let call = (delay, quotas, cost());
    let call = call.prop_map(|(delay, quotas, cost)| Call { delay, quotas, cost: cost.max(1) });
    prop::collection::vec((deed(), call), n)
}

/// A change of a log, as it travels.
enum Change {
    Step(Step),
    Refund(Refund),
}

impl Change {
    /// Reads it back from its payload.
    fn decoded(&self) -> Self {
        let payload = match self {
            Self::Step(step) => step.encode(),
            Self::Refund(refund) => refund.encode(),
        };
        match WindowEffect::decode(payload.as_slice()) {
            Ok(WindowEffect::Step(step)) => Self::Step(step),
            Ok(WindowEffect::Refund(refund)) => Self::Refund(refund),
            _ => panic!("a change that can't be read back"),
        }
    }

    /// Applies it as the module does to a key. An empty log is deleted.
    fn apply(&self, log: &mut Log) -> bool {
        match self {
            Self::Step(step) => log.apply(step),
            Self::Refund(refund) => {
                let taken = log.apply_refund(refund);
                if taken && log.is_empty() {
                    *log = Log::new();
                }
                taken
            }
        }
    }
}

impl Change {
    /// Like [`Self::apply`], for the form that a key holds.
    fn apply_to_key(&self, window: &mut Window) -> bool {
        match self {
            Self::Step(step) => window.apply(step),
            Self::Refund(refund) => {
                let taken = window.apply_refund(refund);
                if taken && window.is_empty() {
                    *window = Window::default();
                }
                taken
            }
        }
    }
}

/// The change that a deed makes, without Redis.
fn change_for(
    log: &mut Log,
    deed: Deed,
    call: &Call,
    times: &[u64],
    now: u64,
    max_entries: u16,
) -> Option<Change> {
    let time = Timestamp(now);
    match deed {
        Deed::Call => step_for(log, call, now, max_entries).1.map(Change::Step),
        Deed::Force => {
            log.advance(call.quotas.iter().map(|q| q.window), time);
            Some(Change::Step(Step {
                seq: log.next_seq(),
                at: time,
                units: call.cost,
                expires: None,
                max_entries,
                windows: Windows::new(call.quotas.iter().map(|q| q.window)),
                by_policy: false,
                extra: (),
            }))
        }
        Deed::Refund(aim) => log.refund(Timestamp(aimed(aim, times)), call.cost, time).map(Change::Refund),
        Deed::Settle(aim, actual) if actual <= call.cost => {
            log.refund(Timestamp(aimed(aim, times)), call.cost - actual, time).map(Change::Refund)
        }
        Deed::Settle(_, actual) => log.excess(actual - call.cost, time, max_entries).map(Change::Step),
    }
}

/// A time of an earlier call.
fn aimed(aim: Aim, times: &[u64]) -> u64 {
    let nth = times.len().saturating_sub(1 + aim.ago);
    times.get(nth).copied().unwrap_or(START).saturating_add_signed(aim.beside)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_deed_equals_the_oracles(deeds in deeds(delay(), changing_quotas(), 1..250)) {
        let (mut log, mut oracle, mut now) = (Log::new(), Oracle::default(), START);
        let mut times = Vec::new();
        for (deed, call) in &deeds {
            now = now.saturating_add_signed(call.delay);
            let expected = oracle.judge(&call.quotas, call.cost, now);
            prop_assert_eq!(judge(Some(&log), &call.quotas, call.cost, Timestamp(now)), expected);
            if !expected.admitted {
                retry_after_is_exact(&log, &call.quotas, call.cost, now, &expected);
            }
            let before = saved(&log);
            let change = change_for(&mut log, *deed, call, &times, now, 16_384);
            match &change {
                None => prop_assert_eq!(saved(&log), before, "a deed without a change changed the value"),
                Some(change) => prop_assert!(change.decoded().apply(&mut log)),
            }
            let units = match &change {
                None => 0,
                Some(Change::Step(step)) => step.units,
                Some(Change::Refund(refund)) => refund.units,
            };
            match deed {
                Deed::Call => {
                    prop_assert_eq!(units, if expected.admitted { call.cost } else { 0 });
                    if change.is_some() {
                        oracle.step_back(now);
                    }
                    if units > 0 {
                        oracle.record(&call.quotas, units, now);
                    }
                }
                Deed::Force => {
                    let expected_of_it = oracle.judge_forced(&call.quotas, call.cost, now);
                    let answer = forced(&expected, &log, &call.quotas, Timestamp(now));
                    prop_assert_eq!(answer, expected_of_it);
                    let is_zero = call.quotas.iter().any(|q| q.limit == 0);
                    prop_assert_eq!(answer.retry_after == Wait::Never, is_zero);
                    if answer.retry_after != Wait::For(Span(0)) {
                        retry_after_is_exact(&log, &call.quotas, 1, now, &answer);
                    }
                    oracle.step_back(now);
                    oracle.record(&call.quotas, call.cost, now);
                }
                Deed::Settle(_, actual) if *actual > call.cost => {
                    let horizon = oracle.horizon();
                    prop_assert_eq!(units, if horizon > 0 { actual - call.cost } else { 0 });
                    if units > 0 {
                        oracle.step_back(now);
                        oracle.record(&[Quota { limit: 0, window: Span(horizon) }], units, now);
                    }
                }
                Deed::Refund(aim) => {
                    prop_assert_eq!(units, oracle.refund(aimed(*aim, &times), call.cost, now));
                }
                Deed::Settle(aim, actual) => {
                    prop_assert_eq!(units, oracle.refund(aimed(*aim, &times), call.cost - actual, now));
                }
            }
            if let Some(Change::Step(_)) = change {
                times.push(now);
            }
            prop_assert_eq!(log.is_empty(), oracle.is_empty());
            if oracle.is_empty() {
                // Its key is gone, and with it the windows.
                oracle = Oracle::default();
            }
            let seen = oracle.judge(&call.quotas, 1, now);
            prop_assert_eq!(judge(Some(&log), &call.quotas, 1, Timestamp(now)), seen);
        }
    }

    #[test]
    fn copies_that_take_refunds_are_equal_to_the_bit(
        deeds in deeds(delay(), changing_quotas(), 1..200),
        max_entries in prop::sample::select(vec![8_u16, 16, 512]),
        reload_every in 1_usize..40,
    ) {
        // The copy is in the form that a key holds, which is compact while it has few entries.
        let (mut primary, mut replica, mut now) = (Log::new(), Window::default(), START);
        let mut times = Vec::new();
        for (i, (deed, call)) in deeds.iter().enumerate() {
            now = now.saturating_add_signed(call.delay);
            if let Some(change) = change_for(&mut primary, *deed, call, &times, now, max_entries) {
                let change = change.decoded();
                change.apply(&mut primary);
                prop_assert!(change.apply_to_key(&mut replica));
                if !replica.is_empty() {
                    let once = saved(&replica.to_log());
                    prop_assert!(!change.apply_to_key(&mut replica), "took an effect twice");
                    prop_assert_eq!(saved(&replica.to_log()), once);
                } else if let Change::Refund(_) = change {
                    prop_assert!(!change.apply_to_key(&mut replica), "a refund of a key that is gone");
                }
                times.push(now);
            }
            if !replica.is_empty() && i % reload_every == 0 {
                replica = Window::of(snapshot::read(&saved(&replica.to_log())).expect("its own snapshot"));
            }
            prop_assert_eq!(
                replica.judge(&call.quotas, call.cost, Timestamp(now)),
                judge(Some(&primary), &call.quotas, call.cost, Timestamp(now))
            );
            prop_assert_eq!(saved(&primary), saved(&replica.to_log()));
        }
    }

    /// Units go back that were really recorded, as a client does it: at most those of the
    /// millisecond.
    #[test]
    fn refunds_from_a_full_log_let_nothing_through_too_early(
        windows in prop::collection::btree_set(prop::sample::select(vec![40_u64, 300, 1000, 5000]), 1..=3),
        limits in prop::collection::vec(1_u64..600, 3),
        max_entries in 8_u16..40,
        deeds in deeds(forward(), Just(Vec::new()), 200..900),
    ) {
        let quotas: Vec<Quota> =
            windows.iter().zip(&limits).map(|(w, limit)| Quota { limit: *limit, window: Span(*w) }).collect();
        // What was recorded and has not gone back, and what of it FORCE and LW.SETTLE recorded.
        let (mut oracle, mut beyond) = (Oracle::default(), Oracle::default());
        let (mut log, mut now) = (Log::new(), START);
        let mut times = Vec::new();
        let all_time = [Quota { limit: 0, window: Span(100_000) }];
        for (deed, call) in deeds {
            now = now.saturating_add_signed(call.delay);
            for quota in &quotas {
                let counted = log.count(quota.window, Timestamp(now));
                prop_assert!(counted >= oracle.count(quota.window.0, now), "let go of units too early");
            }
            let mut call = Call { quotas: quotas.clone(), ..call };
            let mut deed = deed;
            if let Deed::Refund(aim) | Deed::Settle(aim, _) = deed {
                let held = oracle.held(aimed(aim, &times));
                match deed {
                    Deed::Settle(_, actual) if actual > call.cost => {}
                    _ if held == 0 => continue,
                    Deed::Settle(..) => deed = Deed::Settle(aim, 0),
                    _ => {}
                }
                if !matches!(deed, Deed::Settle(_, actual) if actual > call.cost) {
                    call.cost = call.cost.min(held);
                }
            }
            let verdict = judge(Some(&log), &quotas, call.cost, Timestamp(now));
            let change = change_for(&mut log, deed, &call, &times, now, max_entries);
            match &change {
                None => {}
                Some(Change::Refund(refund)) => {
                    prop_assert_eq!(oracle.refund(refund.at.0, refund.units, now), refund.units);
                }
                Some(Change::Step(step)) => {
                    oracle.record(&all_time, step.units, now);
                    times.push(now);
                    if !matches!(deed, Deed::Call) {
                        beyond.record(&all_time, step.units, now);
                    } else if step.units > 0 {
                        prop_assert!(verdict.admitted);
                        for quota in &quotas {
                            prop_assert!(oracle.count(quota.window.0, now) <= quota.limit, "over-admitted");
                        }
                    }
                }
            }
            if let Some(change) = change {
                prop_assert!(change.apply(&mut log));
            }
            if let Deed::Force = deed {
                let answer = forced(&verdict, &log, &quotas, Timestamp(now));
                if answer.retry_after != Wait::For(Span(0)) {
                    retry_after_is_exact(&log, &quotas, 1, now, &answer);
                }
            }
            for quota in &quotas {
                let (net, forced) =
                    (oracle.count(quota.window.0, now), beyond.count(quota.window.0, now));
                prop_assert!(net <= quota.limit + forced, "{net} units, and only {forced} were forced");
            }
            let working_room = usize::from(max_entries / 8).max(8) + quotas.len() + 1;
            prop_assert!(log.entries() <= usize::from(max_entries) + working_room);
        }
    }

    #[test]
    fn any_refund_of_a_damaged_snapshot_leaves_a_sound_log(
        deeds in deeds(delay(), changing_quotas(), 1..60),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        refunds in prop::collection::vec((any::<prop::sample::Index>(), 1_u64..400), 1..20),
    ) {
        let (mut log, mut now) = (Log::new(), START);
        let mut times = vec![START];
        for (deed, call) in &deeds {
            now = now.saturating_add_signed(call.delay);
            if let Some(change) = change_for(&mut log, *deed, call, &times, now, 16) {
                change.apply(&mut log);
                times.push(now);
            }
        }
        if log.is_empty() {
            return Ok(());
        }
        let mut bytes = saved(&log);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let Ok(mut log) = snapshot::read::<()>(&bytes) else { return Ok(()) };
        for (which, units) in refunds {
            let ends: Vec<_> = log.closed().map(|entry| entry.end).chain([log.newest()]).collect();
            let refund = log.refund(ends[which.index(ends.len())], units, Timestamp(0));
            let Some(refund) = refund else { continue };
            let before = log.header().total;
            prop_assert!(log.apply_refund(&refund));
            prop_assert_eq!(log.header().total, before - refund.units);
            if log.is_empty() {
                return Ok(());
            }
            let again: Log = snapshot::read(&saved(&log)).expect("sound after a refund");
            prop_assert_eq!(again.header().total, log.header().total);
        }
    }
}

/// A log with `units` at each time of `entries`, under one window of a second.
fn log_of(entries: &[(u64, u64)]) -> Log {
    let mut log = Log::new();
    for &(at, units) in entries {
        let call = Call { delay: 0, quotas: vec![Quota { limit: 10_000, window: Span(1000) }], cost: units };
        let (_, step) = step_for(&mut log, &call, START + at, 512);
        log.apply(&step.expect("admitted"));
    }
    log
}

fn refund(log: &mut Log, at: u64, units: u64, now: u64) -> u64 {
    let Some(refund) = log.refund(Timestamp(START + at), units, Timestamp(START + now)) else { return 0 };
    assert!(log.apply_refund(&refund));
    refund.units
}

#[test]
fn only_the_entry_of_that_millisecond_gives_units_back() {
    let mut log = log_of(&[(0, 5), (10, 7), (20, 1)]);
    assert_eq!(refund(&mut log, 5, 1, 30), 0);
    assert_eq!(refund(&mut log, 21, 1, 30), 0);
    assert_eq!(refund(&mut log, 10, 4, 30), 4);
    assert_eq!(refund(&mut log, 10, 4, 30), 3);
    assert_eq!(refund(&mut log, 10, 4, 30), 0);
    assert_eq!(log.count(Span(1000), Timestamp(START + 30)), 6);
    assert_eq!(log.entries(), 2);
}

#[test]
fn units_that_have_left_the_longest_window_stay() {
    let mut log = log_of(&[(0, 5), (500, 1)]);
    assert_eq!(refund(&mut log.clone(), 0, 9, 999), 5);
    assert_eq!(refund(&mut log, 0, 9, 1000), 0);
}

#[test]
fn the_last_closed_entry_becomes_the_newest() {
    let mut log = log_of(&[(0, 5), (10, 7), (20, 1)]);
    assert_eq!(refund(&mut log, 20, 1, 30), 1);
    assert_eq!(log.newest(), Timestamp(START + 10));
    let mut log: Log = snapshot::read(&saved(&log)).expect("its own snapshot");
    assert_eq!(refund(&mut log, 10, 7, 30), 7);
    assert_eq!(refund(&mut log, 0, 5, 30), 5);
    assert!(log.is_empty());
}

#[test]
fn a_merged_entry_is_found_from_its_start_to_its_end() {
    let entries: Vec<_> = (0..40).map(|i| (i * 2, 1)).collect();
    let mut log = Log::new();
    for (at, units) in entries {
        let call = Call { delay: 0, quotas: vec![Quota { limit: 99, window: Span(1000) }], cost: units };
        let (_, step) = step_for(&mut log, &call, START + at, 8);
        log.apply(&step.expect("admitted"));
    }
    let merged = log.closed().find(|entry| entry.end > entry.start).expect("a merged entry");
    for at in [merged.start, Timestamp(merged.start.0 + 1), merged.end] {
        let back = log.refund(at, 1, Timestamp(START + 80)).expect("found");
        assert_eq!((back.at, back.units), (at, 1));
    }
    let all = log.refund(merged.start, 1000, Timestamp(START + 80)).expect("found");
    assert_eq!(all.units, merged.units);
}

#[test]
fn a_refund_takes_few_bytes_and_reads_back() {
    let refund = Refund { seq: 2, at: Timestamp(1), units: 5 };
    assert_eq!(refund.encode().as_slice(), b"\x03\x02\x01\x05");
    for damaged in [&b"\x03\x02\x01"[..], b"\x03\x02\x01\x00", b"\x03\x02\x01\x05\x00", b"\x03\x02\x80\x05"] {
        assert!(<WindowEffect>::decode(damaged).is_err(), "{damaged:?}");
    }
}
