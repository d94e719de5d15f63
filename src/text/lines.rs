//! The lines of small text files that an operator writes.

/// The lines of a file that mean something, without the blanks around them, and their numbers, from 1: those that are blank
/// or begin with `#` don't.
pub fn lines(bytes: &[u8]) -> Result<Vec<(usize, &str)>, String> {
    let mut kept = Vec::new();
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let number = at + 1;
        let line = std::str::from_utf8(line).map_err(|_| format!("line {number}: it is not text"))?.trim();
        if !line.is_empty() && !line.starts_with('#') {
            kept.push((number, line));
        }
    }
    Ok(kept)
}
