//! Ends bans, challenges and allow entries.

use super::address::{Block, Place};
use super::bans::{BanKey, Source, Target};
use super::edit::Edit;
use super::hash::Hash;
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
        Targets::All => edit.guard.known.iter().map(|(user, _)| user).collect(),
        Targets::Block(_) | Targets::Some(_) => Vec::new(),
    };
    users.into_iter().for_each(|user| edit.forget_known(user));
}
