//! Text from clients, made safe to print.

use std::fmt::Write;

/// `bytes` for a terminal or a log: control characters, characters that change the direction of
/// text, and bytes that are not UTF-8 are written as escapes such as `\x1b` and `\u{202e}`.
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_ascii_control() => _ = write!(out, "\\x{:02x}", u32::from(c)),
                c if c.is_control() || is_invisible(c) => _ = write!(out, "{}", c.escape_unicode()),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| _ = write!(out, "\\x{byte:02x}"));
    }
    out
}

/// The bytes that [`printable`] has written as `text`. What is no escape of it stays as it is.
pub fn unprintable(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let used = unescape(escape, &mut out);
        if used == 0 {
            out.push(b'\\');
        }
        rest = &escape[used..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Adds what the escape at the start of `text`, behind its backslash, stands for. Returns its
/// length, or 0 if it is none.
fn unescape(text: &str, out: &mut Vec<u8>) -> usize {
    let simple = [("\\", b'\\'), ("n", b'\n'), ("r", b'\r'), ("t", b'\t')];
    if let Some((name, byte)) = simple.into_iter().find(|(name, _)| text.starts_with(name)) {
        out.push(byte);
        return name.len();
    }
    if let Some(byte) = text.strip_prefix('x').and_then(|text| text.get(..2)).and_then(hex) {
        out.push(byte as u8);
        return 3;
    }
    let digits = text.strip_prefix("u{").and_then(|text| text.split_once('}')).map(|(digits, _)| digits);
    let Some((digits, char)) = digits.and_then(|digits| Some((digits, char::from_u32(hex(digits)?)?))) else {
        return 0;
    };
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    digits.len() + 3
}

fn hex(digits: &str) -> Option<u32> {
    let valid = (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// Characters that have no width or change the direction of text, by which a name can pass for
/// another one.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_change_a_terminal_is_escaped() {
        for (bytes, text) in [
            (&b"plain caf\xc3\xa9"[..], "plain café"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"a\0b\r\n\t", "a\\x00b\\r\\n\\t"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"a\\x1b", "a\\\\x1b"),
            ("\u{202e}evil\u{9b}".as_bytes(), "\\u{202e}evil\\u{9b}"),
        ] {
            assert_eq!(printable(bytes), text);
            assert_eq!(unprintable(text), bytes);
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["\\", "a\\", "\\q", "\\x1", "\\xzz", "\\u{}", "\\u{110000}", "\\u{1", "\\x+1", "\\u{+1}"]
        {
            assert_eq!(unprintable(text), text.as_bytes(), "{text}");
        }
    }
}
