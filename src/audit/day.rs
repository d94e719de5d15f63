//! A UTC day, and the name of its partition. Pure.

use crate::text::time::Timestamp;

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u64);

impl Day {
    /// The last day whose end has a year of four digits: 9999-12-30.
    pub(crate) const LAST: Self = Self(2_932_895);

    pub fn of(at: Timestamp) -> Self {
        Self(at.0 / 86_400_000)
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// `2026-11-27`.
    pub(crate) fn date(self) -> String {
        Timestamp(self.0.saturating_mul(86_400_000)).date()
    }

    /// The name of its partition.
    pub(crate) fn table(self) -> String {
        format!("lockwatch_audit_log_{}", self.date().replace('-', ""))
    }

    /// The day whose partition has that name.
    pub(crate) fn of_table(name: &str) -> Option<Self> {
        let digits = name.strip_prefix("lockwatch_audit_log_").filter(|digits| digits.len() == 8)?;
        let date = format!("{}-{}-{}T00:00:00Z", digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?);
        let moment = humantime::parse_rfc3339(&date).ok()?;
        Some(Self(moment.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs() / 86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_utc_s_and_reads_back() {
        let day = Day::of(Timestamp(1_764_201_599_999));
        assert_eq!(
            (day.date().as_str(), day.table().as_str()),
            ("2025-11-26", "lockwatch_audit_log_20251126")
        );
        assert_eq!(day.next(), Day::of(Timestamp(1_764_201_600_000)));
        for day in [Day(0), Day(10_957), Day(11_016), Day(20_000), Day(40_000)] {
            assert_eq!(Day::of_table(&day.table()), Some(day), "{}", day.table());
        }
        for name in [
            "lockwatch_audit_log_2025112",
            "lockwatch_audit_log_20251399",
            "other_20251126",
            "lockwatch_audit_log_x",
        ] {
            assert_eq!(Day::of_table(name), None, "{name}");
        }
    }
}
