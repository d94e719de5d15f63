//! An event that rules count, and the subjects that they count it for.

use crate::text::time::Span;

use super::address::Place;
use super::bans::Target;
use super::never_ban::NeverBan;
use super::rule::Kind;
use super::subject::Who;
use super::value::Ask;

/// What a decision reads besides the guard and its rules.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// `guard-mode observe`.
    pub observe: bool,
    pub never_ban: &'a NeverBan,
    /// `guard-learn`.
    pub learn: Span,
    /// Returns a random number up to 100: by how many thousandths a new ban is longer.
    pub jitter: fn() -> u64,
}

/// An event that rules count.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub kind: &'a Kind,
    pub ask: &'a Ask,
    pub pair: Option<Who>,
    /// The user is known at the network or by the device.
    pub is_known: bool,
    /// A challenge was solved for this attempt.
    pub solved: bool,
}

/// What one rule counts an event for.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    Place(Place),
    Who(Who),
}

impl Subject {
    pub(super) fn target(self) -> Target {
        match self {
            Self::Place(place) => Target::Block(place.block()),
            Self::Who(who) => Target::Who(who),
        }
    }

    /// What the cap on new bans counts.
    pub(super) fn network(self) -> u64 {
        match self {
            Self::Place(place) => place.network(),
            Self::Who(who) => who.hash.short(),
        }
    }
}
