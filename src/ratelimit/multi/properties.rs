//! Property tests of calls on several keys against a brute-force model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::server::command::Command;
use crate::text::time::{Span, Timestamp};
use crate::window::effect::{Step, WindowEffect};
use crate::window::oracle::Oracle;
use crate::window::value::{Stored, Window};
use crate::window::verdict::{Quota, Verdict, Wait};

use super::decide::{Decision, decide, step};
use super::limit::MRateLimit;
use super::request::{MAX_TUPLES, Request, Tuple};

/// Some time in 2026.
const START: u64 = 1_790_000_000_000;

/// More entries than any test makes calls, so that no entries merge.
const MANY_ENTRIES: u16 = 16_384;

const NAMES: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];

/// A call `delay` milliseconds after the previous one. Negative if the clock steps back.
#[derive(Clone, Debug)]
struct Call {
    delay: i64,
    costs: [u64; NAMES.len()],
    /// The index of a key, and the limits of the tuple: one, or more as of a policy.
    tuples: Vec<(usize, Vec<Quota>)>,
}

impl Call {
    fn request(&self) -> Request<'static> {
        let mut request = Request::with_room_for(MAX_TUPLES);
        for (name, quotas) in &self.tuples {
            let key = request.position(NAMES[*name]).unwrap_or_else(|| request.add_key(NAMES[*name]));
            // A key has at most eight limits.
            let _ = request.add(MRateLimit::SPEC, key, quotas, self.costs[*name], None);
        }
        request
    }
}

fn delay() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0_i64), 8 => 1_i64..4, 4 => 4_i64..300, 1 => 300_i64..15_000, 1 => -400_i64..0]
}

fn quota() -> impl Strategy<Value = Quota> {
    let limit = prop_oneof![1 => 0_u64..2, 12 => 2_u64..40, 6 => 40_u64..400];
    let window = prop::sample::select(vec![1_u64, 7, 50, 51, 400, 1000, 10_000]);
    (limit, window).prop_map(|(limit, window)| Quota { limit, window: Span(window) })
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let cost = || prop_oneof![2 => Just(0_u64), 8 => Just(1_u64), 3 => 2_u64..6, 1 => 6_u64..60];
    let quotas =
        prop_oneof![5 => prop::collection::vec(quota(), 1), 1 => prop::collection::vec(quota(), 2..5)];
    let many = prop::collection::vec((0..NAMES.len(), quotas), 1..=MAX_TUPLES);
    let tuples = prop_oneof![
        3 => many.clone().prop_map(|mut tuples| { tuples.truncate(3); tuples }),
        1 => many,
    ];
    let call = (delay(), [cost(), cost(), cost(), cost()], tuples);
    prop::collection::vec(call.prop_map(|(delay, costs, tuples)| Call { delay, costs, tuples }), 1..120)
}

