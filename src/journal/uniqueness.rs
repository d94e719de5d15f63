//! An id is never given to a second event, whatever happens to the servers: loads, promotions, lost tails.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::id::Id;
use super::model::{NOW, Note, reloaded};
use super::queue::Queue;

#[derive(Clone, Debug)]
enum Op {
    /// The primary appends so many events.
    Append(usize),
    /// The primary removes an event.
    Remove(prop::sample::Index),
    /// The replica takes so many of the effects that are on their way.
    Deliver(usize),
    /// The replica is given so many effects that it has had.
    DeliverAgain(usize),
    /// The primary saves its state.
    Save,
    /// The primary dies and loads what it saved last, without its tail; the replica copies it in full.
    Crash,
    /// The replica is promoted with what it has got; the old primary copies it in full and becomes its replica.
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
enum Effect {
    Append(Id, Note),
    Remove(u64),
}

/// A primary, its replica, what is on its way between them, and what was saved.
#[derive(Default)]
struct Servers {
    primary: Queue<Note>,
    replica: Queue<Note>,
    on_the_way: VecDeque<Effect>,
    delivered: Vec<Effect>,
    saved: Vec<u8>,
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
        // As good as random: all differ.
        self.primary.begin_epoch(self.epochs.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }

    /// The replica has a full copy of the primary, and nothing is on its way.
    fn full_sync(&mut self) {
        self.replica = reloaded(&self.primary);
        self.on_the_way.clear();
        self.delivered.clear();
    }

    fn append(&mut self) {
        let id = self.primary.next_id(NOW);
        let note = Note(format!("event {}", self.given.len()));
        let earlier = self.given.insert(id, note.clone());
        assert_eq!(earlier, None, "{id} was given before");
        assert!(self.primary.append(id, note.clone()));
        self.on_the_way.push_back(Effect::Append(id, note));
    }

    fn remove(&mut self, index: prop::sample::Index) {
        let seqs: Vec<u64> = self.primary.iter().map(|(id, _)| id.seq).collect();
        if !seqs.is_empty() {
            let seq = seqs[index.index(seqs.len())];
            assert!(self.primary.remove(seq).is_some());
            self.on_the_way.push_back(Effect::Remove(seq));
        }
    }

    fn apply(&mut self, effect: Effect) -> bool {
        match effect {
            Effect::Append(id, note) => self.replica.append(id, note),
            Effect::Remove(seq) => self.replica.remove(seq).is_some(),
        }
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Append(count) => (0..count).for_each(|_| self.append()),
            Op::Remove(index) => self.remove(index),
            Op::Deliver(count) => {
                for effect in self.on_the_way.drain(..count.min(self.on_the_way.len())).collect::<Vec<_>>() {
                    self.delivered.push(effect.clone());
                    assert!(self.apply(effect));
                }
            }
            Op::DeliverAgain(count) => {
                let from = self.delivered.len().saturating_sub(count);
                let before = postcard::to_stdvec(&self.replica).unwrap();
                let again = self.delivered[from..].to_vec();
                assert!(!again.into_iter().any(|effect| self.apply(effect)));
                assert_eq!(postcard::to_stdvec(&self.replica).unwrap(), before);
            }
            Op::Save => self.saved = postcard::to_stdvec(&self.primary).unwrap(),
            Op::Crash => {
                self.primary = postcard::from_bytes(&self.saved).unwrap();
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

    /// Each event is still called what it was called when it was appended.
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
