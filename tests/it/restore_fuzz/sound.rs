//! What a saved value may be, said a second time: RESTORE must accept just these.
//!
//! The byte 1, then LEB128 integers, each in its shortest form: sequence number; number of windows; the windows,
//! ascending; time and units of the newest entry; number of closed entries; the time from which the first one's gap
//! counts; of a burst detector's value, end of the cooldown, calls suppressed, flags. Then the closed entries, oldest first: `gap << 2 | lasted << 1 | many`, how long it lasted if it did, its
//! units if it has more than one.

use super::Kind;

/// The most closed entries that a value comes to have: the highest bound, an eighth more, and one for each window.
const MOST_CLOSED: u64 = 16_384 + 2048 + 9 + 1;
/// Times are below.
const END_OF_TIME: u128 = 1 << 60;
/// The most units in all.
const MOST_UNITS: u128 = 1 << 62;
/// Ten years.
const LONGEST_WINDOW: u64 = 315_360_000_000;

/// The latest end of a cooldown: the end of time and the longest duration behind it.
const END_OF_COOLDOWNS: u64 = (1 << 60) + LONGEST_WINDOW;

/// Whether `saved` must be accepted as a value of that type.
pub fn is_sound(kind: Kind, saved: &[u8]) -> bool {
    let mut rest = saved;
    check(kind, &mut rest) == Some(true) && rest.is_empty()
}

/// Reads a value off `rest`: `None` if it ends early or has no form, false if it can't be.
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
        let (quiet_until, suppressed, flags) = (integer(rest)?, integer(rest)?, integer(rest)?);
        (quiet_until <= END_OF_COOLDOWNS && suppressed < 1 << 32 && flags <= 1).then_some(())?;
    }
    let mut end = u128::from(base);
    for _ in 0..closed {
        let head = integer(rest)?;
        let lasted = if head & 2 == 0 { 0 } else { integer(rest)? };
        units += u128::from(if head & 1 == 0 { 1 } else { integer(rest).filter(|units| *units > 0)? });
        end += u128::from(head >> 2) + u128::from(lasted);
        (end < END_OF_TIME).then_some(())?;
    }
    let ascending = windows.is_sorted_by(|a, b| a < b);
    Some(ascending && in_range && end <= newest && newest < END_OF_TIME && units <= MOST_UNITS)
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
