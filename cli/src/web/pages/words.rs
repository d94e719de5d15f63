//! Numbers, durations and times in words.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::text::printable;

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// What a client wrote, safe to show: characters that are invisible or change the direction of text
/// are escapes. Templates escape HTML.
pub fn shown(bytes: impl AsRef<[u8]>) -> String {
    printable(bytes.as_ref())
}

pub fn unix_ms(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A whole number with separators: `1,204`.
pub fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate: two digits below 10, whole numbers above.
pub fn rate(value: f64) -> String {
    match value {
        v if v <= 0.0 => "0".into(),
        v if v < 0.1 => "< 0.1".into(),
        v if v < 9.95 => format!("{v:.1}"),
        v => number(v.round() as i64),
    }
}

/// A share between 0 and 1.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p <= 0.0 => "0 %".into(),
        p if p < 0.1 => "< 0.1 %".into(),
        p if p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// Bytes in powers of 1024.
pub fn bytes(value: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if value < 1024 {
        return format!("{value} bytes");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1023.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(scaled < 9.95);
    format!("{scaled:.digits$} {}", UNITS[unit])
}

/// A count with its noun: `1 ban`, `2 bans`.
pub fn count(value: i64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// A length of time, to its two largest units: `1 d 2 h`, `90 s`, `250 ms`.
pub fn duration(ms: i64) -> String {
    let (first, second) = match ms.max(0) {
        ms if ms < SECOND => return format!("{ms} ms"),
        ms if ms < MINUTE || (ms < 2 * MINUTE && ms % MINUTE >= SECOND) => {
            return format!("{} s", ms / SECOND);
        }
        ms if ms < HOUR => ((ms / MINUTE, "min"), (ms % MINUTE / SECOND, "s")),
        ms if ms < DAY => ((ms / HOUR, "h"), (ms % HOUR / MINUTE, "min")),
        ms => ((ms / DAY, "d"), (ms % DAY / HOUR, "h")),
    };
    let whole = format!("{} {}", number(first.0), first.1);
    if second.0 == 0 { whole } else { format!("{whole} {} {}", second.0, second.1) }
}

/// How far away a time is, to its largest unit.
fn coarse(ms: i64) -> String {
    match ms {
        ms if ms < 2 * MINUTE => format!("{} s", ms / SECOND),
        ms if ms < 2 * HOUR => format!("{} min", ms / MINUTE),
        ms if ms < 2 * DAY => format!("{} h", ms / HOUR),
        ms => format!("{} d", number(ms / DAY)),
    }
}

/// The last millisecond of the year 9999: later times can't be written.
const LATEST: i64 = 253_402_300_799_999;

/// A time, for a `<time>` element: relative to now, with the time in UTC beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    /// For the attribute `datetime`.
    pub machine: String,
    /// `2026-11-30 05:19:07 UTC`.
    pub exact: String,
    /// `3 min ago`, `in 2 h`, `now`.
    pub relative: String,
}

impl When {
    /// The exact time where the zone is said elsewhere.
    pub fn plain(&self) -> &str {
        self.exact.trim_end_matches(" UTC")
    }

    /// A time before 1970 or after the year 9999 becomes the nearest one between them.
    pub fn of(ms: i64, now_ms: i64) -> Self {
        let ms = ms.clamp(0, LATEST);
        let at = UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs());
        let machine = humantime::format_rfc3339_seconds(at).to_string();
        let exact = format!("{} UTC", machine.trim_end_matches('Z').replace('T', " "));
        let relative = match now_ms.saturating_sub(ms) {
            away if away.saturating_abs() < SECOND => "now".into(),
            away if away > 0 => format!("{} ago", coarse(away)),
            away => format!("in {}", coarse(away.saturating_neg())),
        };
        Self { machine, exact, relative }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.relative)
    }
}

/// A time that somebody wrote: `2026-11-30T05:19`, with or without seconds and `Z`, in UTC; or
/// Unix milliseconds.
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() > 10 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let whole = match text.trim_end_matches('Z') {
        day if day.len() == 10 => format!("{day} 00:00:00"),
        minute if minute.len() == 16 => format!("{minute}:00"),
        second => second.to_owned(),
    };
    humantime::parse_rfc3339_weak(&whole).ok().map(unix_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_separated() {
        assert_eq!(
            [0, 7, 999, 1204, -1_204_567].map(number),
            ["0", "7", "999", "1,204", "-1,204,567"].map(String::from)
        );
        assert_eq!(
            [0.0, 0.04, 3.44, 9.96, 1203.6].map(rate),
            ["0", "< 0.1", "3.4", "10", "1,204"].map(String::from)
        );
        assert_eq!(
            [0.0, 0.000_1, 0.0042, 0.346, 1.0].map(percent),
            ["0 %", "< 0.1 %", "0.4 %", "35 %", "100 %"].map(String::from)
        );
        assert_eq!(
            [0, 1023, 1024, 20_971_520, 1_073_700_000].map(bytes),
            ["0 bytes", "1023 bytes", "1.0 KiB", "20 MiB", "1.0 GiB"].map(String::from)
        );
        assert_eq!([1, 2].map(|n| count(n, "ban", "bans")), ["1 ban", "2 bans"].map(String::from));
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (ms, text) in [
            (-5, "0 ms"),
            (250, "250 ms"),
            (90_000, "90 s"),
            (60_000, "1 min"),
            (600_000, "10 min"),
            (630_000, "10 min 30 s"),
            (93_600_000, "1 d 2 h"),
            (86_400_000, "1 d"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn times_are_relative_and_exact() {
        let now = 1_796_000_000_000;
        let when = When::of(now - 3 * MINUTE, now);
        assert_eq!(
            (when.machine.as_str(), when.exact.as_str(), when.relative.as_str()),
            ("2026-11-30T00:50:20Z", "2026-11-30 00:50:20 UTC", "3 min ago")
        );
        assert_eq!(When::of(now + 30 * HOUR, now).relative, "in 30 h");
        assert_eq!(When::of(now, now).relative, "now");
    }

    #[test]
    fn any_number_is_a_time() {
        let now = 1_796_000_000_000;
        for far in [LATEST, LATEST + 1, 9_000_000_000_000_000, i64::MAX] {
            assert_eq!(When::of(far, now).machine, "9999-12-31T23:59:59Z");
        }
        for old in [0, -1, i64::MIN] {
            assert_eq!(When::of(old, now).machine, "1970-01-01T00:00:00Z");
        }
    }

    #[test]
    fn times_that_people_write_are_read() {
        let day = 1_795_996_800_000;
        for (text, ms) in [
            ("2026-11-30", Some(day)),
            ("2026-11-30T05:19", Some(day + 5 * HOUR + 19 * MINUTE)),
            ("2026-11-30 05:19:07Z", Some(day + 5 * HOUR + 19 * MINUTE + 7 * SECOND)),
            ("1796000000000", Some(1_796_000_000_000)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text), ms, "{text}");
        }
    }
}
