//! Moves what was set at a later time than now to now, because the clock has stepped back. Otherwise
//! a ban of ten minutes would last as much longer as the clock was ahead.

use super::address::Block;
use super::bans::{BanKey, Entry, Target};
use super::edit::Edit;
use super::subject::Who;
use super::value::Ask;

/// Moves all that stands against a call. It lasts as long as before, from now on.
pub(crate) fn settle(edit: &mut Edit<'_>, ask: &Ask) {
    let now = edit.now;
    let pair = edit.guard.acquaintance(ask, now).pair;
    let people = [pair, ask.user.map(Who::user), ask.key.map(Who::key)].into_iter().flatten();
    for who in people {
        entries(edit, Target::Who(who));
        if edit.guard.people.get(&who).is_some_and(|state| state.is_ahead(now)) {
            edit.existing_person(who, |state| state.settle(now));
        }
    }
    let Some((ip, place)) = ask.ip.zip(ask.place()) else { return };
    let blocks: Vec<_> = edit.guard.bans.around(ip).map(|(prefix, ..)| Block::around(ip, prefix)).collect();
    blocks.into_iter().for_each(|block| entries(edit, Target::Block(block)));
    for place in [Some(place), place.wide()].into_iter().flatten() {
        if edit.guard.places.get(&place).is_some_and(|state| state.is_ahead(now)) {
            edit.existing_place(place, |state| state.settle(now));
        }
    }
}

fn entries(edit: &mut Edit<'_>, target: Target) {
    let now = edit.now;
    let ahead = edit.guard.bans.of(target).filter(|(_, entry)| entry.from > now);
    let moved = |entry: &Entry| Entry { from: now, until: now + entry.left(now), ..entry.clone() };
    let ahead: Vec<(BanKey, Entry)> = ahead.map(|(source, entry)| ((target, source), moved(entry))).collect();
    ahead.into_iter().for_each(|(key, entry)| {
        edit.set_ban(key, entry);
    });
}
