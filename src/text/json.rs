//! Checks JSON from callers, and adapts it to Postgres, which does not accept all of JSON.

use std::borrow::Cow;
use std::fmt::{self, Display};

use super::escape::{self, CUT};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// Its length and the limit, in bytes.
    TooLong(usize, usize),
    /// The limit of nesting.
    TooDeep(usize),
    NotUtf8,
    /// Where parsing failed.
    Malformed {
        /// Counts from 1.
        line: usize,
        /// Counts from 1.
        column: usize,
    },
}

impl Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(len, most) => write!(f, "has {len} bytes, more than {most}"),
            Self::TooDeep(most) => write!(f, "is nested deeper than {most} levels"),
            Self::NotUtf8 => f.write_str("is not UTF-8"),
            Self::Malformed { line, column } => write!(f, "is not JSON at line {line}, column {column}"),
        }
    }
}

/// Returns `json` without surrounding whitespace if it is JSON within these limits.
pub(crate) fn check(json: &[u8], most_bytes: usize, most_depth: usize) -> Result<&str, NotJson> {
    if json.len() > most_bytes {
        return Err(NotJson::TooLong(json.len(), most_bytes));
    }
    let text = std::str::from_utf8(json).map_err(|_| NotJson::NotUtf8)?;
    // Only checks the syntax: serde neither builds a value nor recurses.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(NotJson::Malformed { line: error.line(), column: error.column() });
    }
    if depth(json) > most_depth {
        return Err(NotJson::TooDeep(most_depth));
    }
    Ok(text.trim_ascii())
}

/// The deepest nesting of arrays and objects in valid JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The longest number that stays a number, and the greatest exponent of either sign. Both are far
/// below the limits of Postgres's `numeric`.
const NUMBER: usize = 1000;

/// JSON that Postgres's `jsonb` accepts. A NUL in a string (`\u0000`) becomes the text `\x00`, a
/// lone surrogate a text such as `\xed\xa0\x80`, and a number out of range a string. Everything
/// else stays.
///
/// `json` must be valid JSON, and so is the result.
pub(crate) fn storable(json: &str) -> Cow<'_, str> {
    written(json).finish()
}

/// How many bytes `json` may grow by when the database writes its numbers out: `1e400` becomes 401
/// digits.
pub(crate) fn growth(json: &str) -> usize {
    written(json).growth
}

fn written(json: &str) -> Writer<'_> {
    let mut writer = Writer { json, kept: 0, growth: 0, out: String::new() };
    let bytes = json.as_bytes();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        i = match byte {
            b'"' => writer.string(i),
            b'-' | b'0'..=b'9' => writer.number(i),
            _ => i + 1,
        };
    }
    writer
}

/// Copies unchanged stretches as a whole.
struct Writer<'a> {
    json: &'a str,
    /// The end of the copied part.
    kept: usize,
    /// How much the numbers grow when they are written out.
    growth: usize,
    out: String,
}

impl<'a> Writer<'a> {
    /// Replaces the input between `from` and `to` by `text`.
    fn replace(&mut self, from: usize, to: usize, text: &str) {
        self.out.push_str(&self.json[self.kept..from]);
        self.out.push_str(text);
        self.kept = to;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.kept == 0 {
            return Cow::Borrowed(self.json);
        }
        self.out.push_str(&self.json[self.kept..]);
        Cow::Owned(self.out)
    }

    /// Skips the string at `start` and returns its end.
    fn string(&mut self, start: usize) -> usize {
        let bytes = self.json.as_bytes();
        let mut i = start + 1;
        loop {
            match bytes.get(i) {
                None => return i,
                Some(b'"') => return i + 1,
                Some(b'\\') => i = self.escape(i),
                Some(_) => i += 1,
            }
        }
    }

    /// Handles the escape at `start` and returns its end.
    fn escape(&mut self, start: usize) -> usize {
        let Some(unit) = unit_at(self.json.as_bytes(), start) else { return start + 2 };
        let end = start + UNIT;
        match unit {
            0 => self.replace(start, end, r"\\x00"),
            0xd800..=0xdbff => match unit_at(self.json.as_bytes(), end) {
                Some(0xdc00..=0xdfff) => return end + UNIT,
                _ => self.replace(start, end, &half(unit)),
            },
            0xdc00..=0xdfff => self.replace(start, end, &half(unit)),
            _ => {}
        }
        end
    }

