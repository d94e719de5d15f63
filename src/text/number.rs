//! Integers in commands: decimal digits and nothing else.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

/// An argument is not an integer in this range.
#[derive(Debug)]
pub(crate) struct OutOf(RangeInclusive<u64>);

impl Display for OutOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not an integer from {} to {}", self.0.start(), self.0.end())
    }
}

/// Reads an integer in `range`.
#[inline]
pub(crate) fn within(range: RangeInclusive<u64>) -> impl Fn(&[u8]) -> Result<u64, OutOf> {
    move |text| unsigned(text).filter(|value| range.contains(value)).ok_or_else(|| OutOf(range.clone()))
}

/// Reads an unsigned decimal integer: `0`, or digits without a leading zero, sign or space.
///
/// `None` if it is anything else, or above `u64::MAX`.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 || (text[0] == b'0' && text.len() > 1) {
        return None;
    }
    // Nineteen digits can't overflow. Only the twentieth needs the check.
    let (head, last) = text.split_at(text.len().min(19));
    let mut value = digits(head)?;
    if let [digit] = last {
        value = value.checked_mul(10)?.checked_add(digits(&[*digit])?)?;
    }
    Some(value)
}

#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::unsigned;
    use proptest::prelude::*;

    #[test]
    fn only_plain_digits_are_integers() {
        for (text, value) in
            [("0", 0), ("7", 7), ("9007199254740991", (1 << 53) - 1), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(unsigned(text.as_bytes()), Some(value), "{text}");
        }
        for text in
            ["", "-1", "+1", " 1", "1 ", "01", "1.0", "1e3", "0x1", "18446744073709551616", "1\0", "nan", "١"]
        {
            assert_eq!(unsigned(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_reads_back(value: u64) {
            prop_assert_eq!(unsigned(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Some(value) = unsigned(&bytes) {
                prop_assert_eq!(value.to_string().into_bytes(), bytes);
            }
        }
    }
}
