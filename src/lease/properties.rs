//! The leases of a key against a brute-force oracle, and every copy against the original.

use proptest::prelude::*;

use crate::text::time::{Span, Timestamp};

use super::decide::{Acquired, Conflict, Wanted, lowest_fence};
use super::effect::{self, LeaseEffect};
use super::id::{Fence, LeaseId};
use super::leases::{Leases, MOST};
use super::oracle::Oracle;
use super::snapshot;
use super::step::{Act, Step};

#[derive(Clone, Debug)]
enum Call {
    Acquire { id: u8, limit: u64, ttl: u64, cost: u32 },
    Renew { id: u8, ttl: u64 },
    Release { id: u8 },
}

fn calls() -> impl Strategy<Value = Vec<(i64, Call)>> {
    let id = 0..12_u8;
    let ttl = prop_oneof![1..20_u64, 1..200_u64, Just(10_000_u64)];
    let call = prop_oneof![
        6 => (id.clone(), 0..12_u64, ttl.clone(), prop_oneof![3 => Just(1_u32), 1 => 1..5_u32])
            .prop_map(|(id, limit, ttl, cost)| Call::Acquire { id, limit, ttl, cost }),
        2 => (id.clone(), ttl).prop_map(|(id, ttl)| Call::Renew { id, ttl }),
        2 => id.prop_map(|id| Call::Release { id }),
    ];
    let passed = prop_oneof![4 => 0..10_i64, 2 => 0..80_i64, 1 => -100..0_i64, 1 => Just(5_000_i64)];
    prop::collection::vec((passed, call), 1..80)
}

fn id(n: u8) -> LeaseId {
    LeaseId::new(&[n; 3]).unwrap()
}

/// A key on the primary, and the same key elsewhere, to which effects come twice.
#[derive(Default)]
struct Keys {
    own: Option<Leases>,
    copy: Option<Leases>,
    last_fence: Fence,
    /// What the process remembers for [`lowest_fence`].
    last_lowest: Fence,
}

impl Keys {
    fn leases(&mut self) -> Leases {
        self.own.take().unwrap_or_default()
    }

    /// Applies the step as `native::update` and `commands::apply` do.
    fn commit(&mut self, mut leases: Leases, step: Option<Step>) {
        let existed = leases.header().fence > Fence(0);
        let Some(mut step) = step else {
            self.own = existed.then_some(leases);
            return;
        };
        assert!(leases.apply(&step));
        step.expires = leases.expiry();
        self.own = step.expires.map(|_| leases);
        let sent = LeaseEffect::decode(&step.encode()).unwrap();
        assert_eq!(sent, LeaseEffect::Step(step));
        for _ in 0..2 {
            match &mut self.copy {
                Some(copy) => {
                    copy.apply(&step);
                }
                None if matches!(step.act, Act::Acquire { .. }) => {
                    self.copy.insert(Leases::default()).apply(&step);
                }
                None => {}
            }
            if step.expires.is_none() {
                self.copy = None;
            }
        }
    }
}

fn pieces(leases: &Leases) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    snapshot::write(leases, &mut |piece| pieces.push(piece.to_vec()));
    pieces
}

fn load(pieces: &[Vec<u8>]) -> Result<Leases, &'static str> {
    let mut rest = pieces[1..].iter().cloned();
    snapshot::read(&pieces[0], &mut || rest.next().map(Vec::into_boxed_slice))
}

fn rewritten(leases: &Leases) -> Leases {
    let mut payloads = Vec::new();
    effect::whole(leases, &mut |payload| payloads.push(payload.to_vec()));
    let mut value = Leases::default();
    for payload in payloads {
        match LeaseEffect::decode(&payload).unwrap() {
            LeaseEffect::Opening(header, leases) => {
                value = Leases::of(header);
                leases.iter().for_each(|(fence, lease)| assert!(value.add(*fence, lease)));
            }
            LeaseEffect::More(leases) => {
                leases.iter().for_each(|(fence, lease)| assert!(value.add(*fence, lease)));
            }
            LeaseEffect::Step(_) => panic!("a whole value has no steps"),
        }
    }
    value
}

