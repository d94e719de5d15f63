//! Damaged and forged outboxes are refused, or are valid after loading.

use std::sync::Arc;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::model::{Model, NOW, Note, is_compact};
use crate::journal::queue::{Event, Queue};
use crate::journal::wire;
use crate::server::info::Counter;

use super::dead::{Cause, DeadLetter, MAX_DEAD};
use super::effect::{Change, ENTRIES, OPENING, Opening};
use super::extension::Extension;
use super::state::Outbox;

static DROPPED: Counter = Counter::new();

/// An extension that counts the entries of the queue.
#[derive(Default, Serialize, Deserialize)]
struct Count {
    #[serde(skip)]
    entries: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Why(u8);

impl Cause for Why {
    fn size(&self) -> usize {
        0
    }

    fn replaces(&self, earlier: &Self) -> bool {
        self == earlier
    }
}

impl Extension for Count {
    type Entry = Note;
    type Cause = Why;
    type Change = ();

    const DROPPED: &'static Counter = &DROPPED;

    fn apply(&mut self, (): (), _queue: &mut Queue<Note>) {}

    fn added(&mut self, _id: Id, _entry: &Arc<Note>) {
        self.entries += 1;
    }

    fn removing(&mut self, from: u64, through: u64, queue: &Queue<Note>) {
        self.entries -= queue.iter().filter(|(id, _)| (from..=through).contains(&id.seq)).count();
    }

