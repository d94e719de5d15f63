//! The encoding of admissions as bytes.
//!
//! An entry is one to three LEB128 integers. The first is `gap << 2 | lasted << 1 | many`. `gap` is
//! the time in milliseconds from the previous entry's end to this one's start. If `lasted` is set,
//! the time from its start to its end follows (merged entries). If `many` is set, its units follow
//! (otherwise one). A hit per second takes two bytes.

use crate::text::time::Timestamp;

/// Units admitted from `start` to `end`. All count as admitted at `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When the first unit was admitted.
    pub start: Timestamp,
    /// When the last unit was admitted. No unit leaves a window too early, because all count from
    /// here.
    pub end: Timestamp,
    /// At least one.
    pub units: u64,
}

/// The longest encoding of an entry.
pub(crate) const MAX_BYTES: usize = 30;

const LASTED: u64 = 2;
const MANY: u64 = 1;

/// Encodes `entry`, which follows an entry that ended at `previous`, at the start of `out`. Returns
/// its length.
///
/// `out` must have room for [`MAX_BYTES`].
#[inline]
pub(crate) fn write(out: &mut [u8], previous: Timestamp, entry: Entry) -> usize {
    let gap = entry.start - previous;
    let span = entry.end - entry.start;
    let lasted = if span.0 > 0 { LASTED } else { 0 };
    let many = if entry.units > 1 { MANY } else { 0 };
    let mut len = put(out, gap.0 << 2 | lasted | many);
    if lasted != 0 {
        len += put(&mut out[len..], span.0);
    }
    if many != 0 {
        len += put(&mut out[len..], entry.units);
    }
    len
}

/// Decodes the entry at the start of `bytes`, which follows an entry that ended at `previous`.
/// Returns it and its length.
///
/// `None` if the bytes are no entry, its numbers are out of range, or it has a shorter encoding. So
/// equal logs have equal bytes.
#[inline]
pub(crate) fn read(bytes: &[u8], previous: Timestamp) -> Option<(Entry, usize)> {
    let (head, mut len) = get(bytes)?;
    let mut span = 0;
    let mut units = 1;
    if head & LASTED != 0 {
        let (value, more) = get(bytes.get(len..)?)?;
        span = (value > 0).then_some(value)?;
        len += more;
    }
    if head & MANY != 0 {
        let (value, more) = get(bytes.get(len..)?)?;
        units = (value > 1).then_some(value)?;
        len += more;
    }
    let start = Timestamp(previous.0.checked_add(head >> 2)?);
    let end = Timestamp(start.0.checked_add(span)?);
    (end < Timestamp::NEVER).then_some((Entry { start, end, units }, len))
}

/// Encodes a LEB128 integer at the start of `out`. Returns its length, at most ten.
#[inline]
pub(crate) fn put(out: &mut [u8], mut value: u64) -> usize {
    let mut len = 0;
    while value >= 0x80 {
        out[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    out[len] = value as u8;
    len + 1
}

/// Decodes a LEB128 integer at the start of `bytes`. Returns it and its length.
///
/// `None` if it is cut short, above `u64::MAX`, or longer than necessary. So equal logs have equal
/// bytes.
#[inline]
pub(crate) fn get(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        if i == 9 && byte > 1 {
            return None;
        }
        value |= part << (7 * i);
        if byte < 0x80 {
            return (byte != 0 || i == 0).then_some((value, i + 1));
        }
    }
    None
}

/// Reads several integers in a row.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn integer(&mut self) -> Option<u64> {
        let (value, len) = get(self.rest)?;
        self.rest = &self.rest[len..];
        Some(value)
    }

    /// The bytes that were not read.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_read_back(value: u64) {
            let mut out = [0; 10];
            let len = put(&mut out, value);
            prop_assert_eq!(get(&out[..len]), Some((value, len)));
            prop_assert_eq!(get(&out[..len - 1]), None);
        }

        #[test]
        fn entries_read_back(previous in 0..1_u64 << 50, gap in 0..1_u64 << 50, span in 0..1_u64 << 50, units in 1..=u64::MAX) {
            let start = Timestamp(previous + gap);
            let entry = Entry { start, end: Timestamp(start.0 + span), units };
            let mut out = [0; MAX_BYTES];
            let len = write(&mut out, Timestamp(previous), entry);
            prop_assert_eq!(read(&out[..len], Timestamp(previous)), Some((entry, len)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, previous: u64) {
            if let Some((entry, len)) = read(&bytes, Timestamp(previous)) {
                prop_assert!(len <= bytes.len() && entry.start <= entry.end && entry.units > 0);
            }
        }
    }

    #[test]
    fn an_entry_has_one_form() {
        let read = |bytes| read(bytes, Timestamp(5)).map(|(entry, _)| entry);
        let at = |end, units| Some(Entry { start: Timestamp(5), end: Timestamp(end), units });
        assert_eq!((read(&[0]), read(&[1, 2]), read(&[2, 3])), (at(5, 1), at(5, 2), at(8, 1)));
        assert_eq!((read(&[1, 1]), read(&[1, 0]), read(&[2, 0])), (None, None, None));
    }

    #[test]
    fn an_integer_has_one_form() {
        assert_eq!(get(&[0x80, 0]), None);
        assert_eq!(get(&[0xff; 10]), None);
        assert_eq!(get(&[]), None);
    }
}
