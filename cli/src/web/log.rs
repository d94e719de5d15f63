//! The log: lines on standard error. They never hold a token, a password or a cookie.

use std::io::Write;
use std::time::SystemTime;

use crate::text::printable;

/// Writes a line with the time. That it can't be written is no reason to stop.
pub fn line(text: &str) {
    let now = humantime::format_rfc3339_millis(SystemTime::now());
    let _ = writeln!(std::io::stderr(), "{now} {}", printable(text.as_bytes()));
}
