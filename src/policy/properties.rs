//! The store against a naive model, and its bytes against damage.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::text::time::Span;
use crate::window::verdict::Quota;

use super::rule::Rule;
use super::store::{MAX_LENGTHS, MAX_OVERRIDES, MAX_POLICIES, Refused, Store};
use super::subject::Pattern;
use super::wire;

fn rule(limit: u64) -> Rule {
    Rule::new(&[Quota { limit, window: Span(1000) }], limit % 2 == 1).unwrap()
}

fn pattern(text: &[u8]) -> Pattern<'_> {
    Pattern::parse(text).unwrap()
}

/// Limits by the texts of their overrides.
type Overrides = BTreeMap<Vec<u8>, u64>;

/// A policy's limit and its overrides, by its name.
#[derive(Default)]
struct Model(BTreeMap<Vec<u8>, (u64, Overrides)>);

impl Model {
    /// Looks at every override.
    fn find(&self, name: &[u8], key: &[u8]) -> Option<u64> {
        let (own, overrides) = self.0.get(name)?;
        let text = key.iter().map(|&byte| byte as char).collect::<String>();
        let tag = text.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
        let subject: Vec<u8> =
            tag.filter(|tag| !tag.is_empty()).unwrap_or(&text).chars().map(|sign| sign as u8).collect();
        let matching = overrides.iter().filter(|(text, _)| match text.strip_suffix(b"*") {
            Some(prefix) => subject.starts_with(prefix),
            None => **text == subject,
        });
        let best = matching.max_by_key(|(text, _)| (!text.ends_with(b"*"), text.len()));
        Some(best.map_or(*own, |(_, limit)| *limit))
    }
}

#[derive(Clone, Debug)]
enum Op {
    Set(Vec<u8>, u64),
    SetOverride(Vec<u8>, Vec<u8>, u64),
    Delete(Vec<u8>),
    DeleteOverride(Vec<u8>, Vec<u8>),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec!["a", "A", "login", "x.y-z_1"]).prop_map(|name| name.as_bytes().to_vec())
}

/// Subjects that collide, with bytes that matter to the parsing of keys.
fn subject() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(vec![b'a', b'b', b'{', b'}', 0, 0xff]);
    prop::collection::vec(byte, 0..6)
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    (subject(), any::<bool>()).prop_filter_map("an empty subject", |(mut text, has_star)| {
        text.extend(has_star.then_some(b'*'));
        (!text.is_empty()).then_some(text)
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (name(), 0..100_u64).prop_map(|(name, limit)| Op::Set(name, limit)),
        8 => (name(), text(), 0..100_u64).prop_map(|(name, text, limit)| Op::SetOverride(name, text, limit)),
        1 => name().prop_map(Op::Delete),
        3 => (name(), text()).prop_map(|(name, text)| Op::DeleteOverride(name, text)),
    ]
}

/// Makes a change in both, and checks that both tell alike whether it changes anything.
fn run(store: &mut Store, model: &mut Model, op: &Op) {
    match op {
        Op::Set(name, limit) => {
            let old = model.0.get(name).map(|(limit, _)| *limit);
            assert_eq!(store.set(name, rule(*limit)), Ok(old != Some(*limit)));
            model.0.entry(name.clone()).or_default().0 = *limit;
        }
        Op::SetOverride(name, text, limit) => {
            let answer = store.set_override(name, pattern(text), rule(*limit));
            match model.0.get_mut(name) {
                None => assert_eq!(answer, Err(Refused::NoPolicy)),
                Some((_, overrides)) => {
                    assert_eq!(answer, Ok(overrides.insert(text.clone(), *limit) != Some(*limit)));
                }
            }
        }
        Op::Delete(name) => assert_eq!(store.delete(name), model.0.remove(name).is_some()),
        Op::DeleteOverride(name, text) => {
            let removed = model.0.get_mut(name).and_then(|(_, overrides)| overrides.remove(text));
            assert_eq!(store.delete_override(name, pattern(text)), removed.is_some());
        }
    }
}

fn payload(op: &Op) -> Vec<u8> {
    match op {
        Op::Set(name, limit) => wire::set(name, None, &rule(*limit)),
        Op::SetOverride(name, text, limit) => wire::set(name, Some(text), &rule(*limit)),
        Op::Delete(name) => wire::delete(name, None),
        Op::DeleteOverride(name, text) => wire::delete(name, Some(text)),
    }
}

