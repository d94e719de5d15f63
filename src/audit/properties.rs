//! Properties of the ledger and of its search, over random histories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::change::{self, Change, Effect};
use super::entry::{Entry, Fields};
use super::ledger::{Gap, Ledger, Share};
use super::query::filter::Filter;
use super::query::order::place;
use super::query::page::Page;
use super::query::search::{in_journal, joined};
use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event, Queue};
use crate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// Something that happens to a ledger.
#[derive(Clone, Debug)]
enum Step {
    /// An event is recorded: whether it is a denial, whether it is owed, its user, and how much later or earlier it was.
    Append(bool, bool, u8, i8),
    Overwrite,
    Owe,
    /// So many of the oldest are shipped, but for one.
    Ship(usize, prop::sample::Index),
    Replay(prop::sample::Index),
    Discard(prop::sample::Index),
    Refuse(bool),
    CloseGap,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (any::<bool>(), any::<bool>(), 0..5_u8, any::<i8>())
            .prop_map(|(limited, owed, user, at)| Step::Append(limited, owed, user, at)),
        2 => Just(Step::Overwrite),
        1 => Just(Step::Owe),
        2 => (0..40_usize, index()).prop_map(|(count, dead)| Step::Ship(count, dead)),
        1 => index().prop_map(Step::Replay),
        1 => index().prop_map(Step::Discard),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => Just(Step::CloseGap),
    ]
}

/// A ledger and one that follows it by effects alone.
#[derive(Default)]
struct World {
    ledger: Ledger,
    replica: Ledger,
    /// The changes of the step that is being taken.
    made: Vec<u8>,
}

impl World {
    fn make(&mut self, change: Change) {
        change::add(&mut self.made, &change);
        self.ledger.apply(change);
    }

    fn take(&mut self, step: &Step) {
        let held: Vec<u64> = self.ledger.queue().iter().map(|(id, _)| id.seq).collect();
        let dead: Vec<u64> = self.ledger.dead().map(|dead| dead.id.seq).collect();
        match step {
            Step::Append(limited, owed, user, at) => {
                let user = format!("user{user}");
                let fields = Fields { limited: *limited, user: Some(&user), ..Fields::default() };
                let at = Timestamp(NOW.0.saturating_add_signed(i64::from(*at)));
                let id = self.ledger.queue().next_id(at);
                self.make(Change::Append(id, *owed, Entry::new(&fields)));
            }
            Step::Overwrite => {
                for share in [Share::Half, Share::Whole] {
                    if let Some(oldest) = self.ledger.oldest_to_overwrite(share) {
                        self.make(Change::Overwrite(oldest));
                    }
                }
            }
            Step::Owe => self.make(Change::Owe),
            Step::Ship(count, poison) => {
                let shipped: Vec<u64> = held.into_iter().take(*count).collect();
                let (Some(from), Some(through)) = (shipped.first(), shipped.last()) else { return };
                self.make(Change::Bury(*poison.get(&shipped), NOW, "23514 no".into()));
                self.make(Change::Shipped(*from, *through));
            }
            Step::Replay(which) if !dead.is_empty() => self.make(Change::Replay(*which.get(&dead))),
            Step::Discard(which) if !dead.is_empty() => self.make(Change::Discard(*which.get(&dead))),
            Step::Refuse(half) => {
                self.ledger.refuse(NOW, if *half { Share::Half } else { Share::Whole });
                let gap: Option<Gap> = self.ledger.gap();
                self.make(Change::Gap(gap));
            }
            Step::CloseGap => self.make(Change::Gap(None)),
            Step::Replay(_) | Step::Discard(_) => {}
        }
        if let Ok(Effect::Changes(changes)) = Effect::decode(&std::mem::take(&mut self.made)) {
            for change in changes {
                self.replica.apply(change);
            }
        }
    }
}

/// All that a ledger holds, as it is saved.
fn saved(ledger: &Ledger) -> Vec<Vec<u8>> {
    ledger.payloads().collect()
}

fn loaded(payloads: &[Vec<u8>]) -> Result<Ledger, &'static str> {
    let mut payloads = payloads.iter();
    let Effect::Opening(opening) = Effect::decode(payloads.next().ok_or("nothing")?)? else {
        return Err("no opening");
    };
    let mut ledger = Ledger::open(*opening)?;
    for payload in payloads {
        match Effect::decode(payload)? {
            Effect::Events(events) => ledger.fill(events)?,
            _ => return Err("no events"),
        }
    }
    Ok(ledger)
}

