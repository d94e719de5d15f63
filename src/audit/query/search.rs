//! Finds the events of the queue that match a page.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::journal::queue::Queue;

use super::super::entry::Entry;
use super::found::Found;
use super::order::{Place, place};
use super::page::Page;

/// The newest events of `queue` that match `page`.
pub(crate) fn in_queue(queue: &Queue<Entry>, page: &Page) -> Found {
    // The number of events has this bound.
    in_queue_within(queue, page, usize::MAX).unwrap_or_else(|TooMany| Found::new(page.count))
}

/// The answer needs more events to be examined than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Like [`in_queue`], but examines at most `most` events.
///
/// Most of the queue is skipped: each segment knows the range of its times, which mostly ascend,
/// though a caller may give an event another time.
pub(crate) fn in_queue_within(queue: &Queue<Entry>, page: &Page, most: usize) -> Result<Found, TooMany> {
    let mut found = Found::new(page.count);
    let count = found.room();
    let bound = page.before.map(place);
    // The latest time in a segment and all older ones.
    let mut latest = 0;
    let mut segments: Vec<_> = queue.segments().collect();
    let latest_until_here: Vec<u64> = segments
        .iter()
        .map(|segment| {
            latest = latest.max(segment.latest().0);
            latest
        })
        .collect();
    let mut examined = 0;
    // The oldest found is on top and gives way to a newer one.
    let mut newest: BinaryHeap<Reverse<(Place, u64)>> = BinaryHeap::with_capacity(count + 1);
    while let (Some(segment), Some(latest)) = (segments.pop(), latest_until_here.get(segments.len())) {
        let oldest = newest.peek().filter(|_| newest.len() == count).map(|Reverse((place, _))| *place);
        if oldest.is_some_and(|oldest| *latest < oldest.0) {
            break;
        }
        let too_new = bound.is_some_and(|bound| segment.earliest().0 > bound.0);
        let too_old = page.filter.from.is_some_and(|from| segment.latest() < from);
        let too_late = page.filter.to.is_some_and(|to| segment.earliest() > to);
        if too_new || too_old || too_late {
            continue;
        }
        for (id, entry) in segment.events() {
            examined += 1;
            if examined > most {
                return Err(TooMany);
            }
            let place = place(id);
            if bound.is_none_or(|bound| place < bound) && page.filter.matches(id, &entry.fields()) {
                newest.push(Reverse((place, id.seq)));
                if newest.len() > count {
                    newest.pop();
                }
            }
        }
    }
    let newest = newest.into_sorted_vec().into_iter();
    let mut records =
        newest.filter_map(|Reverse((_, seq))| queue.get(seq).map(|(id, entry)| (id, entry.clone())));
    // Stops at a page's size.
    let _ = records.all(|record| found.push(record));
    Ok(found)
}
