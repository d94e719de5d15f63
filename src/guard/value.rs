//! A guard: all that is known about the subjects of one login or site.

use std::mem::take;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::server::thread::drop_elsewhere;
use crate::text::time::Timestamp;

use super::address::Place;
use super::bans::Bans;
use super::cap::Cap;
use super::hash::{Hash, HashKey};
use super::health::Health;
use super::known::Known;
use super::local::Local;
use super::proxy::Proxy;
use super::state::State;
use super::subject::Who;
use super::table::{HeapSize, Table};

/// Guards with at least this many subjects are freed on a thread.
const MANY: usize = 1000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub hash_key: HashKey,
    pub created: Timestamp,
    /// The number of the last change.
    pub seq: u64,
    /// When nothing in the guard matters any longer, at the latest.
    pub until: Timestamp,
}

/// What changes with most outcomes of logins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    pub health: Health,
    pub proxy: Proxy,
}

impl Pulse {
    pub(crate) fn is_sound(&self) -> bool {
        self.health.is_sound() && self.proxy.is_sound()
    }
}

#[derive(Clone, Default)]
pub(crate) struct Guard {
    pub header: Header,
    pub pulse: Pulse,
    pub cap: Cap,
    pub bans: Bans,
    pub known: Table<Hash, Known>,
    pub places: Table<Place, State>,
    /// Users, pairs and free keys.
    pub people: Table<Who, State>,
    /// Not part of the value: what only this process needs.
    pub local: Local,
}

impl HeapSize for State {
    fn heap_size(&self) -> usize {
        State::heap_size(self)
    }
}

impl HeapSize for Known {
    fn heap_size(&self) -> usize {
        Known::heap_size(self)
    }
}

/// Whom a call is about, as hashes. All parts are optional.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    /// Normalised.
    pub ip: Option<IpAddr>,
    pub user: Option<Hash>,
    pub device: Option<u64>,
    pub key: Option<Hash>,
    pub value: Option<u64>,
}

/// What a guard knows of the user of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acquaintance {
    /// The user is known at the network or by the device of the call.
    pub is_known: bool,
    /// The user at the address. A device that the user is known by has a pair of its own.
    pub pair: Option<Who>,
}

impl Ask {
    pub(crate) fn place(&self) -> Option<Place> {
        self.ip.map(Place::of)
    }
}

impl Guard {
    pub(crate) fn new(hash_key: HashKey, created: Timestamp) -> Self {
        Self { header: Header { hash_key, created, seq: 0, until: created }, ..Self::default() }
    }

    pub(crate) fn subjects(&self) -> usize {
        self.places.len() + self.people.len()
    }

    /// Whether it holds nothing that a call could miss.
    pub(crate) fn is_empty(&self) -> bool {
        self.bans.is_empty() && self.known.is_empty() && self.places.is_empty() && self.people.is_empty()
    }

    /// What is known of the user of a call, and the pair. A device that the user is known by has a
    /// pair of its own. All addresses of a network that the user is known at are one pair: nothing
    /// else bounds guesses from there, and an IPv6 network has 65 536 of them.
    pub(crate) fn acquaintance(&self, ask: &Ask, now: Timestamp) -> Acquaintance {
        let Some(user) = ask.user else { return Acquaintance::default() };
        let place = ask.place();
        let at_place = place.map(|place| Who::pair(user, place));
        let Some(known) = self.known.get(&user) else {
            return Acquaintance { is_known: false, pair: at_place };
        };
        let device = ask.device.filter(|device| known.has_device(*device, now));
        let has_network =
            |place: &Place| known.has_network(self.header.hash_key.network(place.network()), now);
        let network = place.filter(has_network);
        let at_device = device.map(|device| Who::at_device(user, device));
        let in_network = network.map(|place| Who::in_network(user, place));
        Acquaintance {
            is_known: device.is_some() || network.is_some(),
            pair: at_device.or(in_network).or(at_place),
        }
    }

    /// The approximate size in bytes, as if nothing were shared with a copy.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.bans.size() + self.known.size() + self.places.size() + self.people.size()
    }

    /// Removes all addresses, people and known users. They are freed on a thread if there are many.
    pub(crate) fn forget(&mut self) {
        let is_large = self.subjects() + self.known.len() >= MANY;
        let old = (take(&mut self.people), take(&mut self.places), take(&mut self.known));
        if is_large {
            drop_elsewhere(old);
        }
    }

    /// Frees the guard, on a thread if it is large.
    pub(crate) fn dispose(self) {
        if self.subjects() + self.bans.len() + self.known.len() >= MANY {
            drop_elsewhere(self);
        }
    }
}
