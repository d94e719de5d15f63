//! Encodes values for replicas, the AOF and the RDB: a version byte, then postcard.

use serde::{Deserialize, Serialize};

/// Encodes `value` behind the byte `version`.
pub(crate) fn write<T: Serialize + ?Sized>(version: u8, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL);
    bytes.push(version);
    // Encoding plain data into memory can't fail. If it did, replicas would refuse the truncated
    // payload.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

/// The usual size of a change of one event.
const USUAL: usize = 256;

/// Decodes a value that takes up all of `bytes`, which may be damaged or hostile.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
