//! A promoted replica knows which keys have alerted.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::support::{Burst, Client, Server, Stop, beside, wait_until};

const KEYS: usize = 50;

#[test]
fn a_promoted_replica_alerts_no_key_again_within_its_cooldown() {
    let mut primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    let mut client = primary.client();
    for key in 0..KEYS {
        // When the replica is promoted, the window is over and the cooldown is not.
        assert!(client.burst(&format!("{key} 1 1ms COOLDOWN 1h")).alerted);
    }
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    assert_eq!(client.run("REPLICAOF NO ONE").text(), "OK");
    for key in 0..KEYS {
        assert!(!client.burst(&format!("{key} 1 1h COOLDOWN 1h")).alerted, "key {key}");
    }
    assert!(client.burst("fresh 1 1h").alerted);
}

#[test]
fn a_promoted_replica_alerts_again_after_the_cooldown() {
    let mut primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    let (answer, at) = primary.client().timed("LW.BURST k 1 1h COOLDOWN 700ms");
    assert!(Burst::of(&answer).alerted);
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    client.run("REPLICAOF NO ONE");
    wait_until("the cooldown is over", || {
        let (answer, now) = client.timed("LW.BURST k 1 1h COOLDOWN 700ms");
        let alerted = Burst::of(&answer).alerted;
        assert!(!alerted || now.to >= at.from + 700, "alerted at {now:?} and before at {at:?}");
        assert!(alerted || now.from < at.to + 700, "no alert at {now:?} after the one at {at:?}");
        alerted
    });
}

#[test]
fn a_failover_under_load_alerts_every_key_once() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let (alerts, calls) = ([const { AtomicI64::new(0) }; KEYS], AtomicI64::new(0));
    let mut promoted = replica.client();
    let load = |_, stop: &Stop| hammer(&mut primary.client(), &alerts, &calls, stop);
    beside(4, load, || {
        wait_until("the load is running", || calls.load(Ordering::Relaxed) > 2 * KEYS as i64);
        assert_eq!(primary.client().run("FAILOVER").text(), "OK");
        wait_until("the roles are swapped", || promoted.info("replication").text("role") == "master");
    });
    let mut counted = 0;
    for (key, alerts) in alerts.iter().enumerate() {
        let answer = promoted.burst(&format!("{key} 3 1h COOLDOWN 1h"));
        counted += answer.count - 1;
        let alerts = alerts.load(Ordering::Relaxed) + i64::from(answer.alerted);
        assert_eq!(alerts, i64::from(answer.burst), "key {key}: {answer:?}");
    }
    assert_eq!(counted, calls.into_inner());
}

/// Calls until the server answers READONLY.
fn hammer(client: &mut Client, alerts: &[AtomicI64], calls: &AtomicI64, stop: &Stop) {
    for key in (0..KEYS).cycle().take_while(|_| !stop.is_set()) {
        let answer = client.run(&format!("LW.BURST {key} 3 1h COOLDOWN 1h"));
        if answer.is_error() {
            assert!(answer.error().starts_with("READONLY"), "{answer:?}");
            return;
        }
        calls.fetch_add(1, Ordering::Relaxed);
        alerts[key].fetch_add(i64::from(Burst::of(&answer).alerted), Ordering::Relaxed);
    }
}
