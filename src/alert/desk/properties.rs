//! Property tests of the desk: whatever is raised, tried, answered, discarded, replayed and reconfigured in whatever
//! order, no endpoint misses an alert, and a replica that takes the changes holds the same.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::change::{Effect, encode, encode_snapshot};
use super::super::endpoint::{Endpoint, parse_urls};
use super::super::schedule::PROBE;
use super::*;

#[derive(Clone, Debug)]
enum Op {
    /// Raises an alert of one of a few types.
    Raise(u8),
    /// Hands over what is due.
    Dispatch,
    /// An order that is under way comes back.
    Answer(prop::sample::Index, Said),
    /// So much time passes.
    Wait(u64),
    /// All dead letters are put back.
    Replay,
    /// An alert that waits is discarded.
    Discard(prop::sample::Index),
    /// The endpoints with these bits are configured.
    Configure(u8),
    /// The state is saved, and loaded by a server that comes after this one.
    Restart,
}

#[derive(Clone, Debug)]
enum Said {
    Delivered,
    Failed,
    Untouched,
    Gone,
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    let said = prop_oneof![
        5 => Just(Said::Delivered),
        8 => Just(Said::Failed),
        1 => Just(Said::Untouched),
        1 => Just(Said::Gone),
    ];
    prop_oneof![
        6 => (0..3_u8).prop_map(Op::Raise),
        8 => Just(Op::Dispatch),
        12 => (index(), said).prop_map(|(index, said)| Op::Answer(index, said)),
        4 => prop_oneof![1..2000_u64, 10_000..100_000_u64, Just(20 * 3_600_000)].prop_map(Op::Wait),
        1 => Just(Op::Replay),
        1 => index().prop_map(Op::Discard),
        1 => (0..8_u8).prop_map(Op::Configure),
        1 => Just(Op::Restart),
    ]
}

/// A primary, a replica of it, and what was seen of both.
struct World {
    desk: Desk,
    replica: Outbox,
    now: Timestamp,
    under_way: Vec<Order>,
    /// Alerts that went out singly or as a summary, by their number.
    raised: BTreeSet<u64>,
    delivered: BTreeSet<(u64, EndpointId)>,
    discarded: BTreeSet<u64>,
    /// Alerts whose dead letters were put back: they need not go to everybody any more.
    replayed: BTreeSet<u64>,
    epochs: u64,
}

