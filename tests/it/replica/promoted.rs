//! Promoted replicas and demoted primaries.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use super::super::support::state::State;
use super::super::support::{Client, Reply, SOON, Server, Stop, beside, wait_until};
use super::{primary, replica_of, settle, workload};

#[test]
fn a_promoted_replica_continues_with_the_same_windows() {
    let mut primary = primary();
    let replica = replica_of(&primary).start();
    let mut client = primary.client();
    workload().fill(&mut client);
    client.ratelimit("spent 3 1h");
    client.ratelimit("spent 3 1h COST 2");
    settle(&primary, &[&replica]);
    let before = State::of(&mut client);
    primary.kill();
    let mut client = replica.client();
    assert_eq!(client.run("REPLICAOF NO ONE").text(), "OK");
    before.assert_same(&State::of(&mut client));
    assert!(client.ratelimit("spent 3 1h").limited);
    assert!(client.ratelimit("spent 4 1h COST 2").limited);
    assert_eq!(client.ratelimit("spent 4 1h").remaining, 0);
    workload().calls(&mut client, 200);
}

#[test]
fn a_promoted_replica_admits_again_exactly_when_the_primary_would_have() {
    let mut primary = primary();
    let replica = replica_of(&primary).start();
    let mut client = primary.client();
    let (_, first) = client.timed("LW.RATELIMIT k 2 800ms");
    let (_, second) = client.timed("LW.RATELIMIT k 2 800ms");
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    client.run("REPLICAOF NO ONE");
    let deadline = Instant::now() + SOON;
    for free in [first.plus(800), second.plus(800)] {
        loop {
            let (reply, at) = client.timed("LW.RATELIMIT k 2 800ms");
            let reply = Reply::of(&reply);
            if !reply.limited {
                assert!(at.to >= free.from, "admitted at {at:?}, due at {free:?}");
                break;
            }
            assert!(at.from < free.to, "still denied at {at:?}, due at {free:?}");
            at.plus(reply.retry_after).and(free);
            assert!(Instant::now() < deadline, "never admitted");
        }
    }
}

#[test]
fn a_failover_under_load_loses_and_repeats_no_call() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    settle(&primary, &[&replica]);
    let admitted = AtomicI64::new(0);
    let mut promoted = replica.client();
    beside(
        4,
        |_, stop| hammer(&mut primary.client(), &admitted, stop),
        || {
            wait_until("the clients are making calls", || admitted.load(Ordering::Relaxed) > 200);
            assert_eq!(primary.client().run("FAILOVER").text(), "OK");
            wait_until("the roles are swapped", || promoted.info("replication").text("role") == "master");
        },
    );
    let recorded = 1_000_000_000 - promoted.peek("k 1000000000 1h COST 0").remaining;
    assert_eq!(recorded, admitted.into_inner());
    promoted.ratelimit("k 1000000000 1h");
    settle(&replica, &[&primary]);
    State::of(&mut promoted).assert_same(&State::of(&mut primary.client()));
}

/// Calls until the server answers READONLY.
fn hammer(client: &mut Client, admitted: &AtomicI64, stop: &Stop) {
    while !stop.is_set() {
        let answer = client.run("LW.RATELIMIT k 1000000000 1h");
        if answer.is_error() {
            assert!(answer.error().starts_with("READONLY"), "{answer:?}");
            return;
        }
        assert!(!Reply::of(&answer).limited);
        admitted.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_demoted_primary_applies_effects() {
    let (one, other) = (primary(), Server::start());
    let mut client = one.client();
    workload().fill(&mut client);
    let address = other.address();
    other.client().ratelimit("k 5 1h");
    assert_eq!(client.run(&format!("REPLICAOF {} {}", address.ip(), address.port())).text(), "OK");
    other.client().ratelimit("k 5 1h");
    settle(&other, &[&one]);
    State::of(&mut other.client()).assert_same(&State::of(&mut client));
    assert_eq!(client.peek("k 5 1h COST 0").remaining, 3);
}
