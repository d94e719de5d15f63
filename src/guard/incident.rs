//! What a decision has to report: as an alert, as an audit event, or as both.

use std::sync::Arc;

use crate::text::time::Timestamp;

use super::address::Place;
use super::bans::Target;
use super::fire::Restraint;
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
