//! Quotes a caller's argument in an error message.

use std::fmt::{self, Display, Write};

/// The longest part of an argument that an error repeats, in bytes.
const QUOTED: usize = 64;

/// Displays an argument in quotes: printable, on one line, and truncated.
pub(crate) struct Quoted<'a>(pub &'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for &byte in self.0.iter().take(QUOTED) {
            match byte {
                b'\\' | b'\'' => write!(f, "\\{}", byte as char)?,
                b' '..=b'~' => f.write_char(byte as char)?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str(if self.0.len() > QUOTED { "...'" } else { "'" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_argument_is_one_printable_line() {
        assert_eq!(Quoted(b"a\r\n\0\xff'\\").to_string(), r"'a\x0d\x0a\x00\xff\'\\'");
        assert_eq!(Quoted(&[b'x'; 65]).to_string().len(), 64 + 5);
    }
}