    fn is_used(&self) -> bool {
        false
    }
}

type TestOutbox = Outbox<Count>;

/// The payloads of an outbox whose numbers have gaps, as after removals.
fn saved() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let step = (1_u64..4, 0_usize..6, any::<u64>(), any::<bool>());
    prop::collection::vec(step, 0..40).prop_map(|steps| {
        let mut outbox = TestOutbox::default();
        for (gap, size, epoch, dies) in steps {
            outbox.begin_epoch(epoch);
            let next = outbox.queue().next_id(NOW);
            let id = Id { seq: next.seq + gap, ..next };
            outbox.change(Change::Append(id, Note("x".repeat(size))));
            if dies {
                outbox.change(Change::DeadLetter(id.seq, Why(gap as u8)));
                outbox.change(Change::Remove(id.seq, id.seq));
            }
        }
        outbox.payloads().collect()
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Truncate(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let byte = || prop_oneof![Just(0_u8), Just(0xff), Just(0x80), any::<u8>()];
    prop_oneof![
        4 => (at(), byte()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        2 => (at(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        2 => at().prop_map(Damage::Delete),
        1 => at().prop_map(Damage::Truncate),
        1 => (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let len = bytes.len();
        if len == 0 {
            break;
        }
        match damage {
            Damage::Set(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            Damage::Delete(at) => {
                bytes.remove(at.index(len));
            }
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                bytes.extend_from_within(from.min(to)..from.max(to));
            }
        }
    }
    bytes
}

fn load(payloads: &[Vec<u8>]) -> Result<TestOutbox, &'static str> {
    let mut rest = payloads[1..].iter().cloned().chain([Vec::new()]);
    TestOutbox::load(&payloads[0], &mut || rest.next())
}

/// Loads an outbox. If it loads, it must be sound and usable.
fn check(payloads: &[Vec<u8>]) {
    let Ok(mut outbox) = load(payloads) else { return };
    let mut model = Model::default();
    for (id, note) in outbox.queue().iter() {
        assert!(model.append(id, (**note).clone()), "not in ascending order");
        assert_eq!(Id::parse(id.to_string().as_bytes()), Some(id));
    }
    assert_eq!(outbox.extension().entries, outbox.queue().len());
    assert!(outbox.queue().back().map_or(0, |(id, _)| id.seq) <= outbox.queue().last_seq());
    assert!(outbox.dead().len() <= MAX_DEAD);
    is_compact(outbox.queue());
    let again: Vec<_> = outbox.payloads().collect();
    let again: Vec<_> = load(&again).unwrap().payloads().zip(again).collect();
    assert!(again.iter().all(|(second, first)| second == first));
    if outbox.queue().last_seq() < Id::MAX_SEQ {
        let (before, next) = (outbox.queue().len(), outbox.queue().next_id(NOW));
        outbox.change(Change::Append(next, Note(String::new())));
        assert_eq!(outbox.queue().len(), before + 1);
        let dead: Vec<u64> = outbox.dead().iter().map(|letter| letter.id.seq).collect();
        dead.into_iter().for_each(|seq| outbox.change(Change::Replay(seq)));
        outbox.change(Change::Remove(0, u64::MAX));
        assert_eq!((outbox.queue().len(), outbox.extension().entries, outbox.dead().len()), (0, 0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_damaged_outbox_is_refused_or_sound(
        saved in saved(),
        damages in prop::collection::vec(damage(), 1..6),
        which: prop::sample::Index,
    ) {
        let mut payloads = saved;
        let which = which.index(payloads.len());
        payloads[which] = damaged(std::mem::take(&mut payloads[which]), &damages);
        check(&payloads);
    }

    #[test]
    fn random_bytes_are_refused_or_sound(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..4_u8) {
        let opening = TestOutbox::default().payloads().next().unwrap();
        check(std::slice::from_ref(&bytes));
        check(&[opening, [&[kind][..], &bytes].concat()]);
    }

    #[test]
    fn made_up_numbers_are_refused_or_sound(
        last_seq in prop_oneof![0_u64..12, Just(Id::MAX_SEQ), any::<u64>()],
        events in prop::collection::vec((0_u64..3, any::<u64>(), 0_u64..10, ".{0,3}"), 0..4),
    ) {
        let highest = events.iter().map(|event| event.2).max().unwrap_or(0);
        let unnumbered = events.iter().any(|event| event.2 == 0);
        let sound = !unnumbered && (highest..=Id::MAX_SEQ).contains(&last_seq);
        let payloads = [
            [&[OPENING][..], &postcard::to_stdvec(&(last_seq, 0_u8)).unwrap()].concat(),
            [&[ENTRIES][..], &postcard::to_stdvec(&events).unwrap()].concat(),
        ];
        prop_assert_eq!(load(&payloads).is_ok(), sound);
        check(&payloads);
    }
}

#[test]
fn the_announced_number_of_entries_is_not_trusted() {
    let opening = TestOutbox::default().payloads().next().unwrap();
    // 2^64-1 entries are announced.
    let mut bytes = vec![ENTRIES];
    bytes.extend_from_slice(&[0xff; 9]);
    bytes.push(1);
    assert!(load(&[opening, bytes]).is_err());
}

#[test]
fn the_saved_form_stays_the_same() {
    let mut outbox = TestOutbox::default();
    outbox.begin_epoch(0x1234);
    for note in ["left", "kept"] {
        outbox.change(Change::Append(outbox.queue().next_id(NOW), Note(note.into())));
    }
    outbox.change(Change::Remove(1, 1));
    let payloads: Vec<_> = outbox.payloads().collect();
    let entries = postcard::to_stdvec(&(1_usize, (NOW.0, 0x1234_u64, 2_u64), "kept")).unwrap();
    // Version, last number, no dead letters; version, entries.
    assert_eq!(payloads, [vec![2, 2, 0], [&[3][..], &entries].concat()]);
}

#[test]
fn dead_letters_are_bounded() {
    let mut outbox = TestOutbox::default();
    for seq in 1..=MAX_DEAD as u64 + 5 {
        outbox.change(Change::Append(outbox.queue().next_id(NOW), Note("x".repeat(7))));
        outbox.change(Change::DeadLetter(seq, Why(1)));
        outbox.change(Change::DeadLetter(seq, Why(1)));
        outbox.change(Change::DeadLetter(seq, Why(2)));
    }
    assert_eq!(outbox.dead().len(), MAX_DEAD);
    assert!(outbox.dead().iter().all(|letter| letter.causes.len() == 2 && letter.entry.size() == 7));
    assert_eq!(DROPPED.get(), 10);
}

#[test]
fn dead_letters_are_bounded_in_bytes() {
    const BYTES: usize = 1 << 20;
    let mut outbox = TestOutbox::default();
    for seq in 1..=20 {
        outbox.change(Change::Append(outbox.queue().next_id(NOW), Note("x".repeat(BYTES))));
        outbox.change(Change::DeadLetter(seq, Why(1)));
    }
    // Of 8 MiB, the letters themselves take a little more than their entries.
    let kept: Vec<u64> = outbox.dead().iter().map(|letter| letter.id.seq).collect();
    assert_eq!(kept, (14..=20).collect::<Vec<_>>(), "the newest that fit");
}

#[test]
fn a_dead_letter_with_a_number_that_was_never_used_is_refused() {
    for (last_seq, seq, sound) in [(5, 5, true), (5, 6, false), (0, 1, false)] {
        let entry = Arc::new(Note("x".to_owned()));
        let dead = vec![DeadLetter { id: Id { at: NOW, epoch: 0, seq }, entry, causes: vec![Why(1)] }];
        let opening = Opening { last_seq, dead, extension: Count::default() };
        let payload = wire::write(OPENING, &opening);
        assert_eq!(load(&[payload]).is_ok(), sound, "number {seq} of {last_seq}");
    }
}

/// The numbers of the queued entries.
fn queued(outbox: &TestOutbox) -> Vec<u64> {
    outbox.queue().iter().map(|(id, _)| id.seq).collect()
}

fn append(outbox: &mut TestOutbox) {
    outbox.change(Change::Append(outbox.queue().next_id(NOW), Note("x".to_owned())));
}

#[test]
fn a_load_that_fails_restores_what_was_there() {
    let mut outbox = TestOutbox::default();
    (0..3).for_each(|_| append(&mut outbox));
    outbox.change(Change::DeadLetter(1, Why(1)));
    outbox.change(Change::Remove(1, 1));
    outbox.begin_load();
    assert_eq!((queued(&outbox), outbox.queue().last_seq()), (vec![], 0));
    // Another load begins before the end of the first. Effects replace the outbox meanwhile.
    append(&mut outbox);
    outbox.begin_load();
    let mut other = TestOutbox::default();
    (0..5).for_each(|_| append(&mut other));
    other.payloads().for_each(|payload| outbox.apply_effect(&payload).unwrap());
    assert_eq!(queued(&outbox), [1, 2, 3, 4, 5]);
    outbox.end_load(false);
    assert_eq!((queued(&outbox), outbox.queue().last_seq(), outbox.dead().len()), (vec![2, 3], 3, 1));
    // Nothing is left aside: an end without a beginning changes nothing.
    outbox.end_load(false);
    outbox.end_load(true);
    assert_eq!(queued(&outbox), [2, 3]);
    outbox.begin_load();
    append(&mut outbox);
    outbox.end_load(true);
    assert_eq!(queued(&outbox), [1]);
}

#[test]
fn the_effect_of_a_purge_empties_a_replica() {
    let (mut outbox, mut replica) = (TestOutbox::default(), TestOutbox::default());
    for outbox in [&mut outbox, &mut replica] {
        (0..3).for_each(|_| append(outbox));
        outbox.change(Change::DeadLetter(1, Why(1)));
    }
    let effect = outbox.purge();
    replica.apply_effect(&effect).unwrap();
    replica.forget_pending();
    for outbox in [&mut outbox, &mut replica] {
        assert!(outbox.is_empty() && queued(outbox).is_empty() && outbox.dead().len() == 0);
        outbox.replicate(|_| panic!("a purge leaves no change to be replicated"));
    }
}
