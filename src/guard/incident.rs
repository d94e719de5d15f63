//! What a decision has to report: as an alert, as an audit event, or as both.

use std::sync::Arc;

use crate::text::time::Timestamp;

use super::address::Place;
use super::bans::Target;
use super::ruleset::ActiveRule;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A rule whose action is `alert` has fired.
    Alert,
    Challenge,
    Ban,
    /// Nobody's login succeeds: new bans become challenges.
    Broken,
    /// Many more logins fail than usual.
    Attack,
    /// Too many networks were banned in a minute: new bans become challenges.
    Capped,
    /// There is no room for another ban: new ones become challenges.
    Full,
    /// Most outcomes come from one private address, which is probably a proxy's.
    Proxy,
}

/// Why a new ban becomes a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restraint {
    /// The guard is younger than `guard-learn`.
    Learning,
    /// The site seems to be broken: nobody's login succeeds.
    Broken,
    /// Too many networks were banned in the last minute.
    Capped,
    /// There are too many bans already.
    Full,
    /// The server is above `maxmemory`.
    Memory,
}

impl Restraint {
    /// The word in audit events.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Broken => "broken",
            Self::Capped => "capped",
            Self::Full => "full",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn own_alert(self) -> Option<What> {
        match self {
            Self::Learning | Self::Memory => None,
            Self::Broken => Some(What::Broken),
            Self::Capped => Some(What::Capped),
            Self::Full => Some(What::Full),
        }
    }
}

pub(crate) struct Incident {
    pub what: What,
    pub rule: Option<Arc<ActiveRule>>,
    pub target: Option<Target>,
    pub until: Option<Timestamp>,
    pub strikes: u8,
    /// Whether a challenge raises an alert too.
    pub alerts: bool,
    /// Whether a pair is denied, because it solved a challenge and went on.
    pub denies: bool,
    pub in_place_of_ban: Option<Restraint>,
}

impl Incident {
    pub(crate) fn of_rule(what: What, rule: &Arc<ActiveRule>, target: Target) -> Self {
        Self { rule: Some(Arc::clone(rule)), target: Some(target), ..Self::of_guard(what) }
    }

    /// An incident of the guard as a whole.
    pub(crate) fn of_guard(what: What) -> Self {
        Self {
            what,
            rule: None,
            target: None,
            until: None,
            strikes: 0,
            alerts: false,
            denies: false,
            in_place_of_ban: None,
        }
    }

    pub(crate) fn proxy(place: Place) -> Self {
        Self { target: Some(Target::Block(place.block())), ..Self::of_guard(What::Proxy) }
    }
}
