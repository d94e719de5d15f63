//! The events of the journal that are asked for, and how they are joined with those that Postgres has.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::journal::queue::Queue;

use super::super::entry::Entry;
use super::order::{Place, place};
use super::page::Page;
use super::record::Found;

/// The newest events of `journal` that `page` asks for, newest first.
///
/// Most of the journal is not looked at: stretches of it know between which times they lie, and time mostly goes on along
/// it, though a caller may give an event another time.
pub fn in_journal(journal: &Queue<Entry>, page: &Page) -> Vec<Found> {
    let bound = page.before.map(place);
    // The latest time in a stretch and in all older ones.
    let mut latest = 0;
    let mut stretches: Vec<_> = journal.stretches().collect();
    let latest_until_here: Vec<u64> = stretches
        .iter()
        .map(|stretch| {
            latest = latest.max(stretch.latest().0);
            latest
        })
        .collect();
    // The oldest of those found is on top, to give way to a newer one.
    let mut found: BinaryHeap<Reverse<(Place, u64)>> = BinaryHeap::with_capacity(page.count + 1);
    while let (Some(stretch), Some(latest)) = (stretches.pop(), latest_until_here.get(stretches.len())) {
        let oldest = found.peek().filter(|_| found.len() == page.count).map(|Reverse((place, _))| *place);
        if oldest.is_some_and(|oldest| *latest < oldest.0) {
            break;
        }
        let too_new = bound.is_some_and(|bound| stretch.earliest().0 > bound.0);
        let too_old = page.filter.from.is_some_and(|from| stretch.latest() < from);
        let too_late = page.filter.to.is_some_and(|to| stretch.earliest() > to);
        if too_new || too_old || too_late {
            continue;
        }
        for (id, entry) in stretch.events() {
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
        .filter_map(|Reverse((_, seq))| journal.get(seq).map(|(id, entry)| (id, entry.clone())))
        .collect()
}

/// Joins two lists, newest first, into one of at most `count`, in which an event that both have stands once.
pub fn joined(one: Vec<Found>, other: Vec<Found>, count: usize) -> Vec<Found> {
    let mut all: Vec<Found> = one.into_iter().chain(other).collect();
    all.sort_by_key(|(id, _)| Reverse(place(*id)));
    all.dedup_by_key(|(id, _)| place(*id));
    all.truncate(count);
    all
}