/// That what is counted beside the queue is what the queue holds.
fn is_sound(ledger: &Ledger) {
    let weight = |entry: &Entry| entry.size() + Queue::<Entry>::OVERHEAD;
    let limited = || ledger.queue().iter().filter(|(_, entry)| entry.is_limited());
    let (count, bytes) = (limited().count(), limited().map(|(_, entry)| weight(entry)).sum::<usize>());
    let fits = |events: usize, bytes: usize| ledger.half_has_room(0, Bounds { events, bytes });
    let more = bytes + Queue::<Entry>::OVERHEAD;
    assert!(fits(2 * count + 1, 2 * more), "{count} denials of {bytes} bytes");
    assert!(count == 0 || !fits(2 * count, 2 * more), "{count} denials");
    assert!(!fits(2 * count + 1, 2 * more - 2), "{bytes} bytes of denials");
}

proptest! {
    #[test]
    fn a_replica_and_what_is_loaded_are_equal_to_the_ledger(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::default();
        for step in &steps {
            world.take(step);
        }
        is_sound(&world.ledger);
        is_sound(&world.replica);
        let expected = saved(&world.ledger);
        prop_assert_eq!(&saved(&world.replica), &expected);
        let loaded = loaded(&expected).map_err(TestCaseError::fail)?;
        is_sound(&loaded);
        prop_assert_eq!(saved(&loaded), expected);
    }

    #[test]
    fn what_postgres_is_to_have_never_gives_way(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::default();
        let mut owed = BTreeSet::new();
        for step in &steps {
            let before: BTreeSet<u64> = world.ledger.queue().iter().map(|(id, _)| id.seq).collect();
            world.take(step);
            if matches!(step, Step::Overwrite) {
                let after: BTreeSet<u64> = world.ledger.queue().iter().map(|(id, _)| id.seq).collect();
                prop_assert!(before.difference(&after).all(|seq| !owed.contains(seq)));
            }
            if matches!(step, Step::Owe | Step::Append(_, true, ..)) {
                owed.extend(world.ledger.queue().iter().map(|(id, _)| id.seq));
            }
        }
    }

    #[test]
    fn any_bytes_are_an_effect_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..5_u8) {
        let payload = [&[kind][..], &bytes].concat();
        if let Ok(Effect::Changes(changes)) = Effect::decode(&payload) {
            let mut ledger = Ledger::default();
            for change in changes {
                ledger.apply(change);
            }
            is_sound(&ledger);
        }
    }

    #[test]
    fn a_damaged_file_is_loaded_or_refused(
        steps in prop::collection::vec(step(), 1..60),
        which: prop::sample::Index,
        at: prop::sample::Index,
        byte: u8,
        length: prop::sample::Index,
    ) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.take(step));
        let mut payloads = saved(&world.ledger);
        let count = payloads.len();
        let payload = &mut payloads[which.index(count)];
        let at = at.index(payload.len());
        payload[at] = byte;
        payload.truncate(length.index(payload.len()) + 1);
        if let Ok(mut ledger) = loaded(&payloads) {
            is_sound(&ledger);
            let id = ledger.queue().next_id(NOW);
            ledger.apply(Change::Append(id, true, Entry::new(&Fields::default())));
            ledger.apply(Change::Shipped(0, u64::MAX));
            is_sound(&ledger);
        }
    }

    #[test]
    fn pages_of_the_journal_are_those_of_a_sorted_list(
        steps in prop::collection::vec(step(), 0..600),
        count in 1..40_usize,
        user in prop::option::of(0..5_u8),
        limited: bool,
        from in prop::option::of(any::<i8>()),
        to in prop::option::of(any::<i8>()),
    ) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.take(step));
        let moment = |at: i8| Timestamp(NOW.0.saturating_add_signed(i64::from(at)));
        let filter = Filter {
            user: user.map(|user| format!("user{user}")),
            limited,
            from: from.map(moment),
            to: to.map(moment),
            ..Filter::default()
        };
        let mut expected: Vec<Id> = world
            .ledger
            .queue()
            .iter()
            .filter(|(id, entry)| filter.matches(*id, &entry.fields()))
            .map(|(id, _)| id)
            .collect();
        expected.sort_by_key(|id| std::cmp::Reverse(place(*id)));
        let snapshot = world.ledger.queue().snapshot();
        let (mut listed, mut before) = (Vec::new(), None);
        loop {
            let page = in_journal(&snapshot, &Page { filter: filter.clone(), count, before });
            // Joined with itself, each stands once.
            let page = joined(page.clone(), page, count);
            listed.extend(page.iter().map(|(id, _)| *id));
            if page.len() < count {
                break;
            }
            before = listed.last().copied();
        }
        prop_assert_eq!(listed, expected);
    }
}
