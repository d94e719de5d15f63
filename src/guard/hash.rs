//! Keyed hashes of users, devices, free keys and values.
//!
//! A guard holds no name: only hashes by SipHash-1-3 with 128 bits under a random key of the guard.
//! So nobody can choose names that collide, and a dump of the guard shows no names without guessing
//! them one by one.

use std::cmp::Ordering;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip128::{Hasher128, SipHasher13};

/// The random key of a guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, std::hash::Hash, Serialize, Deserialize)]
pub(crate) struct HashKey(pub [u8; 16]);

/// A hash of a user or of a free key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hash(pub [u64; 2]);

impl Hash {
    fn number(self) -> u128 {
        u128::from(self.0[0]) << 64 | u128::from(self.0[1])
    }
}

/// The derived order, as one comparison of numbers: searches compare a lot.
impl Ord for Hash {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for Hash {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As bytes: random numbers are longer as variable-length integers.
impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.number().to_be_bytes())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let bytes = bytes.try_into().map_err(|_| D::Error::invalid_length(bytes.len(), &"16 bytes"))?;
        let all = u128::from_be_bytes(bytes);
        Ok(Self([(all >> 64) as u64, all as u64]))
    }
}

/// What a hash is of. Two equal texts of different kinds have different hashes.
#[derive(Clone, Copy)]
enum Domain {
    User,
    Key,
    Device,
    Value,
    Network,
}

impl HashKey {
    pub(crate) fn user(&self, name: &[u8]) -> Hash {
        self.hash(Domain::User, name)
    }

    pub(crate) fn key(&self, name: &[u8]) -> Hash {
        self.hash(Domain::Key, name)
    }

    pub(crate) fn device(&self, id: &[u8]) -> u64 {
        self.hash(Domain::Device, id).short()
    }

    pub(crate) fn value(&self, value: &[u8]) -> u64 {
        self.hash(Domain::Value, value).short()
    }

    pub(crate) fn network(&self, network: u64) -> u64 {
        self.hash(Domain::Network, &network.to_le_bytes()).short()
    }

    fn hash(&self, domain: Domain, bytes: &[u8]) -> Hash {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        std::hash::Hasher::write(&mut hasher, &[domain as u8]);
        std::hash::Hasher::write(&mut hasher, bytes);
        let hash = hasher.finish128();
        Hash([hash.h1, hash.h2])
    }
}

impl Hash {
    pub(crate) const LOWEST: Self = Self([0; 2]);

    /// The part that replies show and that distinct counts keep.
    pub(crate) fn short(self) -> u64 {
        self.0[0]
    }

    /// The lowest hash that is shown as `short`.
    pub(crate) fn lowest_of(short: u64) -> Self {
        Self([short, 0])
    }
}

/// Sixteen hexadecimal digits, as replies show a hash.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.short())
    }
}

/// Reads what [`Hash`]'s `Display` writes.
pub(crate) fn read_short(text: &[u8]) -> Result<u64, &'static str> {
    let is_hex = text.len() == 16 && text.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(text).ok().filter(|_| is_hex);
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or("is not 16 hexadecimal digits, as LW.BANS and LW.WHY show a user")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_of_different_kinds_have_different_hashes() {
        let key = HashKey([7; 16]);
        assert_eq!(key.user(b"a"), key.user(b"a"));
        assert_ne!(key.user(b"a"), key.key(b"a"));
        assert_ne!(key.user(b"a"), HashKey([8; 16]).user(b"a"));
        assert_ne!(key.device(b"a"), key.value(b"a"));
    }

    #[test]
    fn a_shown_hash_is_read_again() {
        let hash = HashKey([1; 16]).user(b"ann@example.com");
        assert_eq!(read_short(hash.to_string().as_bytes()), Ok(hash.short()));
        for bad in ["", "12", "+123456789abcdef", "0123456789abcdefg", "\u{e9}123456789abcde"] {
            assert!(read_short(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