/// The admissions of every key.
#[derive(Clone, Default)]
struct Model(BTreeMap<&'static [u8], Oracle>);

impl Model {
    fn of(&self, name: &[u8]) -> Oracle {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn count(&self, name: &[u8], window: Span, now: u64) -> u64 {
        self.of(name).count(window.0, now)
    }

    fn admits(&self, name: &[u8], quota: &Quota, cost: u64, now: u64) -> bool {
        self.count(name, quota.window, now) + cost.max(1) <= quota.limit
    }

    /// The first time from `now` on at which `admits` holds. It can only change when an admission
    /// leaves a window, so no other time is tried.
    fn first_time(&self, request: &Request<'_>, now: u64, admits: impl Fn(u64) -> bool) -> Wait {
        let windows: Vec<u64> = request.keys.iter().flat_map(|key| key.windows().map(|w| w.0)).collect();
        let admissions = self.0.values().flat_map(|oracle| oracle.admitted.iter().map(|(at, _)| *at));
        let mut times: Vec<u64> =
            admissions.flat_map(|at| windows.iter().map(move |w| at + w)).filter(|t| *t > now).collect();
        times.push(now);
        times.sort_unstable();
        times.into_iter().find(|time| admits(*time)).map_or(Wait::Never, |time| Wait::For(Span(time - now)))
    }

    /// The documented reply, each field computed from its definition.
    fn decide(&self, request: &Request<'_>, now: u64) -> Decision {
        let mut seen = self.clone();
        seen.0.values_mut().for_each(|oracle| oracle.step_back(now));
        let all = |time| {
            let mut keys = request.keys.iter();
            keys.all(|key| key.quotas().iter().all(|quota| seen.admits(key.name, quota, key.cost, time)))
        };
        let admitted = all(now);
        let after = if admitted { seen.recorded(request, now) } else { seen.clone() };
        let mut tuples: Vec<Verdict> = Vec::new();
        for tuple in &request.tuples {
            let key = &request.keys[tuple.key];
            let mut candidates: Vec<(Verdict, Span)> = Vec::new();
            for quota in key.quotas_of(tuple) {
                let alone = |time| seen.admits(key.name, quota, key.cost, time);
                let ends = after.of(key.name).admitted.iter().map(|(at, _)| at + quota.window.0).max();
                let verdict = Verdict {
                    admitted,
                    limit: quota.limit,
                    remaining: quota.limit.saturating_sub(after.count(key.name, quota.window, now)),
                    retry_after: seen.first_time(request, now, alone),
                    reset_after: Span(ends.unwrap_or(0).saturating_sub(now)),
                };
                candidates.push((verdict, quota.window));
            }
            // The strictest first, and of equals the one with the longer window.
            candidates.sort_by_key(|(verdict, window)| {
                let (wait, left) = (verdict.retry_after, verdict.remaining);
                let strictness = if admitted { (Wait::Never, left) } else { (wait, 0) };
                (std::cmp::Reverse(strictness.0), strictness.1, std::cmp::Reverse(*window))
            });
            tuples.push(candidates.remove(0).0);
        }
        let mut order: Vec<usize> = (0..tuples.len()).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&tuples[*a], &tuples[*b]);
            if admitted {
                (u128::from(a.remaining) * u128::from(b.limit))
                    .cmp(&(u128::from(b.remaining) * u128::from(a.limit)))
            } else {
                b.retry_after.cmp(&a.retry_after)
            }
        });
        let has_room = |tuple: &Tuple<'_>| {
            let key = &request.keys[tuple.key];
            key.quotas_of(tuple).iter().all(|quota| seen.admits(key.name, quota, key.cost, now))
        };
        Decision {
            admitted,
            binding: order[0],
            retry_after: seen.first_time(request, now, all),
            tuples,
            room: request.tuples.iter().map(has_room).collect(),
            recorded: vec![admitted; request.keys.len()],
        }
    }

    /// The model after an admitted call.
    fn recorded(&self, request: &Request<'_>, now: u64) -> Self {
        let mut after = self.clone();
        for key in request.keys.iter().filter(|key| key.cost > 0) {
            let name = NAMES.into_iter().find(|name| *name == key.name).expect("one of the names");
            after.0.entry(name).or_default().record(key.quotas(), key.cost, now);
        }
        after
    }
}

