//! Property tests of steps by policy.

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};

use super::effect::{Step, WindowEffect};
use super::log::Log;
use super::properties::{Call, START, changing_quotas, cost, delay, saved, step_for};
use super::value::{Stored, Window};

fn decoded(step: &Step) -> Step {
    match WindowEffect::decode(step.encode().as_slice()) {
        Ok(WindowEffect::Step(step)) => step,
        _ => panic!("a step that can't be read back"),
    }
}

fn calls() -> impl Strategy<Value = Vec<(Call, bool)>> {
    let call = (delay(), changing_quotas(), cost(), any::<bool>());
    let call =
        call.prop_map(|(delay, quotas, cost, is_by_policy)| (Call { delay, quotas, cost }, is_by_policy));
    prop::collection::vec(call, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_step_by_policy_loses_nothing_that_is_there_and_copies_stay_equal(
        calls in calls(),
        max_entries in prop::sample::select(vec![8_u16, 64, 16_384]),
    ) {
        let (mut log, mut copy, mut now) = (Log::new(), Log::new(), START);
        // The compact form.
        let mut window = Window::default();
        for (call, is_by_policy) in &calls {
            now = now.saturating_add_signed(call.delay);
            let Some(step) = step_for(&mut log, call, now, max_entries).1 else { continue };
            let by_pairs = step;
            let step = Step { by_policy: *is_by_policy, ..step };
            let longest = call.quotas.iter().map(|quota| quota.window).max().unwrap_or_default();
            let mut without = log.clone();
            without.apply(&by_pairs);
            let same = decoded(&step);
            prop_assert_eq!(same, step);
            prop_assert!(log.apply(&step) && copy.apply(&same) && window.apply(&step));
            prop_assert!(!copy.apply(&same), "it was applied twice");
            prop_assert_eq!(saved(&log), saved(&copy));
            prop_assert_eq!(saved(&log), saved(&window.to_log()));
            prop_assert_eq!(log.expiry_to_set(), window.expiry_to_set());
            let now = Timestamp(now);
            // Every unit is still there, for windows of any length.
            for window in [1, 50, 400, 1000, 10_000, 1_000_000] {
                prop_assert_eq!(log.count(Span(window), now), without.count(Span(window), now));
            }
            if log.horizon() != without.horizon() {
                prop_assert!(*is_by_policy && step.units > 0);
                prop_assert_eq!(log.horizon(), longest);
                prop_assert_eq!(log.expires(), now + longest);
                // What was dropped could not be told apart from the policy's longest window.
                prop_assert_eq!(log.count(longest, now), log.count(Span::MAX, now));
            } else if *is_by_policy && step.units > 0 && log.horizon() > longest {
                prop_assert!(log.count(longest, now) < log.count(Span::MAX, now));
            }
            let loaded: Log = Log::from_bytes(&log.to_bytes()).unwrap();
            prop_assert_eq!(saved(&loaded), saved(&log));
        }
    }
}
