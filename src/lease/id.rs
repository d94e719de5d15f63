//! What a lease is named by: its id, which the caller may choose, and its fence, which only grows.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::server::random;

/// 1 to [`LeaseId::MOST`] bytes of any kind. Kept inline, so that many leases are few allocations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LeaseId {
    bytes: [u8; Self::MOST],
    len: u8,
}

/// Grows with each new lease of a key. A service can refuse a caller with a lower fence than one
/// that it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Fence(pub u64);

impl LeaseId {
    /// The longest id in bytes.
    pub(crate) const MOST: usize = 64;

    /// `None` if the length is out of range.
    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        let len = u8::try_from(id.len()).ok().filter(|len| (1..=Self::MOST).contains(&usize::from(*len)))?;
        let mut bytes = [0; Self::MOST];
        bytes[..id.len()].copy_from_slice(id);
        Some(Self { bytes, len })
    }

    /// Reads an argument.
    pub(crate) fn read(text: &[u8]) -> Result<Self, &'static str> {
        Self::new(text).ok_or("is not 1 to 64 bytes long")
    }

    /// 128 random bits in hexadecimal, or `None` if the system has no random bytes.
    pub(crate) fn random() -> Option<Self> {
        let bits = u128::from_ne_bytes(random::bytes()?);
        Self::new(format!("{bits:032x}").as_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl Serialize for LeaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for LeaseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        Self::new(bytes).ok_or_else(|| D::Error::custom("an id of a wrong length"))
    }
}

impl Fence {
    /// 2^53 - 1, the highest integer that every client language can hold.
    pub(crate) const LAST: Self = Self((1 << 53) - 1);
}
