//! The id of an event: `ms-epoch-seq`, unique across restarts and failovers.
//!
//! The sequence number alone is not unique. A server that loses the tail of its AOF, or a promoted
//! replica that lagged behind, gives the same numbers to other events. So each server that starts
//! to assign numbers draws a new epoch of 64 random bits.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::text::time::Timestamp;

/// Displayed as `1764000000000-00f3a5c1d2e4b697-42`. It contains no dot, so it can be signed as a
/// `webhook-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Id {
    pub at: Timestamp,
    /// Displayed as 16 hexadecimal digits.
    pub epoch: u64,
    /// Its place in the queue, from 1 to [`Id::MAX_SEQ`].
    pub seq: u64,
}

impl Id {
    /// Higher than any counter gets, and far below an overflow.
    pub const MAX_SEQ: u64 = 1 << 63;

    /// Reads exactly what [`Display`] writes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.split('-');
        let at = Timestamp(parts.next()?.parse().ok()?);
        let epoch = u64::from_str_radix(parts.next()?, 16).ok()?;
        let seq = parts.next()?.parse().ok()?;
        let id = Self { at, epoch, seq };
        (id.is_sound() && id.to_string() == text).then_some(id)
    }

    /// Writes the id into `buffer`, without an allocation, for commands that run in every request.
    pub fn to_text<'b>(&self, buffer: &'b mut [u8; 64]) -> &'b str {
        let mut at = buffer.len();
        let mut put = |byte: u8| {
            at -= 1;
            buffer[at] = byte;
        };
        put_decimal(self.seq, &mut put);
        put(b'-');
        for nibble in 0..16 {
            put(b"0123456789abcdef"[(self.epoch >> (4 * nibble)) as usize & 15]);
        }
        put(b'-');
        put_decimal(self.at.0, &mut put);
        std::str::from_utf8(&buffer[at..]).unwrap_or_default()
    }

    fn is_sound(&self) -> bool {
        self.at < Timestamp::NEVER && (1..=Self::MAX_SEQ).contains(&self.seq)
    }
}

/// Passes on the digits of `number`, the last one first.
fn put_decimal(mut number: u64, put: &mut impl FnMut(u8)) {
    loop {
        put(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            return;
        }
    }
}

// The epoch and the number distinguish events; the time need not be hashed.
impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.epoch, self.seq).hash(state);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text(&mut [0; 64]))
    }
}

/// An [`Id`] in serialised form, which may be damaged.
#[derive(Deserialize)]
#[serde(rename = "Id")]
struct Unchecked {
    at: Timestamp,
    epoch: u64,
    seq: u64,
}

impl TryFrom<Unchecked> for Id {
    type Error = &'static str;

    fn try_from(Unchecked { at, epoch, seq }: Unchecked) -> Result<Self, Self::Error> {
        let id = Self { at, epoch, seq };
        if id.is_sound() { Ok(id) } else { Err("an id that no event can have") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "1764000000000-00f3a5c1d2e4b697-42";

    #[test]
    fn is_read_as_it_is_shown() {
        let id = Id { at: Timestamp(1_764_000_000_000), epoch: 0x00f3_a5c1_d2e4_b697, seq: 42 };
        assert_eq!(id.to_string(), SHOWN);
        assert_eq!(Id::parse(SHOWN.as_bytes()), Some(id));
    }

    #[test]
    fn the_longest_has_room() {
        let id = Id { at: Timestamp(u64::MAX), epoch: u64::MAX, seq: u64::MAX };
        assert_eq!(id.to_string(), format!("{0}-{1:016x}-{0}", u64::MAX, u64::MAX));
    }

    #[test]
    fn no_other_spelling_is_an_id() {
        let spellings = [
            "",
            "--",
            "1-0000000000000001",
            "1-0000000000000001-",
            "1-0000000000000001-1-1",
            "-1-0000000000000001-1",
            "1-1-1",
            "1-00000000000000001-1",
            "1-000000000000000A-1",
            "1-+00000000000000a-1",
            "01-0000000000000001-1",
            "+1-0000000000000001-1",
            "1-0000000000000001-01",
            "1-0000000000000001-+1",
            " 1-0000000000000001-1",
            "1-0000000000000001-1\n",
            "1-0000000000000001-1\0",
            "1-0000000000000001-0",
            "1-0000000000000001-9223372036854775809",
            "1-0000000000000001-18446744073709551616",
            "1152921504606846976-0000000000000001-1",
        ];
        for spelling in spellings {
            assert_eq!(Id::parse(spelling.as_bytes()), None, "{spelling:?}");
        }
        assert_eq!(Id::parse(b"1-0000000000000001-\xff"), None);
    }

    #[test]
    fn an_id_that_no_event_can_have_is_not_loaded() {
        let loads = |at: u64, seq: u64| {
            let bytes = postcard::to_stdvec(&(at, 7_u64, seq)).unwrap();
            postcard::from_bytes::<Id>(&bytes).is_ok()
        };
        assert!(loads(0, 1) && loads(Timestamp::NEVER.0 - 1, Id::MAX_SEQ));
        assert!(!loads(0, 0) && !loads(Timestamp::NEVER.0, 1) && !loads(0, Id::MAX_SEQ + 1));
    }
}
