//! Turns a caller's bytes into text that JSON and databases accept, so that no byte can lose the
//! record it is part of.

use std::borrow::Cow;
use std::fmt::Write;

/// Marks the end of a truncated text.
pub(crate) const CUT: char = '…';

/// Accepts names that need no escaping anywhere: 1 to `most` letters, digits, dots, hyphens and
/// underscores.
pub(crate) fn label(bytes: &[u8], most: usize) -> Option<&str> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let sound = (1..=most).contains(&bytes.len()) && bytes.iter().all(allowed);
    std::str::from_utf8(bytes).ok().filter(|_| sound)
}

/// Reads a [`label`] of at most `most` bytes.
pub(crate) fn read_label(most: usize) -> impl Fn(&[u8]) -> Result<&str, String> {
    move |bytes| {
        let wrong = || format!("is not 1 to {most} letters, digits, dots, hyphens and underscores");
        label(bytes, most).ok_or_else(wrong)
    }
}

/// Escapes `bytes` as text. Control characters, invalid UTF-8 and the backslash become one `\xHH`
/// per byte; all else stays. The input is truncated to `most` bytes at the start of a character,
/// and [`CUT`] marks that.
///
/// A text that was not truncated encodes every byte, and is at most four times as long.
pub(crate) fn escaped(bytes: &[u8], most: usize) -> String {
    let kept = head(bytes, most);
    let mut text = String::with_capacity(kept.len() + CUT.len_utf8());
    for chunk in kept.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' || character.is_control() {
                escape(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
            } else {
                text.push(character);
            }
        }
        escape(chunk.invalid(), &mut text);
    }
    if kept.len() < bytes.len() {
        text.push(CUT);
    }
    text
}

/// Like [`escaped`], but truncates the resulting text to `most` bytes, at the start of a character
/// or an escape. Text that needs no escape is borrowed.
///
/// Reads at most `most` of the input, however long it is.
pub(crate) fn escaped_within(bytes: &[u8], most: usize) -> Cow<'_, str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
    if bytes.len() <= most && bytes.iter().all(is_plain) {
        return Cow::Borrowed(std::str::from_utf8(bytes).unwrap_or_default());
    }
    let kept = head(bytes, most);
    let mut text = String::with_capacity(kept.len() + CUT.len_utf8());
    let mut cut = kept.len() < bytes.len();
    'all: for chunk in kept.utf8_chunks() {
        for character in chunk.valid().chars() {
            let before = text.len();
            if character == '\\' || character.is_control() {
                escape(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
            } else {
                text.push(character);
            }
            if text.len() > most {
                text.truncate(before);
                cut = true;
                break 'all;
            }
        }
        for byte in chunk.invalid() {
            if text.len() + ESCAPE > most {
                cut = true;
                break 'all;
            }
            escape(&[*byte], &mut text);
        }
    }
    if cut {
        text.push(CUT);
    }
    Cow::Owned(text)
}

/// The length of `\x00`.
const ESCAPE: usize = 4;

