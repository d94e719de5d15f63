//! Ends bans, challenges and allow entries.

use crate::text::time::Span;

use super::address::{Block, Place};
use super::bans::{BanKey, Source, Target};
use super::edit::Edit;
use super::hash::Hash;
use super::state::State;
use super::subject::Who;

/// Whom LW.LIFT concerns.
#[derive(Debug)]
pub(crate) enum Targets {
    Block(Block),
    /// Users with all their pairs, and free keys.
    Hashes(Vec<Hash>),
    /// Pairs, or one free key.
    Some(Vec<Who>),
    All,
}

/// What LW.LIFT ends besides bans and challenges.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// Counts, strikes, known networks and devices are forgotten.
    pub forget: bool,
    /// Allow entries end.
    pub allowed: bool,
}

impl Targets {
    fn has_block(&self, block: Block) -> bool {
        match self {
            Self::All => true,
            Self::Block(outer) => {
                // Rules count an IPv6 address by its /64 and its /48.
                let place = outer.place();
                outer.covers(block)
                    || place.is_some_and(|place| place.block() == block)
                    || place.and_then(Place::wide).is_some_and(|wide| wide.block() == block)
            }
            Self::Hashes(_) | Self::Some(_) => false,
        }
    }

    fn has_person(&self, who: Who) -> bool {
        match self {
            Self::All => true,
            Self::Hashes(hashes) => hashes.contains(&who.hash),
            Self::Some(people) => people.contains(&who),
            Self::Block(_) => false,
        }
    }

    fn has(&self, target: Target) -> bool {
        match target {
            Target::Block(block) => self.has_block(block),
            Target::Who(who) => self.has_person(who),
        }
    }

    /// The people concerned, without a search through all where possible.
    fn people(&self, edit: &Edit<'_>) -> Vec<Who> {
        let all = |from| edit.guard.people.from(from).map(|(who, _)| who);
        match self {
            Self::All => all(Who::LOWEST).collect(),
            Self::Some(people) => people.clone(),
            Self::Hashes(hashes) => {
                let of = |hash| all(Who::user(hash)).take_while(move |who| who.hash == hash);
                hashes.iter().flat_map(|hash| of(*hash)).collect()
            }
            Self::Block(_) => Vec::new(),
        }
    }

    fn places(&self, edit: &Edit<'_>) -> Vec<Place> {
        let found = match self {
            // A /48 has places of its own in it.
            Self::Block(outer) if outer.place().is_some_and(|place| !place.is_wide()) => {
                let place = outer.place();
                let wide = place.and_then(Place::wide);
                return [place, wide].into_iter().flatten().collect();
            }
            Self::Block(_) | Self::All => edit.guard.places.iter(),
            Self::Hashes(_) | Self::Some(_) => return Vec::new(),
        };
        found.map(|(place, _)| place).filter(|place| self.has_block(place.block())).collect()
    }
}

/// Ends what stands against `targets`. Returns the number of bans, challenges and allow entries
/// that were in force.
pub(crate) fn lift(edit: &mut Edit<'_>, targets: &Targets, extent: Extent) -> u64 {
    let mut ended = bans(edit, targets, extent);
    let now = edit.now;
    if extent.forget && matches!(targets, Targets::All) {
        return ended + forget_all(edit);
    }
    for who in targets.people(edit) {
        let Some(state) = edit.guard.people.get(&who) else { continue };
        if extent.forget || !state.challenges().is_empty() {
            ended += edit.existing_person(who, |state| state.end_challenges(now)).unwrap_or(0) as u64;
        }
        if extent.forget {
            edit.remove_person(who);
        }
    }
    for place in targets.places(edit) {
        let Some(state) = edit.guard.places.get(&place) else { continue };
        if extent.forget || !state.challenges().is_empty() {
            ended += edit.existing_place(place, |state| state.end_challenges(now)).unwrap_or(0) as u64;
        }
        if extent.forget {
            edit.remove_place(place);
        }
    }
    if extent.forget {
        known(edit, targets);
    }
    ended
}

/// Forgets everybody, in a step of a few bytes. Returns the number of challenges in force.
fn forget_all(edit: &mut Edit<'_>) -> u64 {
    let (guard, now) = (&*edit.guard, edit.now);
    let is_empty = guard.subjects() == 0 && guard.known.is_empty();
    let people = guard.people.iter().map(|(_, state)| state);
    let states = people.chain(guard.places.iter().map(|(_, state)| state));
    let challenges = states.flat_map(State::challenges);
    let ended = challenges.filter(|challenge| challenge.left(now) > Span(0)).count() as u64;
    if !is_empty {
        edit.forget_all();
    }
    ended
}

