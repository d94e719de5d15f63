//! Properties of the audit log's outbox and of its search, over random histories.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::entry::{Entry, Fields};
use super::gap::Gap;
use super::ledger::{ALL, Change, Ledger, Share};
use super::query::filter::Filter;
use super::query::order::place;
use super::query::page::Page;
use super::query::search::{TooMany, in_queue, in_queue_within};
use super::refused::{DataError, Refused};
use super::sqlstate::SqlState;
use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event, Queue};
use crate::outbox::effect::{self, Change as OutboxChange};
use crate::outbox::state::Outbox;
use crate::text::time::Timestamp;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

#[derive(Clone, Debug)]
enum Step {
    /// An event is recorded: whether it is a denial, its user, and by how much its time differs.
    Append(bool, u8, i8),
    Overwrite,
    /// A database is configured, or no longer.
    Owe(bool),
    /// A number of the oldest events are shipped; one of them is refused.
    Ship(usize, prop::sample::Index),
    Replay(prop::sample::Index),
    Discard(prop::sample::Index),
    Refuse(bool),
    CloseGap,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (any::<bool>(), 0..5_u8, any::<i8>())
            .prop_map(|(limited, user, at)| Step::Append(limited, user, at)),
        2 => Just(Step::Overwrite),
        2 => any::<bool>().prop_map(Step::Owe),
        2 => (0..40_usize, index()).prop_map(|(count, dead)| Step::Ship(count, dead)),
        1 => index().prop_map(Step::Replay),
        1 => index().prop_map(Step::Discard),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => Just(Step::CloseGap),
    ]
}

/// An outbox and one that follows it by effects alone.
#[derive(Default)]
struct World {
    outbox: Outbox<Ledger>,
    replica: Outbox<Ledger>,
}

impl World {
    fn run(&mut self, step: &Step) {
        let queued: Vec<u64> = self.outbox.queue().iter().map(|(id, _)| id.seq).collect();
        let dead: Vec<u64> = self.outbox.dead().iter().map(|letter| letter.id.seq).collect();
        let outbox = &mut self.outbox;
        match step {
            Step::Append(limited, user, at) => {
                let user = format!("user{user}");
                let fields = Fields { limited: *limited, user: Some(&user), ..Fields::default() };
                let at = Timestamp(NOW.0.saturating_add_signed(i64::from(*at)));
                outbox.change(OutboxChange::Append(outbox.queue().next_id(at), Entry::new(&fields)));
            }
            Step::Overwrite => {
                for share in [Share::Half, Share::Whole] {
                    if let Some(oldest) = outbox.oldest_to_overwrite(share) {
                        outbox.change(OutboxChange::Remove(oldest, oldest));
                    }
                }
            }
            Step::Owe(true) => outbox.extend(Change::OweThrough(ALL)),
            Step::Owe(false) => outbox.extend(Change::OweThrough(outbox.queue().last_seq())),
            Step::Ship(count, refused) => {
                let shipped: Vec<u64> = queued.into_iter().take(*count).collect();
                let (Some(from), Some(through)) = (shipped.first(), shipped.last()) else { return };
                let error = DataError { state: SqlState::of("23514"), message: "no".into() };
                outbox.change(OutboxChange::DeadLetter(*refused.get(&shipped), Refused { at: NOW, error }));
                outbox.change(OutboxChange::Remove(*from, *through));
            }
            Step::Replay(which) if !dead.is_empty() => outbox.change(OutboxChange::Replay(*which.get(&dead))),
            Step::Discard(which) if !dead.is_empty() => {
                outbox.change(OutboxChange::Discard(*which.get(&dead)));
            }
            Step::Refuse(half) => {
                outbox.extension_mut().refuse(NOW, if *half { Share::Half } else { Share::Whole });
                let gap: Option<Gap> = outbox.extension().gap();
                outbox.extend(Change::Gap(gap));
            }
            Step::CloseGap => outbox.extend(Change::Gap(None)),
            Step::Replay(_) | Step::Discard(_) => {}
        }
        outbox.replicate(|payload| self.replica.apply_effect(payload).unwrap());
    }
}

fn saved(outbox: &Outbox<Ledger>) -> Vec<Vec<u8>> {
    outbox.payloads().collect()
}

fn load(payloads: &[Vec<u8>]) -> Result<Outbox<Ledger>, &'static str> {
    let mut rest = payloads[1..].iter().cloned().chain([Vec::new()]);
    Outbox::load(&payloads[0], &mut || rest.next())
}

