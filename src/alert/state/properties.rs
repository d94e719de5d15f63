//! Property tests of the state: whatever is raised, tried, answered, discarded, replayed and
//! reconfigured in whatever attempt, no endpoint misses an alert, and a replica that takes the
//! changes holds the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::endpoint::parse_urls;
use super::super::schedule::PROBE;
use super::*;
use crate::outbox::effect::{Effect, decode};
use crate::outbox::manage::{Managed, for_dead};

#[derive(Clone, Debug)]
enum Op {
    /// Raises an alert of one of a few types.
    Raise(u8),
    /// Hands over the attempts that are due.
    Dispatch,
    /// An attempt that is under way comes back.
    DeliveryStatus(prop::sample::Index, Reply),
    /// That much time passes.
    Wait(u64),
    /// All dead causes are put back.
    Replay,
    /// An alert that waits is discarded.
    Discard(prop::sample::Index),
    /// The endpoints with these bits are configured.
    Configure(u8),
    /// The state is saved, and loaded by another server.
    Restart,
}

#[derive(Clone, Debug)]
enum Reply {
    Delivered,
    Failed,
    NotAttempted,
    Gone,
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    let reply = prop_oneof![
        5 => Just(Reply::Delivered),
        8 => Just(Reply::Failed),
        1 => Just(Reply::NotAttempted),
        1 => Just(Reply::Gone),
    ];
    prop_oneof![
        6 => (0..3_u8).prop_map(Op::Raise),
        8 => Just(Op::Dispatch),
        12 => (index(), reply).prop_map(|(index, reply)| Op::DeliveryStatus(index, reply)),
        4 => prop_oneof![1..2000_u64, 10_000..100_000_u64, Just(20 * 3_600_000)].prop_map(Op::Wait),
        1 => Just(Op::Replay),
        1 => index().prop_map(Op::Discard),
        1 => (0..8_u8).prop_map(Op::Configure),
        1 => Just(Op::Restart),
    ]
}