/// The logs of a server, without the server.
#[derive(Default)]
struct Logs(BTreeMap<&'static [u8], Window>);

impl Logs {
    fn decide(&self, request: &Request<'_>, now: u64) -> Decision {
        let logs: Vec<Option<&Window>> = request.keys.iter().map(|key| self.0.get(key.name)).collect();
        decide(request, &logs, Timestamp(now))
    }

    /// What LW.MRATELIMIT would do with the logs: the decision, and the step of each key.
    fn steps(
        &mut self,
        request: &Request<'_>,
        now: u64,
        max_entries: u16,
    ) -> (Decision, Vec<(&'static [u8], Step)>) {
        for key in &request.keys {
            if let Some(log) = self.0.get_mut(key.name) {
                log.advance(key.windows(), Timestamp(now));
            }
        }
        let decision = self.decide(request, now);
        let new = Window::default();
        let steps = request.keys.iter().filter_map(|key| {
            let name = NAMES.into_iter().find(|name| *name == key.name)?;
            let log = self.0.get(name).unwrap_or(&new);
            Some((name, step(key, log, decision.admitted, Timestamp(now), max_entries)?))
        });
        let steps = steps.collect();
        (decision, steps)
    }

    fn apply(&mut self, name: &'static [u8], step: &Step) -> bool {
        self.0.entry(name).or_default().apply(step)
    }

    fn bytes(&self) -> Vec<(&'static [u8], Vec<u8>)> {
        self.0.iter().map(|(name, log)| (*name, log.to_log().to_bytes())).collect()
    }
}

fn decoded(step: &Step) -> Step {
    match WindowEffect::decode(&step.encode()) {
        Ok(WindowEffect::Step(step)) => step,
        _ => panic!("a step that can't be read back"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_reply_equals_the_models_and_a_call_is_recorded_for_all_keys_or_none(calls in calls()) {
        let (mut logs, mut replica, mut model, mut now) = (Logs::default(), Logs::default(), Model::default(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay);
            let request = call.request();
            let expected = model.decide(&request, now);
            prop_assert_eq!(&logs.decide(&request, now), &expected);
            let before = logs.bytes();
            let (decision, steps) = logs.steps(&request, now, MANY_ENTRIES);
            prop_assert_eq!(&decision, &expected);
            prop_assert_eq!(logs.bytes(), before, "a decision changed a log");
            let recorded: Vec<_> =
                steps.iter().filter(|(_, step)| step.units > 0).map(|(name, step)| (*name, step.units)).collect();
            let charged = request.keys.iter().filter(|key| decision.admitted && key.cost > 0);
            prop_assert_eq!(recorded, charged.map(|key| (key.name, key.cost)).collect::<Vec<_>>());
            // The keys of the call, and no others, have moved their later admissions to now.
            for key in &request.keys {
                if let Some(oracle) = model.0.get_mut(key.name) {
                    oracle.step_back(now);
                }
            }
            if decision.admitted {
                model = model.recorded(&request, now);
            }
            for (name, step) in &steps {
                prop_assert!(logs.apply(name, step));
                let step = decoded(step);
                prop_assert!(replica.apply(name, &step) && !replica.apply(name, &step));
            }
            prop_assert_eq!(replica.bytes(), logs.bytes());
        }
    }

    #[test]
    fn a_full_log_never_admits_too_much_and_its_wait_is_exact(
        calls in calls(),
        max_entries in prop::sample::select(vec![8_u16, 16, MANY_ENTRIES]),
    ) {
        let (mut logs, mut model, mut now) = (Logs::default(), Model::default(), START);
        for call in &calls {
            now = now.saturating_add_signed(call.delay.max(0));
            let request = call.request();
            let (decision, steps) = logs.steps(&request, now, max_entries);
            steps.iter().for_each(|(name, step)| _ = logs.apply(name, step));
            if decision.admitted {
                for key in &request.keys {
                    for quota in key.quotas() {
                        prop_assert!(model.admits(key.name, quota, key.cost, now), "over-admitted");
                    }
                }
                model = model.recorded(&request, now);
                continue;
            }
            match decision.retry_after {
                Wait::For(Span(wait)) => {
                    prop_assert!(wait > 0, "denied without a wait");
                    prop_assert!(!logs.decide(&request, now + wait - 1).admitted, "a millisecond early");
                    prop_assert!(logs.decide(&request, now + wait).admitted, "late");
                }
                Wait::Never => {
                    let beyond = |key: &super::request::KeyLimits<'_>| {
                        key.quotas().iter().any(|quota| key.cost.max(1) > quota.limit)
                    };
                    prop_assert!(request.keys.iter().any(beyond), "never, although no limit forbids it");
                }
            }
        }
    }
}