/// Makes one call of both and compares the answers.
fn compare(keys: &mut Keys, oracle: &mut Oracle, call: &Call, now: u64) {
    let mut leases = keys.leases();
    let before = pieces(&leases);
    let at = Timestamp(now);
    let step = match *call {
        Call::Acquire { id: n, limit, ttl, cost } => {
            let expected = oracle.acquire(n, limit, ttl, u64::from(cost), now);
            let wanted =
                Wanted { limit, ttl: Span(ttl), cost, id: id(n), fence: lowest_fence(at, keys.last_lowest) };
            match leases.acquire(&wanted, at) {
                Err(Conflict::OtherCost(_)) => {
                    assert_eq!(expected, None);
                    assert_eq!(pieces(&leases), before);
                    None
                }
                Err(Conflict::Full) => panic!("full with 12 ids"),
                Ok((acquired, in_use, step)) => {
                    let answer = match acquired {
                        Acquired::New { fence, end } => {
                            assert!(fence > keys.last_fence);
                            (keys.last_fence, keys.last_lowest) = (fence, wanted.fence);
                            assert_eq!(end, at + Span(ttl));
                            (1, in_use, 0)
                        }
                        Acquired::Repeat { end, .. } => {
                            assert!(end >= at + Span(ttl));
                            (2, in_use, 0)
                        }
                        Acquired::Denied { retry_after } => {
                            (0, in_use, retry_after.map_or(-1, |span| span.0 as i64))
                        }
                    };
                    assert_eq!(Some(answer), expected);
                    step
                }
            }
        }
        Call::Renew { id: n, ttl } => {
            let (end, step) = leases.renewal(&id(n), Span(ttl), at);
            assert_eq!(end.is_some(), oracle.renew(n, ttl, now));
            step
        }
        Call::Release { id: n } => {
            let (released, step) = leases.release(&id(n), None, at);
            assert_eq!(released, oracle.release(n, now));
            step
        }
    };
    if step.is_none() {
        assert_eq!(pieces(&leases), before, "{call:?} changed something and says nothing");
    }
    keys.commit(leases, step);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_answer_is_the_oracles_and_every_copy_the_same(calls in calls()) {
        let (mut keys, mut oracle) = (Keys::default(), Oracle::default());
        let mut now = 1_000_000_i64;
        for (passed, call) in &calls {
            now = (now + passed).max(1);
            compare(&mut keys, &mut oracle, call, now as u64);
            let (in_use, end) = oracle.state(now as u64);
            let Some(own) = &mut keys.own else {
                prop_assert_eq!((in_use, end), (0, None));
                prop_assert!(keys.copy.is_none());
                continue;
            };
            own.assert_sound();
            prop_assert_eq!(own.in_use(Timestamp(now as u64)), in_use);
            own.assert_sound();
            if let Some(end) = end {
                prop_assert!(own.last_end().unwrap() >= Timestamp(end));
            }
            let saved = pieces(own);
            let copy = keys.copy.as_ref().unwrap();
            copy.assert_sound();
            prop_assert_eq!(&saved, &pieces(copy));
            prop_assert_eq!(&saved, &pieces(&load(&saved).unwrap()));
            prop_assert_eq!(&saved, &pieces(&rewritten(own)));
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_make_a_sound_value(
        calls in calls(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut leases = Leases::default();
        for (n, (ttl, _)) in calls.iter().enumerate() {
            let ttl = Span(ttl.unsigned_abs() + 1);
            let wanted = Wanted { limit: 100, ttl, cost: 1, id: id(n as u8), fence: Fence(1) };
            let (_, _, step) = leases.acquire(&wanted, Timestamp(1_000_000 + n as u64)).unwrap();
            leases.apply(&step.unwrap());
        }
        let mut saved = pieces(&leases);
        // What was not damaged before is no value when it is cut short.
        let mut short = saved.clone();
        let last = short.len() - 1;
        let len = cut.index(short[last].len());
        short[last].truncate(len);
        prop_assert!(load(&short).is_err());
        for (at, byte) in damage {
            let piece = at.index(saved.len());
            let place = at.index(saved[piece].len());
            saved[piece][place] = byte;
        }
        if let Ok(mut leases) = load(&saved) {
            leases.assert_sound();
            let wanted = Wanted { limit: u64::MAX >> 1, ttl: Span(1), cost: 1, id: id(99), fence: Fence(1) };
            for now in [0, 1_000_000, 1 << 50] {
                if let Ok((_, _, Some(step))) = leases.acquire(&wanted, Timestamp(now)) {
                    leases.apply(&step);
                }
                leases.assert_sound();
            }
        }
        let effect: Vec<u8> = saved.concat();
        let _ = LeaseEffect::decode(&effect);
    }
}

/// Fills a key with as many leases as it may hold, each a millisecond longer than the one before.
fn full() -> Leases {
    let mut leases = Leases::default();
    for n in 0..MOST {
        let id = LeaseId::new(&n.to_le_bytes()).unwrap();
        let wanted =
            Wanted { limit: MOST as u64 + 9, ttl: Span(1000 + n as u64), cost: 1, id, fence: Fence(1) };
        let (acquired, in_use, step) = leases.acquire(&wanted, Timestamp(5)).unwrap();
        assert!(matches!(acquired, Acquired::New { .. }) && in_use == n as u64 + 1);
        assert!(leases.apply(&step.unwrap()));
    }
    leases
}

#[test]
fn a_full_key_takes_one_lease_for_each_that_ends() {
    let mut leases = full();
    let wanted = Wanted { limit: MOST as u64 + 9, ttl: Span(1), cost: 1, id: id(1), fence: Fence(1) };
    assert_eq!(leases.acquire(&wanted, Timestamp(1004)).err(), Some(Conflict::Full));
    let (_, in_use, step) = leases.acquire(&wanted, Timestamp(1005)).unwrap();
    assert_eq!(in_use, MOST as u64);
    assert!(leases.apply(&step.unwrap()));
    assert_eq!(leases.len(), MOST);
    leases.assert_sound();
    let copy = load(&pieces(&leases)).unwrap();
    assert_eq!(pieces(&copy), pieces(&leases));
    assert_eq!(pieces(&rewritten(&leases)), pieces(&leases));
}

#[test]
fn ended_leases_are_dropped_a_few_at_a_time_and_never_count() {
    let mut leases = full();
    let now = Timestamp(5 + 1000 + 60_000);
    for n in 0..200_u8 {
        let wanted = Wanted { limit: 1 << 20, ttl: Span(1_000_000), cost: 1, id: id(n), fence: Fence(1) };
        let (_, in_use, step) = leases.acquire(&wanted, now).unwrap();
        assert_eq!(in_use, MOST as u64 - 60_001 + u64::from(n) + 1);
        assert!(leases.apply(&step.unwrap()));
    }
    assert_eq!(leases.len(), MOST + 200 - 200 * 64);
    leases.assert_sound();
}

#[test]
fn a_clock_that_steps_back_revives_no_lease_and_prolongs_none() {
    let mut leases = Leases::default();
    let acquire = |leases: &mut Leases, n: u8, ttl: u64, now: u64| {
        let wanted = Wanted { limit: 9, ttl: Span(ttl), cost: 1, id: id(n), fence: Fence(1) };
        let (_, in_use, step) = leases.acquire(&wanted, Timestamp(now)).unwrap();
        leases.apply(&step.unwrap());
        in_use
    };
    assert_eq!(acquire(&mut leases, 1, 100, 1000), 1);
    assert_eq!(acquire(&mut leases, 2, 1000, 1050), 2);
    assert_eq!(acquire(&mut leases, 3, 1000, 1100), 2);
    // Lease 1 had ended by 1100. The other two started later than the clock shows now.
    assert_eq!(leases.in_use(Timestamp(500)), 2);
    let (released, step) = leases.release(&id(1), None, Timestamp(500));
    assert!(!released);
    assert!(leases.apply(&step.unwrap()));
    assert_eq!(leases.last_end(), Some(Timestamp(1500)));
    assert_eq!(leases.in_use(Timestamp(1499)), 2);
    assert_eq!(leases.in_use(Timestamp(1500)), 0);
}

#[test]
fn a_fence_grows_also_after_the_key_was_gone() {
    let (mut seen, mut last) = (0, Fence(0));
    // The clock stands still, moves on and steps back.
    for now in [1, 1, 2, 1000, 999, 1001] {
        let mut leases = Leases::default();
        for n in 0..3 {
            last = lowest_fence(Timestamp(now), last);
            let wanted = Wanted { limit: 9, ttl: Span(9), cost: 1, id: id(n), fence: last };
            let (acquired, _, step) = leases.acquire(&wanted, Timestamp(now)).unwrap();
            leases.apply(&step.unwrap());
            let Acquired::New { fence, .. } = acquired else { panic!("{acquired:?}") };
            assert!(fence.0 > seen && fence.0 >= now * 1000);
            seen = fence.0;
        }
    }
}