/// A primary, a replica of it, and what happened so far.
struct World {
    state: State,
    replica: Outbox<Deliveries>,
    now: Timestamp,
    in_flight: Vec<Attempt>,
    /// The numbers of the alerts and summaries that were queued.
    raised: BTreeSet<u64>,
    /// The number reserved for the summary of a type.
    summaries: BTreeMap<String, u64>,
    delivered: BTreeSet<(u64, EndpointId)>,
    discarded: BTreeSet<u64>,
    /// Alerts whose dead causes were put back: they need not go to everybody any more.
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
            state: State::default(),
            replica: Outbox::default(),
            now: Timestamp(1_790_000_000_000),
            in_flight: Vec::new(),
            raised: BTreeSet::new(),
            summaries: BTreeMap::new(),
            delivered: BTreeSet::new(),
            discarded: BTreeSet::new(),
            replayed: BTreeSet::new(),
            epochs: 1,
        };
        world.state.outbox.begin_epoch(1);
        world.configure(0b011);
        world
    }

    fn configure(&mut self, bits: u8) {
        self.state.settings = Settings { endpoints: endpoints(bits) };
        self.state.queues_are_stale = true;
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Raise(kind) => {
                let kind = ["burst", "disk.full", "other"][usize::from(*kind)];
                let source = if kind == "burst" { Source::Module } else { Source::Caller };
                // Only an outbox from damaged bytes can be full here.
                let _ = self.state.raise(kind, "{}", self.now, source);
            }
            Op::Dispatch => {
                while let Some(attempt) = self.state.next_attempt(self.now, 0) {
                    self.in_flight.push(attempt);
                }
            }
            Op::DeliveryStatus(index, reply) if !self.in_flight.is_empty() => {
                let attempt = self.in_flight.swap_remove(index.index(self.in_flight.len()));
                self.answer(&attempt, reply);
            }
            Op::DeliveryStatus(..) => {}
            Op::Wait(ms) => self.now = self.now + Span(*ms),
            Op::Replay => drop(for_dead(&mut self.state, None, State::replay)),
            Op::Discard(index) => {
                let waiting: Vec<Id> = self.state.outbox.queue().iter().map(|(id, _)| id).collect();
                if !waiting.is_empty() {
                    let id = waiting[index.index(waiting.len())];
                    assert!(self.state.discard_alert(id));
                    self.discarded.insert(id.seq);
                }
            }
            Op::Configure(bits) => self.configure(*bits),
            Op::Restart => self.restart(),
        }
        self.tick();
    }

    fn answer(&mut self, attempt: &Attempt, reply: &Reply) {
        let status = match reply {
            Reply::Delivered => {
                self.delivered.insert((attempt.id.seq, attempt.endpoint.id));
                DeliveryStatus::Delivered { status: 200 }
            }
            Reply::Failed => DeliveryStatus::Failed { reason: Reason::Status(500), retry_after: None },
            Reply::NotAttempted => DeliveryStatus::NotAttempted,
            Reply::Gone => DeliveryStatus::Gone,
        };
        let result = AttemptResult {
            id: attempt.id,
            endpoint: attempt.endpoint.id,
            status,
            took: std::time::Duration::ZERO,
        };
        self.state.finish_attempt(result, self.now, 7);
    }

    /// Attempts in flight are forgotten. They may have reached their receivers.
    fn restart(&mut self) {
        let outbox = load(&saved(&self.state.outbox)).unwrap();
        let settings = self.state.settings.clone();
        self.state = State { settings, ..State::default() };
        self.state.outbox.replace(outbox);
        self.epochs += 1;
        self.state.outbox.begin_epoch(self.epochs);
        self.in_flight.clear();
    }

    /// What the scheduler does before the event loop sleeps.
    fn tick(&mut self) {
        self.state.rebuild_queues();
        self.state.queue_summaries(self.now);
        self.state.rebuild_queues();
        // Few, so that much happens while the queues are being filled.
        self.state.fill_queues(3, self.now);
        self.state.free_emptied_queue();
        let mut payload = Vec::new();
        self.state.outbox.replicate(|pending| payload = pending.to_vec());
        if payload.is_empty() {
            return;
        }
        let Ok(Effect::Changes(changes)) = decode::<Deliveries>(&payload) else {
            panic!("it does not decode")
        };
        for change in &changes {
            match change {
                OutboxChange::Append(id, _) => drop(self.raised.insert(id.seq)),
                OutboxChange::Extension(Change::RolledUp(_, kind, id, ..)) => {
                    self.summaries.insert(kind.clone(), id.seq);
                }
                OutboxChange::Extension(Change::Summary(_, kind, _)) => {
                    self.raised.extend(self.summaries.remove(kind));
                }
                OutboxChange::Replay(seq) => drop(self.replayed.insert(*seq)),
                OutboxChange::Remove(seq, through) => {
                    assert_eq!(seq, through);
                    self.may_leave(*seq);
                }
                _ => {}
            }
        }
        self.replica.apply_effect(&payload).unwrap();
    }

    /// An alert leaves the queue when every endpoint has it or has a dead letter.
    fn may_leave(&self, seq: u64) {
        if self.discarded.contains(&seq) || self.replayed.contains(&seq) {
            return;
        }
        for queue in &self.state.queues {
            let endpoint = queue.endpoint.id;
            let has = self.delivered.contains(&(seq, endpoint));
            let dead = self.state.outbox.dead().iter().find(|letter| letter.id.seq == seq);
            let is_dead = dead.is_some_and(|dead| dead.causes.iter().any(|l| l.endpoint == endpoint));
            assert!(has || is_dead, "{seq} goes, and {} has not got it", queue.endpoint.label);
        }
    }

    fn check(&self) {
        assert_eq!(saved(&self.replica), saved(&self.state.outbox), "the replica differs");
        let outbox = &self.state.outbox;
        for &seq in self.raised.difference(&self.discarded) {
            let dead = outbox.dead().iter().find(|letter| letter.id.seq == seq);
            match outbox.queue().get(seq) {
                // Somebody had it, or it is dead: an alert never just goes.
                None => {
                    let had = self.delivered.iter().any(|(had, _)| *had == seq);
                    assert!(had || dead.is_some(), "{seq} is lost");
                }
                Some((id, _)) => {
                    for queue in &self.state.queues {
                        let endpoint = queue.endpoint.id;
                        let has = self.delivered.contains(&(id.seq, endpoint));
                        let is_dead =
                            dead.is_some_and(|dead| dead.causes.iter().any(|l| l.endpoint == endpoint));
                        let owed = outbox.extension().pending(seq, endpoint).is_some();
                        assert!(has || is_dead || owed || !self.is_meant(seq, endpoint), "{seq} is not owed");
                    }
                }
            }
        }
    }

    /// A replayed letter is for the endpoints that did not take the alert.
    fn is_meant(&self, seq: u64, endpoint: EndpointId) -> bool {
        !self.delivered.iter().any(|(had, at)| *had == seq && *at != endpoint)
    }
}

fn saved(outbox: &Outbox<Deliveries>) -> Vec<Vec<u8>> {
    outbox.payloads().collect()
}

fn load(payloads: &[Vec<u8>]) -> Result<Outbox<Deliveries>, &'static str> {
    let mut rest = payloads[1..].iter().cloned().chain([Vec::new()]);
    Outbox::load(&payloads[0], &mut || rest.next())
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
        let disabled: Vec<_> = world.state.outbox.extension().disabled().iter().copied().collect();
        disabled.into_iter().for_each(|endpoint| world.state.test_finished(endpoint, &DeliveryStatus::Delivered { status: 200 }, world.now));
        world.tick();
        // Each round lets time for a probe pass, and then for the longest wait between tries.
        for wait in [PROBE, Span(20 * 3_600_000)].into_iter().cycle().take(100) {
            world.now = world.now + wait;
            while world.state.has_queue_work() {
                world.tick();
            }
            world.run(&Op::Dispatch);
            for attempt in std::mem::take(&mut world.in_flight) {
                world.answer(&attempt, &Reply::Delivered);
            }
            world.tick();
        }
        prop_assert_eq!(world.state.outbox.queue().len(), 0);
        prop_assert_eq!(world.state.queues.iter().map(EndpointQueue::pending).sum::<usize>(), 0);
    }

    #[test]
    fn damaged_effects_are_refused_or_taken(
        ops in prop::collection::vec(op(), 1..60),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.run(op));
        let mut payloads = saved(&world.state.outbox);
        let which = which.index(payloads.len());
        let bytes = &mut payloads[which];
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if byte % 4 == 0 {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        if let Ok(outbox) = load(&payloads) {
            world.state.outbox.replace(outbox);
            world.state.invalidate();
            world.in_flight.clear();
            world.summaries.clear();
            ops.iter().for_each(|op| world.run(op));
        }
    }
}
