//! An independent validator of saved values. RESTORE must accept exactly the values that it
//! accepts.
//!
//! The format is the byte 1, followed by LEB128 integers, each in its shortest form:
//! - sequence number
//! - number of windows, and the windows in ascending order
//! - time and units of the newest entry
//! - number of closed entries, and the start of the first one, whose gap is 0
//! - only for a burst detector: end of the cooldown, suppressed calls, flags
//! - the closed entries, oldest first: `gap << 2 | lasted << 1 | many`, the duration if `lasted`,
//!   which is above 0, and the units if `many`, which are above 1

use super::Kind;

/// The highest possible number of closed entries: the highest entry bound, an eighth more, and one
/// per window.
const MOST_CLOSED: u64 = 16_384 + 2048 + 9 + 1;
/// All times are below this.
const END_OF_TIME: u128 = 1 << 60;
/// The highest total number of units.
const MOST_UNITS: u128 = 1 << 62;
/// Ten years in milliseconds.
const LONGEST_WINDOW: u64 = 315_360_000_000;

/// The latest end of a cooldown: the latest time plus the longest duration.
const END_OF_COOLDOWNS: u64 = (1 << 60) + LONGEST_WINDOW;

/// Returns whether RESTORE must accept `saved` as a value of type `kind`.
pub fn is_sound(kind: Kind, saved: &[u8]) -> bool {
    let mut rest = saved;
    check(kind, &mut rest) == Some(true) && rest.is_empty()
}

/// Consumes a value from `rest`. Returns `None` if it ends early or a field is malformed, and false
/// if the fields contradict each other.
fn check(kind: Kind, rest: &mut &[u8]) -> Option<bool> {
    let (1, after) = rest.split_first()? else { return None };
    *rest = after;
    let _sequence_number = integer(rest)?;
    let count = integer(rest).filter(|count| (1..=9).contains(count))?;
    let windows = (0..count).map(|_| integer(rest)).collect::<Option<Vec<_>>>()?;
    let in_range = windows.iter().all(|window| (1..=LONGEST_WINDOW).contains(window));
    let newest = u128::from(integer(rest)?);
    let mut units = u128::from(integer(rest).filter(|units| *units > 0)?);
    let closed = integer(rest).filter(|closed| *closed <= MOST_CLOSED)?;
    let base = integer(rest).filter(|base| closed > 0 || *base == 0)?;
    if kind == Kind::Bursts {
        let (cooldown_end, suppressed, flags) = (integer(rest)?, integer(rest)?, integer(rest)?);
        (cooldown_end <= END_OF_COOLDOWNS && suppressed < 1 << 32 && flags <= 1).then_some(())?;
    }
    let mut end = u128::from(base);
    let mut first_gap_is_zero = true;
    for i in 0..closed {
        let head = integer(rest)?;
        first_gap_is_zero &= i > 0 || head >> 2 == 0;
        let lasted = if head & 2 == 0 { 0 } else { integer(rest).filter(|lasted| *lasted > 0)? };
        units += u128::from(if head & 1 == 0 { 1 } else { integer(rest).filter(|units| *units > 1)? });
        end += u128::from(head >> 2) + u128::from(lasted);
        (end < END_OF_TIME).then_some(())?;
    }
    let ascending = windows.is_sorted_by(|a, b| a < b);
    Some(
        first_gap_is_zero
            && ascending
            && in_range
            && end <= newest
            && newest < END_OF_TIME
            && units <= MOST_UNITS,
    )
}

fn integer(rest: &mut &[u8]) -> Option<u64> {
    let len = rest.iter().position(|byte| *byte < 0x80)? + 1;
    let (bytes, after) = rest.split_at(len);
    *rest = after;
    let shortest = len == 1 || bytes.last() != Some(&0);
    let value = bytes
        .iter()
        .rev()
        .try_fold(0_u128, |value, byte| (value < 1 << 64).then_some(value << 7 | u128::from(byte & 0x7f)))?;
    u64::try_from(value).ok().filter(|_| shortest)
}
