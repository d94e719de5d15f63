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
        }
    }
}
