//! The server's log.

use std::ffi::CString;
use std::ptr;
use std::time::{Duration, Instant};

use super::api::api_if_any;

/// Logs a line at the server's level `warning`.
pub(crate) fn warning(message: &str) {
    // A line break could forge a log line, and a NUL would end the string early.
    let clean: Vec<u8> = message.bytes().map(|b| if b < b' ' { b' ' } else { b }).collect();
    let Ok(text) = CString::new(clean) else { return };
    // Unit tests run without a server and have no log.
    let Some(log) = api_if_any!(RedisModule_Log) else { return };
    // SAFETY: RedisModule_Log takes a null context; the strings are NUL-terminated, and the
    // format reads the one argument that is passed.
    unsafe { log(ptr::null_mut(), c"warning".as_ptr(), c"%s".as_ptr(), text.as_ptr()) };
}

/// Counts something that may happen often, for one line in a while.
#[derive(Default)]
pub(crate) struct Tally {
    count: u64,
    logged_at: Option<Instant>,
}

/// The minimum time between two lines of a [`Tally`].
const INTERVAL: Duration = Duration::from_secs(10);

impl Tally {
    pub(crate) const fn new() -> Self {
        Self { count: 0, logged_at: None }
    }

    pub(crate) fn add(&mut self, n: u64) {
        self.count += n;
    }

    /// Returns how many there were since the last line, if a line is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<u64> {
        let is_early = self.logged_at.is_some_and(|at| now.duration_since(at) < INTERVAL);
        if self.count == 0 || is_early {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_logged_at_once_and_then_in_intervals() {
        let start = Instant::now();
        let mut tally = Tally::new();
        assert_eq!(tally.due(start), None);
        tally.add(2);
        assert_eq!(tally.due(start), Some(2));
        tally.add(1);
        tally.add(3);
        assert_eq!(tally.due(start + INTERVAL / 2), None);
        assert_eq!(tally.due(start + INTERVAL), Some(4));
        assert_eq!(tally.due(start + 3 * INTERVAL), None);
    }
}
