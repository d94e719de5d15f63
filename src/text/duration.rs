//! Durations in commands: `0.25`, `60`, `500ms`, `90s`, `5m`, `1h`, `1d`.

use std::fmt::{self, Display};

use super::number;
use super::time::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotADuration {
    /// Not a decimal number with an optional unit.
    Malformed,
    /// Below one millisecond or above ten years.
    OutOfRange,
    /// Above ten years.
    TooLong,
}

impl Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is not a duration in seconds or with a unit (0.25 60 500ms 90s 5m 1h 1d)",
            Self::OutOfRange => "is out of range: one millisecond to ten years (3650d)",
            Self::TooLong => "is out of range: 0 to ten years (3650d)",
        })
    }
}

/// Reads a latency in microseconds, which may be 0. A part of a microsecond rounds up.
pub(crate) fn micros(text: &[u8]) -> Result<u64, NotADuration> {
    let exact = scaled_ms(text)?;
    if exact > u128::from(Span::MAX.0) * SCALE {
        return Err(NotADuration::TooLong);
    }
    // In range, so it fits.
    Ok(u64::try_from((exact * 1000).div_ceil(SCALE)).unwrap_or(u64::MAX))
}

/// Like [`parse`], but the length may be 0.
pub(crate) fn millis(text: &[u8]) -> Result<Span, NotADuration> {
    let exact = scaled_ms(text)?;
    if exact > u128::from(Span::MAX.0) * SCALE {
        return Err(NotADuration::TooLong);
    }
    // In range, so it fits.
    Ok(Span(u64::try_from(exact.div_ceil(SCALE)).unwrap_or(Span::MAX.0)))
}

/// Reads decimal digits with an optional fraction, then `ms`, `s`, `m`, `h`, `d` or nothing
/// (seconds).
///
/// The range is one millisecond to ten years. A part of a millisecond rounds up, so that a window
/// is never shorter than requested.
#[inline]
pub(crate) fn parse(text: &[u8]) -> Result<Span, NotADuration> {
    // Nearly every call gives whole seconds.
    match number::unsigned(text) {
        Some(seconds) if (1..=Span::MAX.0 / 1000).contains(&seconds) => Ok(Span(seconds * 1000)),
        _ => parse_any(text),
    }
}

fn parse_any(text: &[u8]) -> Result<Span, NotADuration> {
    let exact = scaled_ms(text)?;
    if exact < SCALE || exact > u128::from(Span::MAX.0) * SCALE {
        return Err(NotADuration::OutOfRange);
    }
    // In range, so it fits.
    Ok(Span(u64::try_from(exact.div_ceil(SCALE)).unwrap_or(Span::MAX.0)))
}

/// Milliseconds times [`SCALE`], or a value above the range if it is far too long.
fn scaled_ms(text: &[u8]) -> Result<u128, NotADuration> {
    let digits_end = text.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let unit = unit_in_ms(unit).ok_or(NotADuration::Malformed)?;
    let (whole, fraction) = match number.iter().position(|&b| b == b'.') {
        None => (number, &[][..]),
        Some(dot) => (&number[..dot], &number[dot + 1..]),
    };
    let dotted = whole.len() < number.len();
    if whole.is_empty() || (dotted && fraction.is_empty()) || fraction.contains(&b'.') {
        return Err(NotADuration::Malformed);
    }
    let too_long = u128::from(Span::MAX.0 + 1) * SCALE;
    let Some(ms) = decimal(whole).and_then(|whole| whole.checked_mul(unit)) else { return Ok(too_long) };
    Ok((u128::from(ms) * SCALE + u128::from(unit) * fraction_scaled(fraction)).min(too_long))
}

/// A fraction is read to eighteen digits. Any further digit above 0 adds one unit of the last.
const FRACTION_DIGITS: usize = 18;
const SCALE: u128 = 10_u128.pow(FRACTION_DIGITS as u32);

