//! Encodes values for replicas, the AOF and the RDB: a version byte, then postcard.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// Encodes `value` behind the byte `version`.
pub(crate) fn write<T: Serialize + ?Sized>(version: u8, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL);
    bytes.push(version);
    // Encoding plain data into memory can't fail. If it did, replicas would refuse the truncated
    // payload.
    postcard::serialize_with_flavor(value, Bytes(bytes)).unwrap_or_default()
}

/// Appends to a vector. postcard's own way to do so takes one byte at a time.
struct Bytes(Vec<u8>);

impl Flavor for Bytes {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// The usual size of a change of one event.
const USUAL: usize = 256;

/// Decodes a value that takes up all of `bytes`, which may be damaged or hostile.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
