//! Points in time and lengths of time in whole milliseconds, as two types that can't be mixed up.

use std::ops::{Add, Sub};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time: Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

/// A length of time: milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span(pub u64);

impl Timestamp {
    /// Later than any clock shows. Adding [`Span::MAX`] to a time up to here can't overflow.
    pub const NEVER: Self = Self(1 << 60);

    /// The system's clock, for worker threads. The main thread reads the server's.
    pub fn from_system_clock() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(0))
    }
}

impl Span {
    /// The shortest duration that commands accept.
    pub const MIN: Self = Self(1);
    /// The longest duration that commands accept: ten years of 365 days.
    pub const MAX: Self = Self(10 * 365 * 86_400_000);
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    /// The time from `earlier` to `self`; zero if `earlier` is later.
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}
