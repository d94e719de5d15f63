//! Points in time and lengths of time in whole milliseconds, as two types that can't be mixed up.

use std::ops::{Add, RangeInclusive, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::number;

/// A point in time: Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

/// A length of time: milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span(pub u64);

impl Timestamp {
    /// Later than any clock shows. Adding [`Span::MAX`] to a time up to here can't overflow.
    pub const NEVER: Self = Self(1 << 60);

    /// The system's clock, for worker threads. The main thread reads the server's.
    pub fn from_system_clock() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(0))
    }
}

impl Timestamp {
    /// The last millisecond of the year 9999: RFC 3339 has four digits for the year.
    const LAST_SHOWN: Self = Self(253_402_300_799_999);

    /// `2026-01-02T03:04:05.678Z`, as RFC 3339. A later time than the year 9999, which only a wrong
    /// clock shows or a damaged file holds, is shown as the last one of that year.
    pub(crate) fn rfc3339(self) -> String {
        let shown = self.min(Self::LAST_SHOWN);
        humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(shown.0)).to_string()
    }

    /// Its UTC day, with the same limit: `2026-01-02`.
    pub(crate) fn date(self) -> String {
        self.rfc3339().chars().take_while(|character| *character != 'T').collect()
    }
}

/// Reads Unix milliseconds. Refuses what looks like another unit, which would be a wrong time
/// rather than an error.
pub(crate) fn unix_ms(text: &[u8]) -> Result<Timestamp, &'static str> {
    /// In seconds from 1973 to 5138; in milliseconds the first years after 1970.
    const LIKE_SECONDS: RangeInclusive<u64> = 100_000_000..=99_999_999_999;
    match number::unsigned(text) {
        Some(ms) if LIKE_SECONDS.contains(&ms) => Err("looks like seconds: give Unix milliseconds"),
        // Microseconds since 1978 are later than the year 9999.
        Some(ms) if Timestamp(ms) <= Timestamp::LAST_SHOWN => Ok(Timestamp(ms)),
        _ => Err("is not a time in Unix milliseconds up to the year 9999"),
    }
}

impl Span {
    /// The shortest duration that commands accept.
    pub const MIN: Self = Self(1);
    /// The longest duration that commands accept: ten years of 365 days.
    pub const MAX: Self = Self(10 * 365 * 86_400_000);
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    /// The time from `earlier` to `self`; zero if `earlier` is later.
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_year_9999_is_the_last_that_is_shown() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_764_201_599_999, "2025-11-26T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(ms).rfc3339(), text);
            assert_eq!(Timestamp(ms).date(), text[..10]);
        }
    }

    proptest! {
        #[test]
        fn every_time_can_be_shown(ms: u64) {
            let text = Timestamp(ms).rfc3339();
            prop_assert_eq!(text.len(), "2026-01-02T03:04:05.678Z".len());
            prop_assert!(humantime::parse_rfc3339(&text).is_ok());
        }

        #[test]
        fn a_time_of_a_year_with_four_digits_reads_back(ms in 0..=Timestamp::LAST_SHOWN.0) {
            let moment = humantime::parse_rfc3339(&Timestamp(ms).rfc3339()).unwrap();
            prop_assert_eq!(moment, UNIX_EPOCH + Duration::from_millis(ms));
        }
    }

    #[test]
    fn a_time_in_another_unit_is_refused() {
        for ms in [0, 1, 99_999_999, 100_000_000_000, 946_684_800_000, 1_700_000_000_000, 253_402_300_799_999]
        {
            assert_eq!(unix_ms(ms.to_string().as_bytes()), Ok(Timestamp(ms)));
        }
        for seconds in ["100000000", "946684800", "1700000000", "99999999999"] {
            assert!(unix_ms(seconds.as_bytes()).unwrap_err().contains("looks like seconds"), "{seconds}");
        }
        for other in ["1700000000000000", "1700000000000000000", "-1", "1.7e12", "", "now"] {
            assert!(unix_ms(other.as_bytes()).unwrap_err().contains("milliseconds"), "{other}");
        }
    }
}
