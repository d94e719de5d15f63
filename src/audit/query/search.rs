//! Finds the events of the queue that match a page, and joins them with those from Postgres.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::journal::queue::Queue;

use super::super::entry::{Entry, Record};
use super::order::{Place, place};
use super::page::Page;

/// The newest events of `queue` that match `page`, newest first.
///
/// Most of the queue is skipped: each segment knows the range of its times, which mostly ascend,
/// though a caller may give an event another time.
pub(crate) fn in_queue(queue: &Queue<Entry>, page: &Page) -> Vec<Record> {
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
    // The oldest found is on top and gives way to a newer one.
    let mut found: BinaryHeap<Reverse<(Place, u64)>> = BinaryHeap::with_capacity(page.count + 1);
    while let (Some(segment), Some(latest)) = (segments.pop(), latest_until_here.get(segments.len())) {
        let oldest = found.peek().filter(|_| found.len() == page.count).map(|Reverse((place, _))| *place);
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
            let place = place(id);
            if bound.is_none_or(|bound| place < bound) && page.filter.matches(id, &entry.fields()) {
                found.push(Reverse((place, id.seq)));
                if found.len() > page.count {
                    found.pop();
                }
            }
        }
    }
    let sorted = found.into_sorted_vec();
    sorted
        .into_iter()
        .filter_map(|Reverse((_, seq))| queue.get(seq).map(|(id, entry)| (id, entry.clone())))
        .collect()
}

/// Joins two lists, newest first, into one of at most `count` events. An event of both lists occurs
/// once.
pub(crate) fn joined(one: Vec<Record>, other: Vec<Record>, count: usize) -> Vec<Record> {
    let mut all: Vec<Record> = one.into_iter().chain(other).collect();
    all.sort_by_key(|(id, _)| Reverse(place(*id)));
    all.dedup_by_key(|(id, _)| place(*id));
    all.truncate(count);
    all
}
