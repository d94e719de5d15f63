//! Property tests of the queue against a sorted map.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use proptest::prelude::*;

use super::id::Id;
use super::model::{Model, NOW, Note, contents, is_compact, reloaded};
use super::queue::Snapshot;
use super::queue::{Event, Queue};

#[derive(Clone, Debug)]
enum Op {
    /// Appends a number of events, each numbered that much above the one before.
    Append(usize, u64),
    /// Appends an event with a number that was used before.
    AppendAgain(prop::sample::Index),
    Remove(prop::sample::Index),
    /// Puts back a number of removed events, or reserves a number and fills it later.
    Insert(usize),
    /// Removes every nth event.
    Scatter(usize),
    /// Removes all but every nth event.
    Thin(usize),
    PopFront(usize),
    RemoveThrough(prop::sample::Index),
    Snapshot,
    DropSnapshots,
    Reload,
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (1_usize..600, prop_oneof![4 => Just(1_u64), 1 => 1_u64..1000]).prop_map(|(n, by)| Op::Append(n, by)),
        2 => index().prop_map(Op::AppendAgain),
        4 => index().prop_map(Op::Remove),
        2 => (1_usize..400).prop_map(Op::Insert),
        2 => (1_usize..9).prop_map(Op::Scatter),
        2 => (2_usize..80).prop_map(Op::Thin),
        2 => (1_usize..300).prop_map(Op::PopFront),
        1 => index().prop_map(Op::RemoveThrough),
        2 => Just(Op::Snapshot),
        1 => Just(Op::DropSnapshots),
        1 => Just(Op::Reload),
    ]
}

/// A queue, its model, and snapshots of both.
#[derive(Default)]
struct Pair {
    queue: Queue<Note>,
    model: Model,
    snapshots: Vec<(Snapshot<Note>, Model)>,
}

impl Pair {
    /// A number that is in the queue or beyond all.
    fn number(&self, index: prop::sample::Index) -> u64 {
        let seqs = self.model.seqs();
        match index.index(seqs.len() + 2) {
            0 => self.queue.last_seq() + 1,
            1 => u64::MAX,
            at => seqs[at - 2],
        }
    }

    fn append(&mut self, by: u64) {
        let mut id = self.queue.next_id(NOW);
        assert_eq!(id.seq, self.queue.last_seq() + 1);
        id.seq += by - 1;
        let note = Note("n".repeat((id.seq % 7) as usize));
        assert!(self.queue.append(id, note.clone()) && self.model.append(id, note));
    }

    fn remove(&mut self, seq: u64) {
        let removed = self.queue.remove(seq).map(|(id, note)| (id, (*note).clone()));
        assert_eq!(removed, self.model.remove(seq));
    }

    fn insert_missing(&mut self, count: usize) {
        let present = self.model.seqs();
        let missing = (1..=self.queue.last_seq() + 1).rev().filter(|seq| present.binary_search(seq).is_err());
        for seq in missing.take(count).collect::<Vec<_>>() {
            self.queue.reserve(seq);
            let (id, note) = (Id { seq, ..self.queue.next_id(NOW) }, Note("back".into()));
            assert!(self.queue.insert(id, Arc::new(note.clone())) && self.model.insert(id, note.clone()));
            assert!(!self.queue.insert(id, Arc::new(note)));
        }
    }

