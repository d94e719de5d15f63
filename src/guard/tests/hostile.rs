//! Bytes of RESTORE that are damaged or hostile.

use proptest::prelude::*;

use super::super::bans::Source;
use super::super::effect::GuardEffect;
use super::super::lift::{Extent, Targets};
use super::calls::{acts, rules};
use super::site::{Call, Site, block, bytes, call, read};
use crate::text::time::{Span, Timestamp};

/// Bytes to overwrite, by the piece and the place from its start or end.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff)];
    prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), byte), 1..4)
}

#[test]
fn an_entry_that_comes_twice_is_refused() {
    let from = call("203.0.113.7", 1);
    let sites: [fn(&mut Site, Call); 4] = [
        |site, from| drop(site.attempt(from)),
        |site, from| drop(site.event("404", from)),
        |site, from| drop(site.event("success", from)),
        |site, _| assert!(site.set(block("203.0.113.7"), Source::Operator, 1000)),
    ];
    for act in sites {
        let mut site =
            Site::new("login p pair attempt 9 leak 1h alert enforce\nlogin r ip 404 9 leak 1h alert enforce");
        act(&mut site, from);
        let mut pieces = site.bytes();
        assert!(read(&pieces).is_ok());
        let items = pieces[0].last_mut().unwrap();
        assert_eq!(std::mem::replace(items, 2), 1, "the number of entries is the last byte");
        pieces.push(pieces[1].clone());
        assert!(read(&pieces).is_err());
    }
}

#[test]
fn an_end_later_than_any_clock_makes_a_step_that_replicas_accept() {
    let mut site = Site::new(super::super::builtin::TEXT).with_replica();
    let latest = Timestamp::NEVER + Span::MAX;
    assert!(site.set(block("203.0.113.7"), Source::Operator, latest.0 - site.now));
    assert_eq!(site.replica.as_ref().map(bytes), Some(site.bytes()));
    assert!(read(&site.bytes()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_from_damaged_bytes_can_be_used(
        file in rules(), acts in acts(), damage in damage(), more in acts(),
    ) {
        let mut site = Site::new(&file);
        acts.iter().for_each(|act| drop(act.run(&mut site)));
        let mut pieces = site.bytes();
        for (piece, at, byte) in damage {
            let piece = piece.index(pieces.len());
            let at = at.index(pieces[piece].len());
            pieces[piece][at] = byte;
        }
        let Ok(guard) = read(&pieces) else { return Ok(()) };
        // It can be saved again, and a replica that loads it follows.
        let saved = bytes(&guard);
        site.guard = guard;
        site.replica = Some(read(&saved).unwrap());
        more.iter().for_each(|act| drop(act.run(&mut site)));
        site.lift(&Targets::All, Extent { forget: true, allowed: true });
        acts.iter().for_each(|act| drop(act.run(&mut site)));
        let replica = site.replica.take().unwrap();
        prop_assert_eq!(bytes(&replica), site.bytes());
        prop_assert!(read(&site.bytes()).is_ok());
    }

    #[test]
    fn any_bytes_are_read_or_refused(payload: Vec<u8>, kind in 1..4_u8) {
        let _ = GuardEffect::decode(&payload);
        let _ = GuardEffect::decode(&[&[kind], &payload[..]].concat());
        let _ = read(&[[&[1], &payload[..]].concat(), payload]);
    }
}
