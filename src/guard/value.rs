//! A guard: all that is known about the subjects of one login or site.

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

    /// Whether the user of the call is known at its network or by its device.
    pub(crate) fn knows(&self, ask: &Ask, now: Timestamp) -> bool {
        let Some(known) = ask.user.and_then(|user| self.known.get(&user)) else { return false };
        let hash_key = &self.header.hash_key;
        let network = ask.place().map(|place| hash_key.network(place.network()));
        network.is_some_and(|hash| known.has_network(hash, now))
            || ask.device.is_some_and(|device| known.has_device(device, now))
    }

    /// The pair of the call. A device that the user is known by has a pair of its own. All addresses
    /// of a network that the user is known at are one pair: nothing else bounds guesses from there,
    /// and an IPv6 network has 65 536 of them.
    pub(crate) fn pair(&self, ask: &Ask, now: Timestamp) -> Option<Who> {
        let user = ask.user?;
        let known = self.known.get(&user);
        let is_known = |device: &u64| known.is_some_and(|known| known.has_device(*device, now));
        if let Some(device) = ask.device.filter(is_known) {
            return Some(Who::at_device(user, device));
        }
        let place = ask.place()?;
        let network = self.header.hash_key.network(place.network());
        let is_known = known.is_some_and(|known| known.has_network(network, now));
        Some(if is_known { Who::in_network(user, place) } else { Who::pair(user, place) })
    }

    /// The approximate size in bytes, as if nothing were shared with a copy.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.bans.size() + self.known.size() + self.places.size() + self.people.size()
    }

    /// Frees the guard, on a thread if it is large.
    pub(crate) fn dispose(self) {
        if self.subjects() + self.bans.len() + self.known.len() >= MANY {
            drop_elsewhere(self);
        }
    }
}
