//! Writes arguments so that they can be pasted into redis-cli.

/// `bytes` as one argument of redis-cli. Names are hostile: everything but plain characters is
/// written as `\xHH`, so that a terminal shows what it is and a shell expands nothing.
pub fn quoted(bytes: &[u8]) -> String {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/@-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_word) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let is_plain = |byte: u8| is_word(&byte) || b" ,+=%;()".contains(&byte);
    let escaped = bytes.iter().map(|byte| match *byte {
        byte if is_plain(byte) => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_one_word_without_anything_that_a_terminal_or_shell_obeys() {
        for (bytes, expected) in [
            (&b"alice"[..], "alice"),
            (b"2001:db8::/64", "2001:db8::/64"),
            (b"", "\"\""),
            (b"two words", "\"two words\""),
            (b"a\"b\\c", "\"a\\x22b\\x5cc\""),
            (b"$(reboot)`x`!1;'", "\"\\x24(reboot)\\x60x\\x60\\x211;\\x27\""),
            (b"\x1b[2J\r\n\0\xff", "\"\\x1b\\x5b2J\\x0d\\x0a\\x00\\xff\""),
        ] {
            assert_eq!(quoted(bytes), expected);
        }
    }
}