    /// Handles the number at `start` and returns its end.
    fn number(&mut self, start: usize) -> usize {
        let rest = &self.json[start..];
        let len = rest.bytes().take_while(|byte| b"+-.eE0123456789".contains(byte)).count();
        let number = &rest[..len];
        let exponent = number.find(['e', 'E']).map(|e| &number[e + 1..]);
        let exponent = exponent.map_or(Ok(0), str::parse::<i64>);
        let digits = exponent.as_ref().map_or(0, |exponent| exponent.unsigned_abs().min(NUMBER as u64));
        self.growth += usize::try_from(digits).unwrap_or(NUMBER);
        let is_measured = exponent.is_ok_and(|exponent| exponent.unsigned_abs() <= NUMBER as u64);
        if len > NUMBER || !is_measured {
            let cut = if len > NUMBER { String::from(CUT) } else { String::new() };
            let text = format!("\"{}{cut}\"", &number[..len.min(NUMBER)]);
            self.replace(start, start + len, &text);
        }
        start + len
    }
}

/// The length of `\u0000`.
const UNIT: usize = 6;

/// The UTF-16 unit of the escape at `start`, if there is one.
fn unit_at(bytes: &[u8], start: usize) -> Option<u16> {
    let hex = bytes.get(start..start + UNIT)?.strip_prefix(br"\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

/// The three bytes that a lone surrogate would have in UTF-8, each escaped for a JSON string.
fn half(unit: u16) -> String {
    let bytes = [0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8];
    escape::escaped(&bytes, bytes.len()).replace('\\', r"\\")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn json_is_taken_up_to_its_bounds() {
        let is_json = |json: &[u8]| check(json, 65_536, 128).is_ok();
        for json in ["{}", "null", "1e400", r#""a\u0000b""#, "[1,[2,{\"a\":\"]]]\"}]]", " \n1 "] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        for json in ["", "{", "{}x", "nan", "'a'", "{\"a\":}", "\"\n\"", "[1,]"] {
            assert!(!is_json(json.as_bytes()), "{json}");
        }
        assert!(!is_json(b"\"\xff\""));
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(is_json(deep(128).as_bytes()) && !is_json(deep(129).as_bytes()));
        assert!(!is_json(deep(32_768).as_bytes()));
        let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(is_json(long(65_536).as_bytes()) && !is_json(long(65_537).as_bytes()));
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        assert_eq!(depth(br#"{"a":"[[[\"{{","b":[1]}"#), 2);
    }

    #[test]
    fn what_a_database_refuses_is_told_in_another_way() {
        for (json, stored) in [
            (r#"{"a\u0000b":"\u0000"}"#, r#"{"a\\x00b":"\\x00"}"#),
            (
                r#""\ud83d\ude00 \ud83d x \udc00\ud83d""#,
                r#""\ud83d\ude00 \\xed\\xa0\\xbd x \\xed\\xb0\\x80\\xed\\xa0\\xbd""#,
            ),
            (
                r#"[1e1000,-1E-1000,1e1001,1e99999999999999999999]"#,
                r#"[1e1000,-1E-1000,"1e1001","1e99999999999999999999"]"#,
            ),
            (r#""\\u0000 1e9999 \"\u0001""#, r#""\\u0000 1e9999 \"\u0001""#),
        ] {
            assert_eq!(storable(json), stored);
        }
        let long = "9".repeat(1001);
        assert_eq!(storable(&long), format!("\"{}…\"", &long[..1000]));
    }

    #[test]
    fn numbers_with_exponents_grow() {
        assert_eq!(growth(r#"[1e400,1E-3,1.5,"1e400",12]"#), 403);
    }

    fn json() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            prop::collection::vec(any::<u16>(), 0..6).prop_map(|units| {
                let units: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{units}\"")
            }),
            prop::collection::vec(
                prop::sample::select(vec!["\\u0000", "\\ud800", "\\udfff", "\\\\", "\\\"", "u0000", "é"]),
                0..8
            )
            .prop_map(|parts| format!("\"{}\"", parts.concat())),
        ];
        let leaf = prop_oneof![
            text.clone(),
            any::<i64>().prop_map(|n| n.to_string()),
            // serde can't hold numbers between these two.
            "-?[1-9][0-9]{0,3}(\\.[0-9]{1,4})?[eE][+-]?([0-9]{1,2}|[1-9][0-9]{4,30})",
            Just("null".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
                prop::collection::vec((text.clone(), inner), 0..4).prop_map(|all| {
                    let all: Vec<_> = all.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                    format!("{{{}}}", all.join(" , "))
                }),
            ]
        })
    }

    fn has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(all) => all.iter().any(has_nul),
            Value::Object(all) => all.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_json_without_what_is_refused(json in json()) {
            let stored = storable(&json);
            prop_assert_eq!(storable(&stored), stored.as_ref(), "a second time it changes nothing");
            // serde refuses lone surrogates as well.
            let value: Value = serde_json::from_str(&stored).map_err(|why| TestCaseError::fail(format!("{why}: {stored}")))?;
            prop_assert!(!has_nul(&value), "{}", stored);
            if let Ok(plain) = serde_json::from_str::<Value>(&json) {
                let is_plain = !has_nul(&plain) && !json.contains(['e', 'E']);
                prop_assert!(!is_plain || stored == json, "{} became {}", json, stored);
            }
        }
    }
}
