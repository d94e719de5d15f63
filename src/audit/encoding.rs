//! The encoding of the database, and text that fits into it.
//!
//! The connection speaks UTF-8, and Postgres converts. A database of UTF8 holds every text. One of
//! another encoding refuses a character that it lacks, and then the whole statement. So such a
//! character is written as the `\xHH` of its bytes, as LW.AUDIT writes bytes that are no text.
//!
//! | encoding | text is kept | JSON escapes like `\u00e9` |
//! |---|---|---|
//! | UTF8 | all | stay |
//! | SQL_ASCII, which is bytes | all | become the character: it refuses them |
//! | LATIN1 | up to U+00FF | become the character or `\xHH` |
//! | others | ASCII | become `\xHH` |

use std::borrow::Cow;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    SqlAscii,
    Latin1,
    /// Another one. All that Postgres has contain ASCII.
    Other,
}

impl Encoding {
    /// Reads `server_encoding`, which a server reports when a connection begins.
    pub(crate) fn of(server_encoding: Option<&str>) -> Self {
        match server_encoding {
            Some("UTF8") | None => Self::Utf8,
            Some("SQL_ASCII") => Self::SqlAscii,
            Some("LATIN1") => Self::Latin1,
            Some(_) => Self::Other,
        }
    }

    fn has(self, character: char) -> bool {
        match self {
            Self::Utf8 | Self::SqlAscii => true,
            Self::Latin1 => character <= '\u{ff}',
            Self::Other => character.is_ascii(),
        }
    }

    /// `text` as it fits into the database. It takes at most four bytes for each byte, and at most
    /// `most` if it had to be changed.
    pub(crate) fn text(self, text: &str, most: usize) -> Cow<'_, str> {
        if text.is_ascii() || text.chars().all(|character| self.has(character)) {
            return Cow::Borrowed(text);
        }
        let mut fitting = String::with_capacity(text.len());
        for character in text.chars() {
            let before = fitting.len();
            self.push(character, &mut fitting, r"\x");
            if fitting.len() > most {
                fitting.truncate(before);
                break;
            }
        }
        Cow::Owned(fitting)
    }

    /// `json` as a `jsonb` of the database can hold it. It must be valid JSON, and so is the
    /// result.
    pub(crate) fn json(self, json: &str) -> Cow<'_, str> {
        if self == Self::Utf8 || (json.is_ascii() && !json.contains(r"\u")) {
            return Cow::Borrowed(json);
        }
        let mut fitting = String::with_capacity(json.len());
        let mut rest = json;
        while let Some(character) = rest.chars().next() {
            let (decoded, len) = match escape_at(rest) {
                Some(found) => found,
                None => (character, character.len_utf8()),
            };
            if character != '\\' || !decoded.is_ascii() {
                self.push(decoded, &mut fitting, r"\\x");
                rest = &rest[len..];
            } else {
                // An escape of an ASCII character stays as it is. One of two characters is copied
                // as a whole, because the second may be a backslash.
                let len = if len > 1 { len } else { 1 + rest[1..].chars().next().map_or(0, char::len_utf8) };
                fitting.push_str(&rest[..len]);
                rest = &rest[len..];
            }
        }
        Cow::Owned(fitting)
    }

    /// Appends `character`, or `mark` and two hexadecimal digits for each of its bytes.
    fn push(self, character: char, to: &mut String, mark: &str) {
        if self.has(character) {
            return to.push(character);
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a String can't fail.
            let _ = write!(to, "{mark}{byte:02x}");
        }
    }
}

/// The character of the escape `\uXXXX`, or of a pair of them, at the start of `json`, and the
/// length of the escape.
fn escape_at(json: &str) -> Option<(char, usize)> {
    const LEN: usize = 6;
    let unit = |at: usize| {
        let digits = json.get(at..at + LEN)?.strip_prefix(r"\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    let units = [first, unit(LEN).unwrap_or(0)];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, LEN * character.len_utf16()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::Encoding::{self, Latin1, Other, SqlAscii, Utf8};

    const ALL: [Encoding; 4] = [Utf8, SqlAscii, Latin1, Other];

    #[test]
    fn text_fits_into_each_encoding() {
        for (encoding, fitting) in [
            (Utf8, "aé€\\"),
            (SqlAscii, "aé€\\"),
            (Latin1, r"aé\xe2\x82\xac\"),
            (Other, r"a\xc3\xa9\xe2\x82\xac\"),
        ] {
            assert_eq!(encoding.text("aé€\\", 100), fitting);
        }
        assert_eq!(Other.text("aé€", 12), r"a\xc3\xa9", "an escape is whole or missing");
    }

    #[test]
    fn json_fits_into_each_encoding() {
        let json = r#"{"é":"\u00e9 \u20ac \ud83d\ude00 \u0041 \\u00e9 \n \"€"}"#;
        for (encoding, fitting) in [
            (Utf8, json),
            (SqlAscii, r#"{"é":"é € 😀 \u0041 \\u00e9 \n \"€"}"#),
            (Latin1, r#"{"é":"é \\xe2\\x82\\xac \\xf0\\x9f\\x98\\x80 \u0041 \\u00e9 \n \"\\xe2\\x82\\xac"}"#),
            (
                Other,
                r#"{"\\xc3\\xa9":"\\xc3\\xa9 \\xe2\\x82\\xac \\xf0\\x9f\\x98\\x80 \u0041 \\u00e9 \n \"\\xe2\\x82\\xac"}"#,
            ),
        ] {
            assert_eq!(encoding.json(json), fitting, "{encoding:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_and_json_fits(text: String, units: Vec<u16>) {
            let decoded = String::from_utf16_lossy(&units);
            let escaped: String = decoded.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("[{},\"{escaped}\"]", serde_json::to_string(&text).unwrap());
            for encoding in ALL {
                prop_assert!(encoding.text(&text, usize::MAX).chars().all(|character| encoding.has(character)));
                let fitting = encoding.json(&json);
                prop_assert!(fitting.chars().all(|character| encoding.has(character)), "{}", fitting);
                let value: Value = serde_json::from_str(&fitting).unwrap();
                if matches!(encoding, Utf8 | SqlAscii) {
                    prop_assert_eq!(value, serde_json::json!([&text, &decoded]));
                }
            }
        }
    }
}