    fn remove_where(&mut self, chosen: impl Fn(usize) -> bool) {
        let seqs = self.model.seqs();
        let chosen = seqs.into_iter().enumerate().filter(|(at, _)| chosen(*at));
        chosen.for_each(|(_, seq)| self.remove(seq));
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Append(count, by) => (0..count).for_each(|_| self.append(by)),
            Op::AppendAgain(index) => {
                let id = Id {
                    seq: index.index(self.queue.last_seq() as usize + 1) as u64,
                    ..self.queue.next_id(NOW)
                };
                assert!(!self.queue.append(id, Note("again".into())));
            }
            Op::Remove(index) => self.remove(self.number(index)),
            Op::Insert(count) => self.insert_missing(count),
            Op::Scatter(each) => self.remove_where(|at| at % each == 0),
            Op::Thin(each) => self.remove_where(|at| at % each != 0),
            Op::PopFront(count) => {
                for _ in 0..count {
                    let popped = self.queue.pop_front().map(|(id, note)| (id, (*note).clone()));
                    assert_eq!(popped, self.model.pop_front());
                }
            }
            Op::RemoveThrough(index) => {
                let seq = self.number(index);
                assert_eq!(self.queue.remove_through(seq), self.model.remove_through(seq));
            }
            Op::Snapshot => self.snapshots.push((self.queue.snapshot(), self.model.clone())),
            Op::DropSnapshots => self.snapshots.clear(),
            Op::Reload => self.queue = reloaded(&self.queue),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_queue_agrees_with_the_model(
        ops in prop::collection::vec(op(), 1..40),
        looked_for in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let mut pair = Pair::default();
        for op in &ops {
            pair.run(op);
            pair.model.is_equal_to(&pair.queue);
            is_compact(&pair.queue);
            for index in &looked_for {
                let seq = pair.number(*index);
                pair.model.finds_equally(&pair.queue, seq);
                pair.model.finds_equally(&pair.queue, seq - 1);
            }
        }
        for (snapshot, model) in &pair.snapshots {
            model.is_equal_to(snapshot);
            looked_for.iter().for_each(|index| model.finds_equally(snapshot, pair.number(*index)));
        }
    }
}

fn filled(count: u64) -> Queue<Note> {
    let mut queue = Queue::new();
    (0..count).for_each(|n| assert!(queue.append(queue.next_id(NOW), Note(n.to_string()))));
    queue
}

#[test]
fn a_repeated_append_changes_nothing() {
    let mut queue = filled(300);
    let before = contents(&queue);
    for seq in [0, 1, 299, 300, Id::MAX_SEQ + 1, u64::MAX] {
        assert!(!queue.append(Id { seq, ..queue.next_id(NOW) }, Note("again".into())));
    }
    assert_eq!(contents(&queue), before);
}

#[test]
fn numbers_continue_after_all_events_have_left() {
    let mut queue = filled(300);
    assert_eq!(queue.remove_through(u64::MAX), 300);
    assert_eq!((queue.len(), queue.bytes(), queue.last_seq()), (0, 0, 300));
    assert_eq!(reloaded(&queue).next_id(NOW).seq, 301);
}

#[test]
fn the_highest_number_is_the_last() {
    let mut queue = filled(1);
    assert!(queue.append(Id { seq: Id::MAX_SEQ, ..queue.next_id(NOW) }, Note(String::new())));
    assert!(!queue.append(queue.next_id(NOW), Note(String::new())));
    assert_eq!(reloaded(&queue).last_seq(), Id::MAX_SEQ);
}

/// An event whose end can be observed.
struct Tracked(#[expect(dead_code, reason = "held, so that its end shows")] Arc<()>);

impl Event for Tracked {
    fn size(&self) -> usize {
        0
    }
}

#[test]
fn a_removed_event_is_freed_unless_a_snapshot_holds_it() {
    let mut queue = Queue::new();
    let mut alive: Vec<Weak<()>> = Vec::new();
    for _ in 0..600 {
        let token = Arc::new(());
        alive.push(Arc::downgrade(&token));
        assert!(queue.append(queue.next_id(NOW), Tracked(token)));
    }
    let living = || alive.iter().filter(|token| token.strong_count() > 0).count();
    (1..=600).step_by(2).for_each(|seq| drop(queue.remove(seq)));
    assert_eq!(living(), 300);
    let snapshot = queue.snapshot();
    assert_eq!(queue.remove_through(400), 200);
    assert_eq!((queue.len(), snapshot.len(), living()), (100, 300, 300));
    drop(snapshot);
    assert_eq!(living(), 100);
}

#[test]
fn a_thread_reads_its_snapshot_while_the_owner_goes_on() {
    let mut queue = filled(2000);
    let expected: Vec<u64> = (1..=2000).collect();
    let snapshot = queue.snapshot();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut rounds = 0;
            while rounds < 3 || !done.load(Ordering::Acquire) {
                assert!(snapshot.iter().map(|(id, _)| id.seq).eq(expected.iter().copied()));
                assert!(snapshot.iter().all(|(id, note)| note.0 == (id.seq - 1).to_string()));
                rounds += 1;
            }
        });
        for n in 0..20_000_u64 {
            assert!(queue.append(queue.next_id(NOW), Note(n.to_string())));
            queue.remove(1 + n * 7919 % (2000 + n));
            if n % 50 == 0 {
                queue.pop_front();
            }
        }
        done.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    assert_eq!(snapshot.len(), 2000);
}

#[test]
fn a_snapshot_can_go_to_another_thread() {
    fn goes<T: Send + Sync>() {}
    goes::<Snapshot<Note>>();
}
