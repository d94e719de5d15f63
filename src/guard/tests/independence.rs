//! What one call must not change for others.

use proptest::prelude::*;

use super::super::counter::Counter;
use super::super::judge::Level;
use super::super::state::State;
use super::calls::{Act, acts, call, rules};
use super::model::Ask;
use super::site::{Call, KEY, Site};

/// Whether `after` is `before`, perhaps without `user` in its sets.
fn is_without(before: &State, after: Option<&State>, user: u64) -> bool {
    before.rules().iter().all(|old| {
        let new = after.and_then(|state| state.rules().iter().find(|new| new.tag == old.tag));
        let Counter::Set(all) = &old.counter else { return new == Some(old) };
        let mut rest = all.values();
        rest.retain(|value| *value != user);
        match new.map(|new| &new.counter) {
            Some(Counter::Set(new)) => new.values() == all.values() || new.values() == rest,
            Some(_) => false,
            None => rest.is_empty(),
        }
    })
}

proptest! {
    #[test]
    fn a_success_changes_only_its_own_user(file in rules(), acts in acts(), address in 0..6_usize, user in 0..3_u32) {
        let mut site = Site::new(&file);
        acts.iter().for_each(|act| drop(act.run(&mut site)));
        let before = site.guard.clone();
        let ask = Ask { address: Some(address), user: Some(user), device: None, key: None, value: None, solved: false };
        site.event("success", call(&ask));
        let own = KEY.user(&user.to_le_bytes());
        for (who, state) in before.people.iter().filter(|(who, _)| who.hash != own) {
            prop_assert_eq!(site.guard.people.get(&who), Some(state));
        }
        for (other, known) in before.known.iter().filter(|(other, _)| *other != own) {
            prop_assert_eq!(site.guard.known.get(&other), Some(known));
        }
        for (place, state) in before.places.iter() {
            let after = site.guard.places.get(&place);
            prop_assert!(is_without(state, after, own.short()));
            let challenges = after.map_or(&[][..], State::challenges);
            prop_assert_eq!(challenges, state.challenges());
        }
        for (key, entry) in before.bans.iter() {
            prop_assert_eq!(site.guard.bans.get(&key), Some(entry));
        }
    }

    #[test]
    fn an_observed_rule_changes_no_verdict(file in rules(), more in rules(), acts in acts(), is_first: bool) {
        let observed: String = more.lines().skip(1)
            .map(|line| line.replace("login r", "login seen").replace("enforce", "observe") + "\n")
            .collect();
        let both = if is_first { observed + &file } else { file.clone() + &observed };
        let (mut with, mut without) = (Site::new(&both), Site::new(&file));
        for act in acts {
            let verdicts = [&mut with, &mut without].map(|site| act.run(site).map(|one| one.judged.enforced));
            prop_assert_eq!(&verdicts[0], &verdicts[1]);
        }
    }

    #[test]
    fn a_denied_attempt_writes_nothing_and_a_denied_event_counts_nothing(file in rules(), acts in acts()) {
        let mut site = Site::new(&file);
        for act in acts {
            let before = site.guard.clone();
            let level = act.call().map_or(Level::Allow, |call| site.level(call));
            act.run(&mut site);
            match act {
                Act::Attempt(ask) if level == Level::Deny || (level == Level::Challenge && !ask.solved) => {
                    prop_assert!(!site.wrote);
                }
                Act::Event("failure" | "unknown" | "mfa" | "404", _) if level == Level::Deny => {
                    for (key, entry) in before.bans.iter() {
                        prop_assert_eq!(site.guard.bans.get(&key), Some(entry));
                    }
                    for (who, state) in site.guard.people.iter() {
                        prop_assert_eq!(before.people.get(&who), Some(state));
                    }
                    prop_assert_eq!(&site.guard.pulse, &before.pulse);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn attempts_in_parallel_admit_as_many_as_the_rule(most in 1_u32..20, tries in 1_usize..60, solved: bool) {
        let mut site = Site::new(&format!("login r pair attempt {most} leak 1h challenge 1h enforce"));
        let call = Call { solved, ..super::site::call("203.0.113.7", 1) };
        let admitted = (0..tries).filter(|_| site.tries(call) == Level::Allow).count();
        prop_assert_eq!(admitted, tries.min(most as usize));
    }
}
