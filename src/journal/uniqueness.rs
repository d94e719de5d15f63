//! No two events get the same id, whatever happens to the servers: loads, promotions, lost tails of
//! the AOF.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::id::Id;
use super::model::{NOW, Note, contents, reloaded};
use super::queue::Queue;

#[derive(Clone, Debug)]
enum Op {
    /// The primary appends a number of events.
    Append(usize),
    /// The primary removes an event.
    Remove(prop::sample::Index),
    /// The replica applies a number of the effects in flight.
    Deliver(usize),
    /// The replica gets a number of effects again.
    DeliverAgain(usize),
    /// The primary saves its state.
    Save,
    /// The primary crashes and loads what it saved last; the replica copies it in full.
    Crash,
    /// The replica is promoted with what it has; the old primary copies it in full and becomes its
    /// replica.
    Promote,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1_usize..5).prop_map(Op::Append),
        3 => any::<prop::sample::Index>().prop_map(Op::Remove),
        4 => (1_usize..8).prop_map(Op::Deliver),
        2 => (1_usize..8).prop_map(Op::DeliverAgain),
        2 => Just(Op::Save),
        2 => Just(Op::Crash),
        2 => Just(Op::Promote),
    ]
}

#[derive(Clone)]
enum Sent {
    Append(Id, Note),
    Remove(u64),
}

/// A primary, its replica, the effects in flight between them, and what was saved.
#[derive(Default)]
struct Servers {
    primary: Queue<Note>,
    replica: Queue<Note>,
    in_flight: VecDeque<Sent>,
    delivered: Vec<Sent>,
    saved: Queue<Note>,
    epochs: u64,
    given: HashMap<Id, Note>,
}

impl Servers {
    fn new() -> Self {
        let mut servers = Self::default();
        servers.run(&Op::Save);
        servers.begin_epoch();
        servers
    }

    fn begin_epoch(&mut self) {
        self.epochs += 1;
        // Epochs must differ, as random ones do.
        self.primary.begin_epoch(self.epochs.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }

    /// The replica has a full copy of the primary, and no effect is in flight.
    fn full_sync(&mut self) {
        self.replica = reloaded(&self.primary);
        self.in_flight.clear();
        self.delivered.clear();
    }

    fn append(&mut self) {
        let id = self.primary.next_id(NOW);
        let note = Note(format!("event {}", self.given.len()));
        let earlier = self.given.insert(id, note.clone());
        assert_eq!(earlier, None, "{id} was given before");
        assert!(self.primary.append(id, note.clone()));
        self.in_flight.push_back(Sent::Append(id, note));
    }

    fn remove(&mut self, index: prop::sample::Index) {
        let seqs: Vec<u64> = self.primary.iter().map(|(id, _)| id.seq).collect();
        if !seqs.is_empty() {
            let seq = seqs[index.index(seqs.len())];
            assert!(self.primary.remove(seq).is_some());
            self.in_flight.push_back(Sent::Remove(seq));
        }
    }

    fn apply(&mut self, effect: Sent) -> bool {
        match effect {
            Sent::Append(id, note) => self.replica.append(id, note),
            Sent::Remove(seq) => self.replica.remove(seq).is_some(),
        }
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Append(count) => (0..count).for_each(|_| self.append()),
            Op::Remove(index) => self.remove(index),
            Op::Deliver(count) => {
                for effect in self.in_flight.drain(..count.min(self.in_flight.len())).collect::<Vec<_>>() {
                    self.delivered.push(effect.clone());
                    assert!(self.apply(effect));
                }
            }
            Op::DeliverAgain(count) => {
                let from = self.delivered.len().saturating_sub(count);
                let before = contents(&self.replica);
                let again = self.delivered[from..].to_vec();
                assert!(!again.into_iter().any(|effect| self.apply(effect)));
                assert_eq!(contents(&self.replica), before);
            }
            Op::Save => self.saved = reloaded(&self.primary),
            Op::Crash => {
                self.primary = reloaded(&self.saved);
                self.begin_epoch();
                self.full_sync();
            }
            Op::Promote => {
                self.primary = std::mem::take(&mut self.replica);
                self.begin_epoch();
                self.full_sync();
            }
        }
    }

    /// Each event still has the id with which it was appended.
    fn check(&self) {
        for (id, note) in self.primary.iter().chain(self.replica.iter()) {
            assert_eq!(self.given.get(&id), Some(&**note), "{id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_id_is_given_twice(ops in prop::collection::vec(op(), 1..120)) {
        let mut servers = Servers::new();
        for op in &ops {
            servers.run(op);
            servers.check();
        }
        servers.run(&Op::Deliver(usize::MAX));
        prop_assert!(servers.replica.iter().eq(servers.primary.iter()));
        prop_assert_eq!(servers.replica.last_seq(), servers.primary.last_seq());
    }
}

#[test]
fn after_a_lost_tail_the_numbers_repeat_and_the_ids_do_not() {
    let mut queue = Queue::<Note>::new();
    queue.begin_epoch(1);
    let saved = reloaded(&queue);
    let lost = queue.next_id(NOW);
    assert!(queue.append(lost, Note("lost".into())));
    let mut queue = saved;
    queue.begin_epoch(2);
    let next = queue.next_id(NOW);
    assert_eq!(next.seq, lost.seq);
    assert_ne!(next, lost);
}
