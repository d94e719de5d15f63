//! What a guard keeps in this process only: its share of the gauges in INFO, the name of its key,
//! and the quota of audit events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::text::time::{Span, Timestamp};

use super::hash::HashKey;

/// All guards of this server. Values are freed on threads, too.
pub(crate) static BYTES: AtomicU64 = AtomicU64::new(0);
pub(crate) static BANS: AtomicU64 = AtomicU64::new(0);
pub(crate) static SUBJECTS: AtomicU64 = AtomicU64::new(0);
pub(crate) static KNOWN: AtomicU64 = AtomicU64::new(0);
/// Guards in which new bans become challenges, as of their last change: because of the cap, a
/// broken site, or because there are too many bans.
pub(crate) static RESTRAINED: AtomicU64 = AtomicU64::new(0);

/// The size of a guard, as INFO adds it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub bytes: u64,
    pub bans: u64,
    pub subjects: u64,
    pub known: u64,
    pub restrained: u64,
}

/// Audit events of challenges per second and guard.
const EVENTS: u32 = 10;
/// The rest is reported in one event in this time.
const SUMMARY: Span = Span(60_000);

#[derive(Debug, Default)]
pub(crate) struct Local {
    /// What the gauges hold of this guard; `None` until it is counted.
    counted: Option<Size>,
    /// Identifies the guard among its copies.
    id: HashKey,
    /// The key's name, if a command has changed the guard on this server.
    pub name: Box<[u8]>,
    quota: Quota,
}

/// A copy is counted anew, and has reported nothing.
impl Clone for Local {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Local {
    /// Sets this guard's share of the gauges.
    pub(crate) fn count(&mut self, id: HashKey, size: Size) {
        if self.counted.is_none() {
            *copies().entry(id).or_default() += 1;
            self.id = id;
        }
        if self.counted != Some(size) {
            adjust(self.counted.replace(size).unwrap_or_default(), size);
        }
    }

    /// Whether this is the last copy of the guard that is counted.
    pub(crate) fn is_last_copy(&self) -> bool {
        self.counted.is_some() && copies().get(&self.id).is_none_or(|copies| *copies <= 1)
    }

    /// Whether an audit event of a challenge may be recorded on its own at `now`. If not, it
    /// belongs to the summary.
    pub(crate) fn may_record(&mut self, now: Timestamp) -> bool {
        self.quota.take(now)
    }

    /// The number of challenges without an audit event of their own and the time of the first, once
    /// a minute.
    pub(crate) fn summary(&mut self, now: Timestamp) -> Option<(u64, Timestamp)> {
        self.quota.summary(now)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let Some(size) = self.counted else { return };
        adjust(size, Size::default());
        let mut copies = copies();
        if let Some(count) = copies.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                copies.remove(&self.id);
            }
        }
    }
}

fn adjust(before: Size, after: Size) {
    for (gauge, before, after) in [
        (&BYTES, before.bytes, after.bytes),
        (&BANS, before.bans, after.bans),
        (&SUBJECTS, before.subjects, after.subjects),
        (&KNOWN, before.known, after.known),
        (&RESTRAINED, before.restrained, after.restrained),
    ] {
        gauge.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
}

/// How many copies of each guard this server holds.
fn copies() -> MutexGuard<'static, HashMap<HashKey, usize>> {
    static COPIES: LazyLock<Mutex<HashMap<HashKey, usize>>> = LazyLock::new(Mutex::default);
    COPIES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Quota {
    second: u64,
    used: u32,
    /// The events of the summary that comes next, and the time of the first.
    rest: u64,
    since: Timestamp,
}

impl Quota {
    fn take(&mut self, now: Timestamp) -> bool {
        if self.second != now.0 / 1000 {
            (self.second, self.used) = (now.0 / 1000, 0);
        }
        self.used += 1;
        if self.used <= EVENTS {
            return true;
        }
        if self.rest == 0 {
            self.since = now;
        }
        self.rest += 1;
        self.used = EVENTS;
        false
    }

    fn summary(&mut self, now: Timestamp) -> Option<(u64, Timestamp)> {
        // A clock that steps back ends the minute too.
        let is_due = now < self.since || now - self.since >= SUMMARY;
        (self.rest > 0 && is_due).then(|| (std::mem::take(&mut self.rest), self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_events_a_second_are_recorded_and_the_rest_once_a_minute() {
        let mut local = Local::default();
        let recorded = (0..1000).filter(|n| local.may_record(Timestamp(50_000 + n))).count();
        assert_eq!(recorded, 10);
        assert_eq!(local.summary(Timestamp(110_009)), None);
        assert_eq!(local.summary(Timestamp(110_010)), Some((990, Timestamp(50_010))));
        assert_eq!(local.summary(Timestamp(200_000)), None);
        assert!(local.may_record(Timestamp(51_000)));
    }

    #[test]
    fn the_last_copy_of_a_guard_is_known() {
        let id = HashKey(*b"a unique test id");
        let mut first = Local::default();
        first.count(id, Size::default());
        assert!(first.is_last_copy());
        let mut second = first.clone();
        assert!(!second.is_last_copy(), "it is not counted yet");
        second.count(id, Size { bans: 3, ..Size::default() });
        assert!(!first.is_last_copy() && !second.is_last_copy());
        drop(first);
        assert!(second.is_last_copy());
    }
}
