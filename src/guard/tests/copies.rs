//! Replicas, copies and files are equal to the guard.

use proptest::prelude::*;

use super::super::edit::count_of;
use super::super::effect::{self, GuardEffect};
use super::super::rule_state::RuleState;
use super::super::state::State;
use super::super::step::Change;
use super::super::value::Guard;
use super::calls::{acts, rules, steps_back};
use super::site::{Site, bytes, read};
use crate::text::time::Timestamp;

/// The guard that the effects of an AOF rewrite make.
fn from_effects(guard: &Guard) -> Guard {
    let mut made = Guard::default();
    effect::whole(guard, &mut |payload| match GuardEffect::decode(payload).unwrap() {
        GuardEffect::Opening(opening) => made = opening.into_guard(),
        GuardEffect::More(items) => assert!(made.extend(items)),
        GuardEffect::Step(_) => panic!("a step"),
    });
    made
}

/// The latest end of anything that the guard holds.
fn ends(site: &Site) -> Timestamp {
    let guard = &site.guard;
    let rules = site.rules();
    let count = |is_wide| move |tag| count_of(rules, tag, is_wide);
    let people = guard.people.iter().map(|(_, state)| state.ends(count(false)));
    let places = guard.places.iter().map(|(place, state)| state.ends(count(place.is_wide())));
    let known = guard.known.iter().map(|(_, known)| known.ends());
    let bans = guard.bans.iter().map(|(_, entry)| entry.until);
    people.chain(places).chain(known).chain(bans).max().unwrap_or_default()
}

fn has_no_empty_count(site: &Site) -> bool {
    let is_full = |is_wide, state: &State| {
        let ends = |one: &RuleState| Some(one.ends(&count_of(site.rules(), one.tag, is_wide)?));
        state.rules().iter().all(|one| ends(one).flatten().is_some())
    };
    site.guard.people.iter().all(|(_, state)| is_full(false, state))
        && site.guard.places.iter().all(|(place, state)| is_full(place.is_wide(), state))
}

fn is_sound(guard: &Guard) -> bool {
    let bans = guard.bans.iter().map(|(key, entry)| Change::Ban(key, Some(entry.clone())));
    let known = guard.known.iter().map(|(user, known)| Change::Known(user, Some(known.clone())));
    let places = guard.places.iter().map(|(place, state)| Change::Place(place, Some(state.clone())));
    let people = guard.people.iter().map(|(who, state)| Change::Person(who, Some(state.clone())));
    let mut whole = [Change::Pulse(guard.pulse.clone()), Change::Cap(guard.cap.clone())].into_iter();
    bans.chain(known).chain(places).chain(people).all(|change| change.is_sound())
        && whole.all(|change: Change| change.is_sound())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_copy_is_equal_to_the_guard(file in rules(), acts in acts(), back in steps_back()) {
        let mut site = Site::new(&file).with_replica();
        for (act, back) in acts.iter().zip(back) {
            site.now -= back;
            act.run(&mut site);
            prop_assert!(is_sound(&site.guard) && has_no_empty_count(&site));
            prop_assert!(ends(&site) <= site.guard.header.until || site.guard.header.seq == 0);
        }
        prop_assume!(site.guard.header.seq > 0);
        let expected = site.bytes();
        let replica = site.replica.take().unwrap();
        prop_assert_eq!(&bytes(&replica), &expected);
        prop_assert_eq!(&bytes(&read(&expected).unwrap()), &expected);
        prop_assert_eq!(&bytes(&from_effects(&site.guard)), &expected);
        prop_assert_eq!(&bytes(&site.guard.clone()), &expected);
    }

    #[test]
    fn the_size_is_that_of_the_same_guard_from_a_file(file in rules(), acts in acts(), more in acts()) {
        let mut site = Site::new(&file);
        acts.iter().for_each(|act| drop(act.run(&mut site)));
        let copy = site.guard.clone();
        more.iter().for_each(|act| drop(act.run(&mut site)));
        for guard in [&copy, &site.guard] {
            prop_assert_eq!(read(&bytes(guard)).unwrap().size(), guard.size());
        }
    }

    #[test]
    fn other_rules_apply_the_same_steps(file in rules(), other in rules(), acts in acts(), more in acts()) {
        let mut site = Site::new(&file).with_replica();
        acts.iter().for_each(|act| drop(act.run(&mut site)));
        // The rules file changes, and back.
        let others = std::mem::replace(&mut site.rules, Site::new(&other).rules);
        more.iter().for_each(|act| drop(act.run(&mut site)));
        site.rules = others;
        more.iter().for_each(|act| drop(act.run(&mut site)));
        prop_assume!(site.guard.header.seq > 0);
        prop_assert!(is_sound(&site.guard));
        let replica = site.replica.take().unwrap();
        prop_assert_eq!(bytes(&replica), site.bytes());
    }
}
