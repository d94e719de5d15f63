//! Changes the states of subjects within a budget.

use crate::text::time::Timestamp;

use super::super::counter::NETWORK_FACTOR;
use super::super::rule::{Count, Tag};
use super::super::ruleset::GuardRules;
use super::super::state::State;
use super::super::table::Table;
use super::{SWEEP, TRIES, Touched};

/// Notes a change. Repeated ones are dropped at the end: a search for each would be quadratic.
pub(super) fn touch<K: PartialEq>(touched: &mut Touched<K>, key: K) {
    if touched.last() != Some(&key) {
        touched.push(key);
    }
}

pub(super) fn distinct<K: Ord>(touched: &mut Touched<K>) {
    touched.sort_unstable();
    touched.dedup();
}

/// The budget of a table.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub most: usize,
    pub may_create: bool,
    pub now: Timestamp,
}

/// Changes the state of `key`, which is added if there is room. An address or person with lower
/// counts is dropped for it, so that junk never displaces what is close to an effect.
pub(super) fn change_state<K: Copy + Ord, C: Fn(Tag) -> Option<Count>, R>(
    table: &mut Table<K, State>,
    key: K,
    touched: &mut Touched<K>,
    refused: &mut u64,
    room: Room,
    counts: impl Fn(&K) -> C,
    act: impl FnOnce(&mut State) -> R,
) -> Option<R> {
    if !table.contains(&key) {
        if !make_room(table, touched, room, &counts, None) {
            *refused += 1;
            return None;
        }
        table.add(key, State::default());
    }
    touch(touched, key);
    let result = table.change(&key, act);
    if table.size() > room.most {
        // Sets of distinct values grow. Others make room for that too.
        make_room(table, touched, room, &counts, Some(key));
    }
    result
}

/// Changes the state of `key`, if there is one, and removes it if nothing is left.
pub(super) fn change_existing<K: Copy + Ord, R>(
    table: &mut Table<K, State>,
    key: &K,
    act: impl FnOnce(&mut State) -> R,
) -> Option<R> {
    let (result, is_empty) = table.change(key, |state| (act(state), state.is_empty()))?;
    if is_empty {
        table.set(*key, None);
    }
    Some(result)
}

fn make_room<K: Copy + Ord, C: Fn(Tag) -> Option<Count>>(
    table: &mut Table<K, State>,
    touched: &mut Touched<K>,
    room: Room,
    counts: &impl Fn(&K) -> C,
    spared: Option<K>,
) -> bool {
    if !room.may_create {
        return false;
    }
    for _ in 0..TRIES {
        let is_full = table.size() > room.most;
        // What is challenged or has strikes goes only where nothing else is left: the sooner it
        // ends, the earlier. Subjects next to each other are often challenged together.
        let weight = |key: &K, state: &State| {
            let (fill, is_spared) = (state.fill(counts(key), room.now), spared.as_ref() == Some(key));
            // What is filled has not ended, and its end takes longer to find out.
            let ends = || state.ends(counts(key));
            (fill > 0 || is_spared || ends() > room.now)
                .then(|| (is_spared, fill, if fill > State::FULL { ends() } else { Timestamp(0) }))
        };
        let (ended, lowest) = table.candidates(if is_full { usize::MAX } else { SWEEP }, weight);
        let lowest = lowest.filter(|((is_spared, ..), _)| is_full && !is_spared);
        let is_weak = lowest.as_ref().is_some_and(|((_, fill, _), _)| *fill <= State::FULL);
        let may_go = is_full && (table.is_barren(is_weak || !ended.is_empty()) || is_weak);
        let lowest = lowest.filter(|_| may_go).map(|(_, key)| key);
        for key in ended.into_iter().chain(lowest) {
            table.set(key, None);
            touch(touched, key);
        }
        if !is_full || table.size() <= room.most {
            return true;
        }
    }
    false
}

/// The count of a rule for addresses of one kind.
pub(crate) fn count_of(rules: &GuardRules, tag: Tag, is_wide: bool) -> Option<Count> {
    let count = rules.of_tag(tag)?.count;
    Some(if is_wide { count.times(NETWORK_FACTOR) } else { count })
}
