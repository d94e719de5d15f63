//! Shrinks a full log: neighbouring entries merge, oldest first, and count as admitted at the later
//! one's time. So a merged unit leaves its window late, never early. The log denies a little longer
//! and never admits too much.
//!
//! The delay is bounded. With `p` windows and room for `n` entries, units that only windows of `w`
//! and longer cover may merge if the later is at most `p * w / n` behind the earlier. Consider the
//! stretch of time that `w` covers and the next shorter window does not. Its merged entries begin
//! at least `p * w / n` apart, so it holds at most `n / p` entries and one across its edge. So all
//! windows together fit.
//!
//! Thinning to exactly `n` would have to run again at the next hit. The working room of `n / 8`
//! entries makes a hit amortised O(1).

use crate::text::time::{Span, Timestamp};

use super::entries::Entry;
use super::extra::Extra;
use super::log::Log;

/// Thins `log` if it holds more than `max_entries` and the working room.
#[inline]
pub(super) fn thin_if_full<X: Extra>(log: &mut Log<X>, now: Timestamp, max_entries: u16) {
    let closed = usize::from(log.header().entries);
    let target = usize::from(max_entries) + usize::from(log.header().windows);
    if closed > target + (usize::from(max_entries) / 8).max(8) {
        thin(log, now, target, u64::from(max_entries));
    }
}

#[cold]
fn thin<X: Extra>(log: &mut Log<X>, now: Timestamp, target: usize, max_entries: u64) {
    let windows: Vec<Span> = log.windows().collect();
    let mut entries: Vec<Entry> = log.closed().collect();
    // The first round suffices as long as the windows stay the same. After they have changed,
    // entries that were merged for the old windows may need a coarser round until they expire.
    let mut coarser = 1;
    while entries.len() > target {
        let tolerance = |end: Timestamp| {
            let age = now - end;
            let window = windows.iter().find(|window| **window > age).or(windows.last()).map_or(0, |w| w.0);
            Span(window * windows.len() as u64 / max_entries * coarser)
        };
        merge(&mut entries, target, tolerance);
        coarser = coarser.saturating_mul(2);
        if coarser > max_entries {
            break;
        }
    }
    log.set_closed(&entries);
}

/// Merges neighbours, oldest first, until `target` entries are left or none may merge any more.
fn merge(entries: &mut Vec<Entry>, target: usize, tolerance: impl Fn(Timestamp) -> Span) {
    let mut surplus = entries.len().saturating_sub(target);
    entries.dedup_by(|later, earlier| {
        let merges = surplus > 0 && later.end - earlier.start <= tolerance(later.end);
        if merges {
            surplus -= 1;
            earlier.end = later.end;
            earlier.units += later.units;
        }
        merges
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start: u64, end: u64) -> Entry {
        Entry { start: Timestamp(start), end: Timestamp(end), units: 1 }
    }

    #[test]
    fn merges_the_oldest_first_and_no_more_than_needed() {
        let mut entries: Vec<_> = (0..6).map(|t| entry(t, t)).collect();
        merge(&mut entries, 4, |_| Span(2));
        let ends: Vec<_> = entries.iter().map(|e| (e.end.0, e.units)).collect();
        assert_eq!(ends, [(2, 3), (3, 1), (4, 1), (5, 1)]);
    }

    #[test]
    fn never_spans_more_than_the_tolerance() {
        let mut entries = vec![entry(0, 5), entry(6, 6), entry(7, 12), entry(40, 40)];
        merge(&mut entries, 1, |_| Span(6));
        assert_eq!(entries.iter().map(|e| e.end.0).collect::<Vec<_>>(), [6, 12, 40]);
    }
}
