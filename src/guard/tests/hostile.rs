//! Bytes of RESTORE that are damaged or hostile.

use proptest::prelude::*;

use super::super::effect::GuardEffect;
use super::super::lift::{Extent, Targets};
use super::calls::{acts, rules};
use super::site::{Site, bytes, read};

/// Bytes to overwrite, by the piece and the place from its start or end.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff)];
    prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), byte), 1..4)
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
