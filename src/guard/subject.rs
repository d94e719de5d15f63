//! What a guard keeps counts for, besides addresses: users, users at an address or device, and free
//! keys.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::address::{Block, Place};
use super::hash::Hash;

/// A user, a pair, or a free key. A user and its pairs are next to each other in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Who {
    pub hash: Hash,
    at: At,
    /// The address, the network or the device of a pair; else 0.
    bits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum At {
    User,
    V4,
    V6,
    /// A network that the user is known at.
    Network,
    Device,
    Key,
}

impl Who {
    pub(crate) const LOWEST: Self = Self { hash: Hash::LOWEST, at: At::User, bits: 0 };

    pub(crate) fn user(hash: Hash) -> Self {
        Self { hash, at: At::User, bits: 0 }
    }

    pub(crate) fn key(hash: Hash) -> Self {
        Self { hash, at: At::Key, bits: 0 }
    }

    /// The pair of a user and an address that is no /48.
    pub(crate) fn pair(user: Hash, place: Place) -> Self {
        Self { hash: user, at: if place.is_v4() { At::V4 } else { At::V6 }, bits: place.bits() }
    }

    /// The pair of a user and the network of an address, which the user is known at.
    pub(crate) fn in_network(user: Hash, place: Place) -> Self {
        Self { hash: user, at: At::Network, bits: place.network() }
    }

    /// The pair of a user and a device that the user is known by.
    pub(crate) fn at_device(user: Hash, device: u64) -> Self {
        Self { hash: user, at: At::Device, bits: device }
    }

    pub(crate) fn is_user(self) -> bool {
        self.at == At::User
    }

    pub(crate) fn is_key(self) -> bool {
        self.at == At::Key
    }

    /// The address of a pair.
    pub(crate) fn place(self) -> Option<Place> {
        match self.at {
            At::V4 | At::V6 => Some(Place::of_bits(self.at == At::V4, self.bits)),
            At::User | At::Network | At::Device | At::Key => None,
        }
    }

    /// The device of a pair, as a hash.
    pub(crate) fn device(self) -> Option<u64> {
        (self.at == At::Device).then_some(self.bits)
    }

    pub(crate) fn is_sound(self) -> bool {
        match self.at {
            At::User | At::Key => self.bits == 0,
            At::V4 => self.bits <= u64::from(u32::MAX),
            At::V6 | At::Network | At::Device => true,
        }
    }
}

/// `user 0123456789abcdef`, `user 0123456789abcdef at 203.0.113.7`, `key 0123456789abcdef`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.is_key() { "key" } else { "user" }, self.hash)?;
        if let Some(place) = self.place() {
            write!(f, " at {place}")?;
        }
        if self.at == At::Network {
            write!(f, " at {}", Block::of_network(self.bits))?;
        }
        match self.device() {
            Some(device) => write!(f, " at device {device:016x}"),
            None => Ok(()),
        }
    }
}