fn escape(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// The first `most` bytes, or up to three fewer where they would end within a character.
fn head(bytes: &[u8], most: usize) -> &[u8] {
    if bytes.len() <= most {
        return bytes;
    }
    let straddles = |start: &usize| character_at(bytes, *start).is_some_and(|len| start + len > most);
    let end = (most.saturating_sub(3)..most).find(straddles).unwrap_or(most);
    &bytes[..end]
}

/// The length of the character at `start`, if one begins there.
fn character_at(bytes: &[u8], start: usize) -> Option<usize> {
    let longest = &bytes[start..bytes.len().min(start + 4)];
    longest.utf8_chunks().next()?.valid().chars().next().map(char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CUT, ESCAPE, escaped, escaped_within};

    /// The input of [`escaped`], from a text that was not truncated.
    fn unescaped(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&byte, behind)) = rest.split_first() {
            if byte == b'\\' {
                assert_eq!(behind[0], b'x');
                let hex = std::str::from_utf8(&behind[1..3]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &behind[3..];
            } else {
                bytes.push(byte);
                rest = behind;
            }
        }
        bytes
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in ["", "user:42", "\"quoted\" & 'so on' <b>", "schlüssel 🔑 ключ"] {
            assert_eq!(escaped(text.as_bytes(), 100), text);
        }
    }

    #[test]
    fn controls_backslashes_and_what_is_not_utf8_are_escaped() {
        assert_eq!(escaped(b"a\0b\r\n\x1b[31m\x7f", 100), r"a\x00b\x0d\x0a\x1b[31m\x7f");
        assert_eq!(escaped(br"C:\temp\x00", 100), r"C:\x5ctemp\x5cx00");
        assert_eq!(escaped(b"\xff\xfe ok \xc3\x28", 100), r"\xff\xfe ok \xc3(");
        assert_eq!(escaped("\u{85}\u{9f}".as_bytes(), 100), r"\xc2\x85\xc2\x9f");
        assert_eq!(escaped(b"\xed\xa0\x80", 100), r"\xed\xa0\x80", "half of a surrogate pair");
        assert_eq!(escaped(b"\xe2\x82", 100), r"\xe2\x82", "a character that ends early");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_marked() {
        assert_eq!(escaped(b"abcd", 4), "abcd");
        assert_eq!(escaped(b"abcde", 4), "abcd…");
        assert_eq!(escaped("aé".as_bytes(), 2), "a…");
        assert_eq!(escaped("a€b".as_bytes(), 3), "a…");
        assert_eq!(escaped("a€b".as_bytes(), 4), "a€…");
        assert_eq!(escaped("🔑🔑".as_bytes(), 7), "🔑…");
        assert_eq!(escaped("🔑".as_bytes(), 1), "…");
        assert_eq!(escaped(b"a\x80\x80\x80\x80", 3), r"a\x80\x80…", "no character ends there");
        assert_eq!(escaped(b"a", 0), "…");
    }

    #[test]
    fn what_comes_of_it_is_bounded() {
        for (bytes, most, text) in [
            (&b"abcd"[..], 4, "abcd"),
            (b"abcde", 4, "abcd…"),
            (b"a\0b", 6, r"a\x00b"),
            (b"a\0b", 5, r"a\x00…"),
            (b"a\0b", 4, "a…"),
            ("aé".as_bytes(), 3, "aé"),
            ("aé".as_bytes(), 2, "a…"),
            ("\u{85}x".as_bytes(), 8, r"\xc2\x85…"),
            ("\u{85}x".as_bytes(), 7, "…"),
            (b"\xff\xff", 7, r"\xff…"),
            (b"a", 0, "…"),
            (b"", 0, ""),
        ] {
            assert_eq!(escaped_within(bytes, most), text, "{} {most}", bytes.escape_ascii());
        }
    }

    /// Bytes of which many are text.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..12),
            "[a-z\\\\€🔑]{0,12}".prop_map(String::into_bytes),
        ];
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_told_in_full(bytes in bytes()) {
            let text = escaped(&bytes, bytes.len());
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(unescaped(&text), bytes);
        }

        #[test]
        fn what_comes_of_any_bytes_is_bounded_and_tells_where_they_begin(bytes in bytes(), most in 0_usize..40) {
            let whole = escaped(&bytes, bytes.len());
            let text = escaped_within(&bytes, most);
            if whole.len() <= most {
                prop_assert_eq!(text, whole);
            } else {
                let told = text.strip_suffix(CUT).unwrap();
                prop_assert!(told.len() <= most && whole.starts_with(told), "{:?} of {:?}", text, whole);
                // The part that is missing is at most the longest escape of one character.
                prop_assert!(told.len() + 4 * ESCAPE > most || bytes.len() < most, "{:?} of {:?}", text, whole);
            }
        }

        #[test]
        fn a_cut_text_is_bounded_and_tells_where_it_begins(bytes in bytes(), most in 0_usize..40) {
            prop_assume!(bytes.len() > most);
            let text = escaped(&bytes, most);
            prop_assert!(text.len() <= 4 * most + CUT.len_utf8());
            let told = unescaped(text.strip_suffix(CUT).unwrap());
            prop_assert!(bytes.starts_with(&told) && told.len() <= most && told.len() + 3 >= most);
            let whole = escaped(&bytes, bytes.len());
            prop_assert!(whole.starts_with(text.strip_suffix(CUT).unwrap()), "{:?} of {:?}", text, whole);
        }
    }
}
