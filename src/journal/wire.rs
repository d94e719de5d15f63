//! Changes of a queue's owner as bytes, for replicas, the AOF and the RDB: a version, then what postcard writes.

use serde::{Deserialize, Serialize};

/// `value` behind `version`.
pub fn write<T: Serialize + ?Sized>(version: u8, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL);
    bytes.push(version);
    // Writing plain data into memory can't fail; if it could, replicas refuse what is cut short.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

/// What a change of one event usually takes at most.
const USUAL: usize = 256;

/// Reads a value that takes up all of `bytes`, which may be damaged or hostile.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
