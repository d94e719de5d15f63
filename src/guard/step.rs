//! Every way in which a guard changes, and how a change is applied.
//!
//! A change holds the whole new state of a subject, and all its times are absolute. Applying it
//! reads no clock, no rules and no directives, so all copies are equal to the bit.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};
use crate::window::effect::is_after;

use super::address::Place;
use super::bans::{self, BanKey, Entry};
use super::cap::Cap;
use super::hash::{Hash, HashKey};
use super::known::Known;
use super::state::State;
use super::subject::Who;
use super::value::{Guard, Pulse};

/// More changes than a guard has entries. LW.LIFT ALL FORGET changes all of them in one step.
pub(crate) const MOST: usize = 1 << 26;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step<C> {
    /// One more than the number of the last change.
    pub seq: u64,
    /// Set by the first step of a guard.
    pub open: Option<Open>,
    pub changes: Vec<C>,
    /// When the key expires.
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub hash_key: HashKey,
    pub created: Timestamp,
}

/// The new state of one part; `None` removes it. `S`, `K`, `E`, `P` and `C` are values where a step
/// is read, and references where one is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change<S = State, K = Known, E = Entry, P = Pulse, C = Cap> {
    Person(Who, Option<S>),
    Place(Place, Option<S>),
    Known(Hash, Option<K>),
    Ban(BanKey, Option<E>),
    Pulse(P),
    Cap(C),
    /// Removes all addresses, people and known users. Comes before the other changes of a step.
    Forget,
}

/// A change that refers to its guard.
pub(crate) type ChangeOf<'a> = Change<&'a State, &'a Known, &'a Entry, &'a Pulse, &'a Cap>;

impl Change {
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Person(who, state) => who.is_sound() && state.as_ref().is_none_or(State::is_sound),
            Self::Place(place, state) => place.is_sound() && state.as_ref().is_none_or(State::is_sound),
            Self::Known(_, known) => known.as_ref().is_none_or(Known::is_sound),
            Self::Ban(key, Some(entry)) => bans::is_sound(key, entry),
            Self::Ban((target, _), None) => target.is_sound(),
            Self::Pulse(pulse) => pulse.is_sound(),
            Self::Cap(cap) => cap.is_sound(),
            Self::Forget => true,
        }
    }
}

impl Step<Change> {
    /// Whether its numbers are in range.
    pub(crate) fn is_sound(&self) -> bool {
        self.changes.len() <= MOST
            && self.changes.iter().all(Change::is_sound)
            && self.until <= Timestamp::NEVER + Span::MAX
            && self.open.is_none_or(|open| open.created < Timestamp::NEVER)
    }
}

impl Guard {
    /// Applies a step of the primary. One that was applied before changes nothing.
    pub(crate) fn apply(&mut self, step: Step<Change>) {
        if let Some(open) = step.open {
            let is_same = self.header.hash_key == open.hash_key && self.header.created == open.created;
            if !is_same {
                std::mem::replace(self, Self::new(open.hash_key, open.created)).dispose();
            }
        }
        if !is_after(step.seq, self.header.seq) {
            return;
        }
        self.header.seq = step.seq;
        self.header.until = step.until;
        step.changes.into_iter().for_each(|change| self.set(change));
    }

    pub(super) fn set(&mut self, change: Change) {
        match change {
            Change::Person(who, state) => self.people.set(who, state),
            Change::Place(place, state) => self.places.set(place, state),
            Change::Known(user, known) => self.known.set(user, known),
            Change::Ban(key, entry) => self.bans.set(key, entry),
            Change::Pulse(pulse) => self.pulse = pulse,
            Change::Cap(cap) => self.cap = cap,
            Change::Forget => self.forget(),
        }
    }
}
