//! The stored form of a theoretical arrival time: a string of decimal digits, nanoseconds since
//! 1970, which expires in the millisecond of that time.

use crate::text::number;
use crate::text::time::Timestamp;

/// Reads what redis-cell reads: a `u64`, for which Rust also allows a plus sign and leading zeros.
#[inline]
pub(super) fn parse(text: &[u8]) -> Option<u64> {
    number::unsigned(text).or_else(|| std::str::from_utf8(text).ok()?.parse().ok())
}

/// When a key with this TAT expires. The server keeps a key to the end of that millisecond, so it
/// does not vanish before the TAT.
pub(super) fn expiry(tat: u64) -> Timestamp {
    Timestamp(tat / 1_000_000)
}

/// A number in decimal digits.
pub(super) struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    #[inline]
    pub(super) fn of(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], from: 20 };
        loop {
            digits.from -= 1;
            digits.bytes[digits.from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_time_reads_back(tat: u64) {
            let digits = Digits::of(tat);
            let text = tat.to_string();
            prop_assert_eq!(digits.as_slice(), text.as_bytes());
            prop_assert_eq!(parse(digits.as_slice()), Some(tat));
        }

        #[test]
        fn any_bytes_are_read_as_rust_reads_a_u64(bytes in "\\PC{0,24}|[+-]?[0-9]{0,24}") {
            prop_assert_eq!(parse(bytes.as_bytes()), bytes.parse::<u64>().ok());
        }

        #[test]
        fn a_key_expires_in_the_millisecond_of_its_time(tat: u64) {
            let Timestamp(ms) = expiry(tat);
            prop_assert!(ms * 1_000_000 <= tat && tat - ms * 1_000_000 < 1_000_000);
        }
    }

    #[test]
    fn the_ends_of_the_range_read_back_and_no_other_text_does() {
        for tat in [0, 1, 9, 10, 1_764_000_000_000_000_000, u64::MAX] {
            assert_eq!(parse(Digits::of(tat).as_slice()), Some(tat));
        }
        assert_eq!(parse(b"+007"), Some(7));
        for text in [&b""[..], b"-1", b"1.5", b" 1", b"1\n", b"18446744073709551616", b"\xff", b"text"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