fn fraction_scaled(digits: &[u8]) -> u128 {
    let kept = digits.iter().copied().chain(std::iter::repeat(b'0')).take(FRACTION_DIGITS);
    let scaled = kept.fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    let lost = digits.iter().skip(FRACTION_DIGITS).any(|&digit| digit != b'0');
    scaled + u128::from(lost)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

fn unit_in_ms(unit: &[u8]) -> Option<u64> {
    Some(match unit {
        b"" => 1000,
        u if u.eq_ignore_ascii_case(b"ms") => 1,
        u if u.eq_ignore_ascii_case(b"s") => 1000,
        u if u.eq_ignore_ascii_case(b"m") => 60_000,
        u if u.eq_ignore_ascii_case(b"h") => 3_600_000,
        u if u.eq_ignore_ascii_case(b"d") => 86_400_000,
        _ => return None,
    })
}

/// Displays a span in the largest unit that it is a whole number of: `2m`, `90s`, `36h`, `250ms`.
pub(crate) fn shown(span: Span) -> impl Display {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let fits = |(ms, _): &(u64, &str)| span.0 >= *ms && span.0 % ms == 0;
    let (ms, unit) = units.into_iter().find(fits).unwrap_or((1, "ms"));
    format!("{}{unit}", span.0 / ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_and_decimals() {
        for (text, ms) in [
            ("60", 60_000),
            ("0.25", 250),
            ("500ms", 500),
            ("90s", 90_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1.5H", 5_400_000),
            ("0.001", 1),
            ("1MS", 1),
            ("3650d", 315_360_000_000),
            ("007", 7_000),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(Span(ms)), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_millisecond_counts_as_a_whole_one() {
        assert_eq!(parse(b"0.30000000000000004"), Ok(Span(301)));
        assert_eq!(parse(b"0.3000000000000000000000001"), Ok(Span(301)));
        assert_eq!(parse(b"1.5ms"), Ok(Span(2)));
    }

    #[test]
    fn a_latency_is_read_to_the_microsecond() {
        let read = |text: &str| micros(text.as_bytes()).ok();
        for (text, us) in [
            ("0", 0),
            ("0ms", 0),
            ("0.0004", 400),
            ("1.5ms", 1500),
            ("0.0000001", 1),
            ("12", 12_000_000),
            ("3650d", 315_360_000_000_000),
        ] {
            assert_eq!(read(text), Some(us), "{text}");
        }
        for text in ["", "-1", "3650.0000001d", "99999999999999999999d", "1us", "1e3"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "", "s", ".", ".5", "5.", "1..2", "-1", "+1", "1e3", "1e400", "nan", "inf", "1w", "1 s", "1s ",
            "1\0",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(NotADuration::Malformed), "{text}");
        }
        for text in [
            "0",
            "0.0009",
            "0.5ms",
            "3651d",
            "3650.0000001d",
            "99999999999999999999",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(NotADuration::OutOfRange), "{text}");
        }
    }

    #[test]
    fn a_span_is_shown_in_its_largest_unit() {
        for (ms, text) in [
            (0, "0ms"),
            (1, "1ms"),
            (90_000, "90s"),
            (60_000, "1m"),
            (86_400_000, "1d"),
            (129_600_000, "36h"),
            (61_001, "61001ms"),
        ] {
            assert_eq!(shown(Span(ms)).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_shown_span_reads_back(n in 1..=400_u64, unit in prop::sample::select(vec![1, 1000, 60_000, 3_600_000, 86_400_000])) {
            let span = Span(n * unit);
            prop_assert_eq!(parse(shown(span).to_string().as_bytes()), Ok(span));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(span) = parse(&bytes) {
                prop_assert!(span >= Span::MIN && span <= Span::MAX);
            }
        }

        #[test]
        fn every_span_reads_back(ms in 1..=Span::MAX.0) {
            prop_assert_eq!(parse(format!("{ms}ms").as_bytes()), Ok(Span(ms)));
            prop_assert_eq!(parse(format!("{}.{:03}", ms / 1000, ms % 1000).as_bytes()), Ok(Span(ms)));
        }
    }
}