fn bans(edit: &mut Edit<'_>, targets: &Targets, extent: Extent) -> u64 {
    let concerned =
        |(target, source): &BanKey| targets.has(*target) && (extent.allowed || *source != Source::Allow);
    let bans = edit.guard.bans.iter().map(|(key, entry)| (key, entry.is_over(edit.now)));
    let found: Vec<_> = bans.filter(|(key, _)| concerned(key)).collect();
    let in_force = |(key, is_over): &&(BanKey, bool)| !is_over && !matches!(key.1, Source::Observed(_));
    let ended = found.iter().filter(in_force).count() as u64;
    found.into_iter().for_each(|(key, _)| edit.remove_ban(key));
    ended
}

fn known(edit: &mut Edit<'_>, targets: &Targets) {
    let users: Vec<_> = match targets {
        Targets::Hashes(hashes) => hashes.clone(),
        Targets::All | Targets::Block(_) | Targets::Some(_) => Vec::new(),
    };
    users.into_iter().for_each(|user| edit.forget_known(user));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::edit::Limits;
    use crate::guard::effect::GuardEffect;
    use crate::guard::hash::HashKey;
    use crate::guard::rule::Tag;
    use crate::guard::ruleset::RuleSet;
    use crate::guard::state::Challenge;
    use crate::guard::value::Guard;
    use crate::guard::{builtin, snapshot};
    use crate::text::time::Timestamp;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    /// Runs `act` on a guard. Returns what it answers, and the encoded step.
    fn edit<R>(guard: &mut Guard, act: impl FnOnce(&mut Edit<'_>) -> R) -> (R, Vec<u8>) {
        let rules = RuleSet::new(builtin::entries(), None);
        let limits = Limits { max_bytes: 20 << 20, may_create: true };
        let mut edit = Edit::new(guard, rules.of_key(b"login").unwrap(), limits, NOW);
        let answer = act(&mut edit);
        (answer, edit.finish().unwrap().encode())
    }

    fn apply(guard: &mut Guard, step: &[u8]) {
        match GuardEffect::decode(step).unwrap() {
            GuardEffect::Step(step) => guard.apply(step),
            other => panic!("{other:?}"),
        }
    }

    fn bytes(guard: &Guard) -> Vec<u8> {
        let mut all = Vec::new();
        snapshot::write(guard, &mut |piece| all.extend_from_slice(piece));
        all
    }

    fn challenge() -> Challenge {
        let (from, until) = (NOW, NOW + Span(1000));
        Challenge { tag: Tag::of("guess"), rule: "guess".into(), from, until, denies: false, solved: false }
    }

    /// A guard in which many users are challenged and known, and a copy that has applied its steps.
    fn pair_of_guards(users: u64) -> (Guard, Guard) {
        let (mut guard, mut copy) = (Guard::new(HashKey([7; 16]), NOW), Guard::default());
        let ((), step) = edit(&mut guard, |edit| {
            for user in (0..users).map(|user| Hash([user, user])) {
                edit.person(Who::user(user), |state| state.challenge(challenge()));
                edit.known(user, |known| known.remember_device(1, NOW));
            }
        });
        apply(&mut copy, &step);
        assert_eq!(bytes(&copy), bytes(&guard));
        (guard, copy)
    }

    #[test]
    fn a_step_has_each_of_many_subjects_once_however_often_they_changed() {
        let (mut guard, _) = pair_of_guards(1);
        let ((), step) = edit(&mut guard, |edit| {
            for n in 0..300 {
                edit.person(Who::user(Hash([n % 100, 0])), |state| state.challenge(challenge()));
            }
        });
        match GuardEffect::decode(&step).unwrap() {
            GuardEffect::Step(step) => assert_eq!(step.changes.len(), 100),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_are_forgotten_in_a_step_of_a_few_bytes() {
        let (mut guard, mut copy) = pair_of_guards(3000);
        let extent = Extent { forget: true, allowed: false };
        let (ended, step) = edit(&mut guard, |edit| lift(edit, &Targets::All, extent));
        assert_eq!((ended, guard.is_empty()), (3000, true));
        assert!(step.len() < 64, "{}", step.len());
        apply(&mut copy, &step);
        assert_eq!(bytes(&copy), bytes(&guard));
    }
}