/// Asserts that the counts of denials agree with the queue.
fn is_sound(outbox: &Outbox<Ledger>) {
    let weight = |entry: &Entry| entry.size() + Queue::<Entry>::OVERHEAD;
    let limited = || outbox.queue().iter().filter(|(_, entry)| entry.is_limited());
    let (count, bytes) = (limited().count(), limited().map(|(_, entry)| weight(entry)).sum::<usize>());
    let fits = |events: usize, bytes: usize| outbox.extension().half_has_room(0, Bounds { events, bytes });
    let more = bytes + Queue::<Entry>::OVERHEAD;
    assert!(fits(2 * count + 1, 2 * more), "{count} denials of {bytes} bytes");
    assert!(count == 0 || !fits(2 * count, 2 * more), "{count} denials");
    assert!(!fits(2 * count + 1, 2 * more - 2), "{bytes} bytes of denials");
}

proptest! {
    #[test]
    fn a_replica_and_a_loaded_copy_are_equal_to_the_outbox(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::default();
        for step in &steps {
            world.run(step);
        }
        is_sound(&world.outbox);
        is_sound(&world.replica);
        let expected = saved(&world.outbox);
        prop_assert_eq!(&saved(&world.replica), &expected);
        let loaded = load(&expected).map_err(TestCaseError::fail)?;
        is_sound(&loaded);
        prop_assert_eq!(saved(&loaded), expected);
    }

    #[test]
    fn events_owed_to_postgres_are_never_overwritten(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::default();
        let (mut owed, mut owes) = (BTreeSet::new(), false);
        for step in &steps {
            let before: BTreeSet<u64> = world.outbox.queue().iter().map(|(id, _)| id.seq).collect();
            world.run(step);
            if matches!(step, Step::Overwrite) {
                let after: BTreeSet<u64> = world.outbox.queue().iter().map(|(id, _)| id.seq).collect();
                prop_assert!(before.difference(&after).all(|seq| !owed.contains(seq)));
            }
            owes = if let Step::Owe(owes) = step { *owes } else { owes };
            if owes {
                owed.extend(world.outbox.queue().iter().map(|(id, _)| id.seq));
            }
        }
    }

    #[test]
    fn any_bytes_are_an_effect_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..5_u8) {
        let payload = [&[kind][..], &bytes].concat();
        let mut outbox = Outbox::<Ledger>::default();
        let decodes = effect::decode::<Ledger>(&payload).is_ok();
        prop_assert!(decodes || outbox.apply_effect(&payload).is_err());
        let _ = outbox.apply_effect(&payload);
        is_sound(&outbox);
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
        steps.iter().for_each(|step| world.run(step));
        let mut payloads = saved(&world.outbox);
        let count = payloads.len();
        let payload = &mut payloads[which.index(count)];
        let at = at.index(payload.len());
        payload[at] = byte;
        payload.truncate(length.index(payload.len()) + 1);
        if let Ok(mut outbox) = load(&payloads) {
            is_sound(&outbox);
            outbox.change(OutboxChange::Append(outbox.queue().next_id(NOW), Entry::new(&Fields::default())));
            outbox.change(OutboxChange::Remove(0, u64::MAX));
            is_sound(&outbox);
        }
    }

    #[test]
    fn pages_of_the_queue_are_those_of_a_sorted_list(
        steps in prop::collection::vec(step(), 0..600),
        count in 1..40_usize,
        most in 0..600_usize,
        user in prop::option::of(0..5_u8),
        limited: bool,
        from in prop::option::of(any::<i8>()),
        to in prop::option::of(any::<i8>()),
    ) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.run(step));
        let moment = |at: i8| Timestamp(NOW.0.saturating_add_signed(i64::from(at)));
        let filter = Filter {
            user: user.map(|user| format!("user{user}")),
            limited,
            from: from.map(moment),
            to: to.map(moment),
            ..Filter::default()
        };
        let mut expected: Vec<Id> = world
            .outbox
            .queue()
            .iter()
            .filter(|(id, entry)| filter.matches(*id, &entry.fields()))
            .map(|(id, _)| id)
            .collect();
        expected.sort_by_key(|id| std::cmp::Reverse(place(*id)));
        let snapshot = world.outbox.queue().snapshot();
        let (mut listed, mut before) = (Vec::new(), None);
        loop {
            let page = Page { filter: filter.clone(), count, before, local: false };
            let found = in_queue(&snapshot, &page);
            // Joined with itself, each event occurs once.
            let joined = found.joined(in_queue(&snapshot, &page));
            match in_queue_within(&snapshot, &page, most) {
                Ok(found) => prop_assert_eq!(found.events(), joined.events()),
                Err(TooMany) => prop_assert!(most < snapshot.len()),
            }
            if joined.events().is_empty() {
                break;
            }
            listed.extend(joined.events().iter().map(|(id, _)| *id));
            before = listed.last().copied();
        }
        prop_assert_eq!(listed, expected);
    }
}
