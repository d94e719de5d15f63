//! Text of a cell: harmless, and exactly as wide as its column.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::printable;

/// Bytes of clients as text of which every terminal shows each character in as many columns as
/// [`width`] counts. Besides what [`printable`] escapes, these become escapes:
///
/// - characters without a width, which pile up on the one before
/// - characters that join with their neighbours into one picture, on some terminals only
/// - letters that are written from right to left, because some terminals then turn the row around
pub fn harmless(bytes: &[u8]) -> String {
    let mut out = String::new();
    for char in printable(bytes).chars() {
        if char.width() == Some(0) || joins(char) || is_right_to_left(char) {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out
}

/// Skin tones and the letters of flags.
fn joins(char: char) -> bool {
    matches!(char, '\u{1f3fb}'..='\u{1f3ff}' | '\u{1f1e6}'..='\u{1f1ff}')
}

fn is_right_to_left(char: char) -> bool {
    matches!(char, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// The columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` in exactly `columns` columns: what is too long ends with `…`.
pub fn fit(text: &str, columns: usize, right: bool) -> String {
    let taken = width(text);
    if taken <= columns {
        let space = " ".repeat(columns - taken);
        return if right { space + text } else { text.to_owned() + &space };
    }
    let mut out = String::new();
    let mut left = columns.saturating_sub(1);
    for char in text.chars() {
        let wide = char.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        out.push(char);
    }
    if columns > 0 {
        out.push('…');
    }
    out + &" ".repeat(left)
}

/// A rate or a count in at most six columns.
pub fn number(value: f64) -> String {
    match value {
        v if v < 0.05 => "0".into(),
        v if v < 9.95 && (v - v.round()).abs() >= 0.05 => format!("{v:.1}"),
        v if v < 9_999.5 => format!("{v:.0}"),
        v if v < 999_500.0 => format!("{:.0}k", v / 1e3),
        v if v < 999_500_000.0 => format!("{:.1}M", v / 1e6),
        v => format!("{:.1}G", v / 1e9),
    }
}

/// The share of `part` in `all`, in percent; empty if there is nothing to share.
pub fn share(part: f64, all: f64) -> String {
    match part / all * 100.0 {
        _ if all <= 0.0 => String::new(),
        _ if part <= 0.0 => "0%".into(),
        percent if percent < 1.0 => "<1%".into(),
        percent => format!("{percent:.0}%"),
    }
}

pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (value, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A time in its two largest units, such as `3m 20s`.
pub fn time(time: Duration) -> String {
    let s = time.as_secs();
    let (value, big, small, rest) = match s {
        0..60 => return format!("{s}s"),
        60..3_600 => (s / 60, "m", "s", s % 60),
        3_600..86_400 => (s / 3_600, "h", "m", s / 60 % 60),
        _ => (s / 86_400, "d", "h", s / 3_600 % 24),
    };
    if rest == 0 { format!("{value}{big}") } else { format!("{value}{big} {rest}{small}") }
}

/// A time in milliseconds, which may be negative, as [`time`]; short ones with their milliseconds.
pub fn millis(ms: i64) -> String {
    match ms {
        ..=0 => "0s".into(),
        1..1_000 => format!("{ms}ms"),
        _ => time(Duration::from_millis(ms.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_bytes_become_text_of_a_known_width() {
        for (bytes, text) in [
            ("user:é".as_bytes(), "user:é"),
            ("漢字".as_bytes(), "漢字"),
            (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
            ("e\u{301}\u{301}".as_bytes(), "e\\u{301}\\u{301}"),
            ("\u{202e}txt".as_bytes(), "\\u{202e}txt"),
            ("שלום".as_bytes(), "\\u{5e9}\\u{5dc}\\u{5d5}\\u{5dd}"),
            ("👍🏽".as_bytes(), "👍\\u{1f3fd}"),
            ("a\u{fe0f}\u{200d}".as_bytes(), "a\\u{fe0f}\\u{200d}"),
            (b"\xff\0", "\\xff\\x00"),
        ] {
            let harmless = harmless(bytes);
            assert_eq!(harmless, text);
            let each: usize = harmless.chars().map(|char| char.width().unwrap_or(9)).sum();
            assert_eq!(each, width(&harmless), "{harmless}");
        }
    }

    #[test]
    fn a_cell_is_as_wide_as_its_column() {
        assert_eq!(fit("abc", 5, false), "abc  ");
        assert_eq!(fit("abc", 5, true), "  abc");
        assert_eq!(fit("abcdef", 5, true), "abcd…");
        assert_eq!(fit("漢字漢字", 5, false), "漢字…");
        assert_eq!(fit("漢字漢字", 6, false), "漢字… ");
        assert_eq!(fit("漢", 1, false), "…");
        assert_eq!(fit("abc", 0, false), "");
        for columns in 0..300 {
            let text = "漢a".repeat(100);
            assert_eq!(width(&fit(&text, columns, columns % 2 == 0)), columns);
        }
    }

    #[test]
    fn numbers_times_and_sizes_are_short() {
        let numbers = [0.0, 0.3, 2.0, 9.96, 1234.0, 12_345.0, 2_500_000.0, 7.3e9];
        assert_eq!(numbers.map(number), ["0", "0.3", "2", "10", "1234", "12k", "2.5M", "7.3G"]);
        assert_eq!([1000.0, 1536.0, 5e9].map(bytes), ["1.0 kB", "1.5 kB", "4.7 GB"]);
        let times = [0, 59, 60, 200, 7260, 90_000].map(Duration::from_secs).map(time);
        assert_eq!(times, ["0s", "59s", "1m", "3m 20s", "2h 1m", "1d 1h"]);
        assert_eq!([-5, 0, 250, 61_000].map(millis), ["0s", "0s", "250ms", "1m 1s"]);
        assert_eq!(
            [share(1.0, 0.0), share(0.0, 5.0), share(0.001, 1.0), share(1.0, 4.0)],
            ["", "0%", "<1%", "25%"]
        );
    }
}