fn endpoints(bits: u8) -> Vec<Arc<Endpoint>> {
    let all = parse_urls("https://a.example.com/ https://b.example.com/ https://c.example.com/").unwrap();
    all.into_iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, e)| Arc::new(e)).collect()
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            desk: Desk::default(),
            replica: Outbox::default(),
            now: Timestamp(1_790_000_000_000),
            under_way: Vec::new(),
            raised: BTreeSet::new(),
            delivered: BTreeSet::new(),
            discarded: BTreeSet::new(),
            replayed: BTreeSet::new(),
            epochs: 1,
        };
        world.desk.begin_epoch(1);
        world.configure(0b011);
        world
    }

    fn configure(&mut self, bits: u8) {
        self.desk.settings = Settings { endpoints: endpoints(bits) };
        self.desk.stale = true;
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Raise(kind) => {
                let kind = ["burst", "disk.full", "other"][usize::from(*kind)];
                // Only an outbox from damaged bytes can be full here.
                let _ = self.desk.raise(kind, "{}", self.now, Source::Caller);
            }
            Op::Dispatch => {
                while let Some(order) = self.desk.next_order(self.now, 0) {
                    self.under_way.push(order);
                }
            }
            Op::Answer(index, said) if !self.under_way.is_empty() => {
                let order = self.under_way.swap_remove(index.index(self.under_way.len()));
                self.answer(&order, said);
            }
            Op::Answer(..) => {}
            Op::Wait(ms) => self.now = self.now + Span(*ms),
            Op::Replay => drop(self.desk.replay(None)),
            Op::Discard(index) => {
                let waiting: Vec<u64> = self.desk.outbox.waiting().iter().map(|(id, _)| id.seq).collect();
                if !waiting.is_empty() {
                    let seq = waiting[index.index(waiting.len())];
                    self.desk.discard_waiting(seq);
                    self.discarded.insert(seq);
                }
            }
            Op::Configure(bits) => self.configure(*bits),
            Op::Restart => self.restart(),
        }
        self.tick();
    }

    fn answer(&mut self, order: &Order, said: &Said) {
        let answer = match said {
            Said::Delivered => {
                self.delivered.insert((order.id.seq, order.endpoint.id));
                Answer::Delivered { status: 200 }
            }
            Said::Failed => Answer::Failed { reason: "status 500".into(), retry_after: None },
            Said::Untouched => Answer::Untouched,
            Said::Gone => Answer::Gone,
        };
        let outcome =
            Outcome { id: order.id, endpoint: order.endpoint.id, answer, took: std::time::Duration::ZERO };
        self.desk.take_outcome(outcome, self.now, 7);
    }

    /// What was under way is forgotten; the tries may have reached their receivers all the same.
    fn restart(&mut self) {
        let Ok(Effect::Snapshot(outbox)) = Effect::decode(&encode_snapshot(&self.desk.outbox)) else {
            panic!("it does not load")
        };
        let settings = self.desk.settings.clone();
        self.desk = Desk { settings, ..Desk::default() };
        self.desk.replace(*outbox);
        self.epochs += 1;
        self.desk.begin_epoch(self.epochs);
        self.under_way.clear();
    }

    /// As the pump does before the event loop sleeps.
    fn tick(&mut self) {
        self.desk.lay_lanes();
        self.desk.roll_up(self.now);
        self.desk.lay_lanes();
        let made = self.desk.take_made();
        for change in &made {
            match change {
                Change::Append(id, _) => drop(self.raised.insert(id.seq)),
                Change::Replay(seq, _) => drop(self.replayed.insert(*seq)),
                Change::Remove(seq) => self.may_go(*seq),
                _ => {}
            }
        }
        let Ok(Effect::Changes(changes)) = Effect::decode(&encode(&made)) else {
            panic!("they do not decode")
        };
        for change in changes {
            self.replica.apply(change);
        }
    }

    /// An alert goes when every endpoint has it, or a letter says that it could not be had.
    fn may_go(&self, seq: u64) {
        if self.discarded.contains(&seq) || self.replayed.contains(&seq) {
            return;
        }
        for lane in &self.desk.lanes {
            let endpoint = lane.endpoint.id;
            let has = self.delivered.contains(&(seq, endpoint));
            let dead = self.desk.outbox.dead_of(seq);
            let is_dead = dead.is_some_and(|dead| dead.letters.iter().any(|l| l.endpoint == endpoint));
            assert!(has || is_dead, "{seq} goes, and {} has not got it", lane.endpoint.label);
        }
    }

    fn check(&self) {
        assert_eq!(encode_snapshot(&self.replica), encode_snapshot(&self.desk.outbox), "the replica differs");
        let outbox = &self.desk.outbox;
        for &seq in self.raised.difference(&self.discarded) {
            let dead = outbox.dead_of(seq);
            match outbox.waiting().get(seq) {
                // Somebody had it, or it is dead: an alert never just goes.
                None => {
                    let had = self.delivered.iter().any(|(had, _)| *had == seq);
                    assert!(had || dead.is_some(), "{seq} is lost");
                }
                Some((id, _)) => {
                    for lane in &self.desk.lanes {
                        let endpoint = lane.endpoint.id;
                        let has = self.delivered.contains(&(id.seq, endpoint));
                        let is_dead =
                            dead.is_some_and(|dead| dead.letters.iter().any(|l| l.endpoint == endpoint));
                        let owed = outbox.owed(seq, endpoint).is_some();
                        assert!(has || is_dead || owed || !self.is_meant(seq, endpoint), "{seq} is not owed");
                    }
                }
            }
        }
    }

    /// A letter that was put back is for the endpoints that did not take it.
    fn is_meant(&self, seq: u64, endpoint: EndpointId) -> bool {
        !self.delivered.iter().any(|(had, at)| *had == seq && *at != endpoint)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_alert_is_lost_and_replicas_are_equal(ops in prop::collection::vec(op(), 1..150)) {
        let mut world = World::new();
        for op in &ops {
            world.run(op);
            world.check();
        }
    }

    #[test]
    fn once_everybody_is_well_everything_is_delivered(ops in prop::collection::vec(op(), 1..100)) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.run(op));
        world.configure(0b111);
        let disabled: Vec<_> = world.desk.outbox.disabled().iter().copied().collect();
        disabled.into_iter().for_each(|endpoint| world.desk.is_well(endpoint));
        world.tick();
        // Each round lets time for a probe pass, and then for the longest wait between tries.
        for wait in [PROBE, Span(20 * 3_600_000)].into_iter().cycle().take(100) {
            world.now = world.now + wait;
            world.run(&Op::Dispatch);
            for order in std::mem::take(&mut world.under_way) {
                world.answer(&order, &Said::Delivered);
            }
            world.tick();
        }
        prop_assert_eq!(world.desk.outbox.waiting().len(), 0);
        prop_assert_eq!(world.desk.lanes.iter().map(Lane::pending).sum::<usize>(), 0);
    }

    #[test]
    fn damaged_effects_are_refused_or_taken(
        ops in prop::collection::vec(op(), 1..60),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.run(op));
        let mut bytes = encode_snapshot(&world.desk.outbox);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if byte % 4 == 0 {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        if let Ok(Effect::Snapshot(outbox)) = Effect::decode(&bytes) {
            world.desk.replace(*outbox);
            world.under_way.clear();
            ops.iter().for_each(|op| world.run(op));
        }
    }
}
