//! Lines of small text files that an operator writes.

/// The lines of a file without surrounding blanks, with their numbers from 1. Skips blank lines and
/// those that begin with `#`.
pub(crate) fn lines(bytes: &[u8]) -> Result<Vec<(usize, &str)>, String> {
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
