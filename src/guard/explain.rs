//! Finds all that a guard holds about a subject.

use crate::text::time::Timestamp;

use super::address::{Block, Place};
use super::bans::{BanKey, Entry, Target};
use super::hash::Hash;
use super::lift::Targets;
use super::state::State;
use super::subject::Who;
use super::value::{Ask, Guard};

/// The most subjects of which something is shown: a user may have many pairs.
const MOST: usize = 200;

pub(crate) struct Explained {
    /// A call about the subject.
    pub ask: Ask,
    people: Vec<Who>,
    places: Vec<Place>,
    block: Option<Block>,
}

/// Finds what concerns `targets`, which `ask` names as a call does.
pub(crate) fn explain(guard: &Guard, targets: &Targets, ask: &Ask) -> Explained {
    let mut ask = *ask;
    let mut people = Vec::new();
    let block = match targets {
        Targets::Block(block) => Some(*block),
        _ => None,
    };
    match targets {
        Targets::Hashes(hashes) => {
            for hash in hashes {
                let held = guard.people.from(Who::user(*hash)).map(|(who, _)| who);
                people.extend(held.take_while(|who| who.hash == *hash).take(MOST));
            }
            if ask.user.is_none() {
                let hash = hashes.first().copied();
                let is_key = hash.is_some_and(|hash| is_key(guard, hash));
                (ask.user, ask.key) = if is_key { (None, hash) } else { (hash, None) };
            }
        }
        Targets::Some(named) => {
            people.extend(named);
            people.extend(named.first().filter(|who| !who.is_key()).map(|who| Who::user(who.hash)));
        }
        Targets::Block(_) | Targets::All => {}
    }
    let place = ask.place().or(block.and_then(Block::place));
    let places = [place, place.and_then(Place::wide)].into_iter().flatten().collect();
    Explained { ask, people, places, block }
}

/// Whether a hash is that of a free key of which something is held.
fn is_key(guard: &Guard, hash: Hash) -> bool {
    let key = Who::key(hash);
    guard.people.contains(&key) || guard.bans.of(Target::Who(key)).next().is_some()
}

impl Explained {
    /// The hash of the user or the key.
    pub(crate) fn user(&self) -> Option<Hash> {
        self.ask.user.or(self.ask.key)
    }

    /// How many networks and devices of the user are known.
    pub(crate) fn known(&self, guard: &Guard, now: Timestamp) -> (usize, usize) {
        let known = self.ask.user.and_then(|user| guard.known.get(&user));
        known.map_or((0, 0), |known| known.counts(now))
    }

    /// What is held about each subject: its name, whether it is a /48, and its state.
    pub(crate) fn states<'g>(&self, guard: &'g Guard) -> Vec<(String, bool, &'g State)> {
        let places = self
            .places
            .iter()
            .filter_map(|place| Some((place.to_string(), place.is_wide(), guard.places.get(place)?)));
        let people =
            self.people.iter().filter_map(|who| Some((who.to_string(), false, guard.people.get(who)?)));
        places.chain(people).collect()
    }

    /// The entries in force that concern the subject.
    pub(crate) fn entries<'g>(&self, guard: &'g Guard, now: Timestamp) -> Vec<(BanKey, &'g Entry)> {
        let concerns = |target: Target| match target {
            Target::Block(block) => {
                self.ask.ip.is_some_and(|ip| block.contains(ip))
                    || self.block.is_some_and(|own| block.covers(own) || own.covers(block))
            }
            Target::Who(who) => {
                let is_named = self.people.contains(&who);
                is_named || self.user().is_some_and(|hash| who.hash == hash && !self.is_pair())
            }
        };
        let found = guard.bans.iter().filter(|((target, _), entry)| concerns(*target) && !entry.is_over(now));
        found.take(MOST).collect()
    }

    /// Whether one pair was asked about, rather than a user with all of them.
    fn is_pair(&self) -> bool {
        self.ask.ip.is_some() && self.ask.user.is_some()
    }
}
