//! Property tests: the compact form answers, changes and saves like the general form.

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};

use super::effect::{Step, Windows};
use super::log::Log;
use super::value::{Stored, Window};
use super::verdict::{Quota, judge};

const START: u64 = 1_790_000_000_000;

#[derive(Clone, Debug)]
struct Call {
    delay: i64,
    quotas: Vec<Quota>,
    cost: u64,
    /// A refund after the call: the age of the entry in milliseconds, and the most units.
    refund: Option<(u64, u64)>,
}

/// Few calls in a window, so that a key is often compact; some that need the general form.
fn calls() -> impl Strategy<Value = Vec<Call>> {
    let delay = prop_oneof![
        3 => Just(0_i64),
        4 => 1_i64..10,
        6 => 10_i64..600,
        3 => 600_i64..20_000,
        1 => -400_i64..0,
    ];
    let limit = prop_oneof![1 => Just(0_u64), 8 => 1_u64..8, 2 => Just((1 << 53) - 1)];
    let window = prop::sample::select(vec![1_u64, 50, 400, 1000, 10_000, 315_360_000_000]);
    let quota = (limit, window).prop_map(|(limit, window)| Quota { limit, window: Span(window) });
    let quotas = prop_oneof![
        5 => Just(vec![Quota { limit: 5, window: Span(1000) }]),
        3 => Just(vec![Quota { limit: 2, window: Span(50) }, Quota { limit: 4, window: Span(1000) }]),
        3 => prop::collection::vec(quota, 1..=6),
    ];
    let cost = prop_oneof![8 => Just(1_u64), 2 => 0_u64..6, 1 => Just(u64::from(u32::MAX))];
    let ago = prop_oneof![4 => Just(0_u64), 2 => 1_u64..10, 2 => 10_u64..600];
    let refund = prop::option::weighted(0.3, (ago, 1_u64..4));
    let call = (delay, quotas, cost, refund).prop_map(|(delay, quotas, cost, refund)| Call {
        delay,
        quotas,
        cost,
        refund,
    });
    prop::collection::vec(call, 1..120)
}

fn is_small(window: &Window) -> bool {
    matches!(window, Window::Small(_))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn either_form_answers_and_saves_alike(calls in calls(), reload_every in 1_usize..30) {
        let (mut window, mut log, mut now) = (Window::default(), Log::new(), START);
        for (i, call) in calls.iter().enumerate() {
            now = now.saturating_add_signed(call.delay);
            let at = Timestamp(now);
            for quota in &call.quotas {
                for cost in [0, call.cost] {
                    let one = std::slice::from_ref(quota);
                    prop_assert_eq!(window.judge(one, cost, at), judge(Some(&log), one, cost, at));
                }
            }
            let verdict = window.judge(&call.quotas, call.cost, at);
            prop_assert_eq!(verdict, judge(Some(&log), &call.quotas, call.cost, at));
            prop_assert_eq!((window.newest(), window.next_seq()), (log.newest(), log.next_seq()));
            window.advance(call.quotas.iter().map(|q| q.window), at);
            log.advance(call.quotas.iter().map(|q| q.window), at);
            let records = verdict.admitted && call.cost > 0;
            if records || log.newest() > at {
                let step = Step {
                    seq: log.next_seq(),
                    at,
                    units: if records { call.cost } else { 0 },
                    expires: None,
                    max_entries: 8,
                    windows: Windows::new(call.quotas.iter().map(|q| q.window)),
                    by_policy: false,
                    extra: (),
                };
                prop_assert!(log.apply(&step));
                prop_assert!(window.apply(&step));
                prop_assert!(!window.apply(&step), "took a step twice");
                prop_assert_eq!(window.expiry_to_set(), log.expiry_to_set());
            }
            let refund = call.refund.and_then(|(ago, units)| log.refund(Timestamp(now - ago), units, at));
            if let Some(refund) = refund {
                prop_assert_eq!(window.to_log().refund(refund.at, refund.units, at), Some(refund));
                prop_assert!(log.apply_refund(&refund));
                prop_assert!(window.apply_refund(&refund));
                prop_assert_eq!(window.is_empty(), log.is_empty());
                if log.is_empty() {
                    (window, log) = (Window::default(), Log::new());
                }
            }
            if log.entries() > 0 {
                let bytes = log.to_bytes();
                prop_assert_eq!(window.to_log().to_bytes(), bytes.clone());
                prop_assert_eq!(window.copy().to_log().to_bytes(), bytes.clone());
                if log.entries() == 1 && refund.is_none() && log.windows().count() <= 4 && log.header().newest_units < 1 << 32 {
                    prop_assert!(is_small(&window), "a single entry in the general form");
                }
                if i % reload_every == 0 {
                    let read: Log = Log::from_bytes(&bytes).expect("its own bytes");
                    window = Window::of(read);
                    window.kept_until(Timestamp(u64::from(log.header().kept_until) * 1000));
                }
            }
        }
    }
}

#[test]
fn a_key_with_one_or_two_hits_takes_64_bytes() {
    let mut window = Window::default();
    let step = |seq, at| Step {
        seq,
        at: Timestamp(at),
        units: 3,
        expires: None,
        max_entries: 512,
        windows: Windows::new([1000, 60_000, 3_600_000, 86_400_000].into_iter().map(Span)),
        by_policy: false,
        extra: (),
    };
    let mut sizes = Vec::new();
    for (seq, at) in [(1, START), (2, START + 300), (3, START + 600), (4, START + 100_000_000)] {
        assert!(window.apply(&step(seq, at)));
        sizes.push(window.allocated());
    }
    assert_eq!((sizes[0], sizes[1], sizes[3]), (64, 64, 64), "{sizes:?}");
    assert!(sizes[2] > 64, "three hits are more than it can hold");
}