proptest! {
    #[test]
    fn a_lookup_finds_what_the_model_finds(
        ops in prop::collection::vec(op(), 1..80),
        keys in prop::collection::vec(subject(), 1..20),
    ) {
        let (mut store, mut model) = (Store::default(), Model::default());
        for op in &ops {
            run(&mut store, &mut model, op);
        }
        for name in [&b"a"[..], b"A", b"login", b"x.y-z_1", b"none"] {
            for key in &keys {
                let found = store.find(name, key).map(|applied| applied.quotas()[0].limit);
                prop_assert_eq!(found, model.find(name, key));
                let explained = store.get(name).map(|policy| policy.explain(key).rule.quotas()[0].limit);
                prop_assert_eq!(explained, found);
            }
        }
        let overrides: usize = model.0.values().map(|(_, overrides)| overrides.len()).sum();
        prop_assert_eq!((store.len(), store.overrides()), (model.0.len(), overrides));
    }

    #[test]
    fn effects_give_the_same_store_however_often_each_is_applied(ops in prop::collection::vec(op(), 1..60)) {
        let (mut store, mut copy, mut model) = (Store::default(), Store::default(), Model::default());
        for op in &ops {
            run(&mut store, &mut model, op);
            for _ in 0..2 {
                prop_assert_eq!(wire::apply(&mut copy, &payload(op)), Ok(()));
            }
            prop_assert_eq!(wire::whole(&copy), wire::whole(&store));
        }
        let mut loaded = Store::default();
        loaded.set(b"before", rule(1)).unwrap();
        prop_assert_eq!(wire::apply(&mut loaded, &wire::whole(&store)), Ok(()));
        prop_assert_eq!(wire::whole(&loaded), wire::whole(&store));
        prop_assert_eq!(wire::digest(&loaded), wire::digest(&store));
    }

    #[test]
    fn damaged_bytes_are_refused_and_change_nothing_or_are_sound(
        ops in prop::collection::vec(op(), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut store, mut model) = (Store::default(), Model::default());
        ops.iter().for_each(|op| run(&mut store, &mut model, op));
        let sound: Vec<Vec<u8>> = ops.iter().map(payload).chain([wire::whole(&store)]).collect();
        for bytes in sound {
            let mut damaged = bytes.clone();
            for (at, byte) in &flips {
                *at.get_mut(&mut damaged) = *byte;
            }
            for hostile in [&damaged[..], &bytes[..cut.index(bytes.len())]] {
                let before = wire::whole(&store);
                match wire::apply(&mut store, hostile) {
                    Err(_) => prop_assert_eq!(wire::whole(&store), before),
                    // What was accepted can be saved and loaded.
                    Ok(()) => {
                        prop_assert!(store.len() <= MAX_POLICIES && store.overrides() <= MAX_OVERRIDES);
                        let whole = wire::whole(&store);
                        prop_assert_eq!(wire::apply(&mut Store::default(), &whole), Ok(()));
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_or_applied(bytes: Vec<u8>, version in 0..4_u8) {
        let payload = [&[version][..], &bytes].concat();
        let _ = wire::apply(&mut Store::default(), &payload);
    }
}

#[test]
fn the_number_of_policies_overrides_and_lengths_is_bounded() {
    let mut store = Store::default();
    for n in 0..MAX_POLICIES {
        assert_eq!(store.set(format!("p{n}").as_bytes(), rule(1)), Ok(true));
    }
    assert_eq!(store.set(b"more", rule(1)), Err(Refused::TooManyPolicies));
    assert_eq!(store.set(b"p0", rule(2)), Ok(true));
    for n in 0..MAX_OVERRIDES {
        let policy = format!("p{}", n % 3);
        assert_eq!(
            store.set_override(policy.as_bytes(), pattern(format!("s{n}").as_bytes()), rule(1)),
            Ok(true)
        );
    }
    assert_eq!(store.set_override(b"p5", pattern(b"more"), rule(1)), Err(Refused::TooManyOverrides));
    assert_eq!(store.set_override(b"p0", pattern(b"s0"), rule(3)), Ok(true));
    // An effect beyond the bounds changes nothing.
    let before = wire::whole(&store);
    for effect in [wire::set(b"more", None, &rule(1)), wire::set(b"p5", Some(b"more"), &rule(1))] {
        assert_eq!(wire::apply(&mut store, &effect), Ok(()));
        assert_eq!(wire::whole(&store), before);
    }
    assert!(store.delete(b"p0"));
    assert_eq!(
        (store.len(), store.overrides()),
        (MAX_POLICIES - 1, MAX_OVERRIDES - MAX_OVERRIDES.div_ceil(3))
    );
    for n in 0..MAX_LENGTHS {
        let text = format!("{}*", "x".repeat(n));
        assert_eq!(store.set_override(b"p7", pattern(text.as_bytes()), rule(n as u64)), Ok(true));
    }
    let longer = format!("{}*", "x".repeat(MAX_LENGTHS));
    assert_eq!(store.set_override(b"p7", pattern(longer.as_bytes()), rule(1)), Err(Refused::TooManyLengths));
    assert_eq!(store.set_override(b"p7", pattern(b"yyy*"), rule(1)), Ok(true));
    let limit = |key: &[u8]| store.find(b"p7", key).unwrap().quotas()[0].limit;
    assert_eq!((limit(b"xxx"), limit(&[b'x'; 5000]), limit(b"z")), (3, MAX_LENGTHS as u64 - 1, 0));
}

#[test]
fn damaged_policies_are_refused() {
    let saved = |limits: &[(u64, u64)]| {
        let whole =
            vec![(b"p".to_vec(), (limits.to_vec(), false), Vec::<(Vec<u8>, (Vec<(u64, u64)>, bool))>::new())];
        crate::journal::wire::write(2, &whole)
    };
    let apply = |payload: &[u8]| wire::apply(&mut Store::default(), payload);
    assert_eq!(apply(&saved(&[(1, 60_000)])), Ok(()));
    for limits in [&[][..], &[(1 << 53, 1)], &[(1, 0)], &[(1, Span::MAX.0 + 1)], &[(1, 1); 9]] {
        assert_eq!(apply(&saved(limits)), Err("damaged policies"), "{limits:?}");
    }
    let twice = wire::whole(&{
        let mut store = Store::default();
        store.set(b"a", rule(1)).unwrap();
        store.set(b"b", rule(1)).unwrap();
        store
    });
    let twice: Vec<u8> = twice.iter().map(|&byte| if byte == b'b' { b'a' } else { byte }).collect();
    assert_eq!(apply(&twice), Err("damaged policies"));
    assert_eq!(apply(b""), Err("it is empty"));
    assert_eq!(apply(b"\x03"), Err("a newer version of lockwatch wrote it"));
}
