//! A promoted replica that lacks the last writes.

use crate::support::tokens::{Algorithm, Keys, Tokens, code};
use crate::support::{Client, Server, Stop, Value, beside, wait_until};

/// Starts a primary and its replica.
fn pair(keys: &Keys) -> (Server, Server) {
    let primary = Server::builder().issuing(keys, Algorithm::EdDsa).start();
    let replica = Server::builder().issuing(keys, Algorithm::EdDsa).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    (primary, replica)
}

fn promote(replica: &Server) -> Client {
    let mut client = replica.client();
    assert_eq!(client.run("REPLICAOF NO ONE").text(), "OK");
    client
}

#[test]
fn after_a_lost_rotation_the_client_is_accepted_and_an_alert_is_raised() {
    let keys = Keys::new();
    let (primary, replica) = pair(&keys);
    let mut client = primary.client();
    let first = client.issue("auth alice");
    let second = client.rotate("auth", &first.refresh);
    primary.wait_for_replica(&replica);
    let mut there = promote(&replica);
    // This rotation is lost with the primary.
    let third = client.rotate("auth", &second.refresh);
    let fourth = client.rotate("auth", &third.refresh);
    drop(primary);
    assert_eq!(there.verdict("auth", &fourth.access), "OK");
    let fifth = there.rotate("auth", &fourth.refresh);
    assert_eq!(fifth.claims()["jti"], format!("{}.5", first.session));
    assert_eq!(there.alert_types(), ["token.rollback"]);
    let (kind, data) = there.audit_kinds().remove(0);
    assert_eq!(
        (kind.as_str(), &data["presented_generation"], &data["stored_generation"]),
        ("token.rollback", &4.into(), &2.into())
    );
    // After that the usual checks apply.
    assert_eq!(there.rotate("auth", &fourth.refresh), fifth);
    assert_eq!(there.rotate_refused("auth", &second.refresh), "LWREUSED");
    assert_eq!(there.verdict("auth", &fifth.access), "LWREVOKED");
}

#[test]
fn a_rotation_may_be_repeated_within_grace_after_a_failover() {
    let keys = Keys::new();
    let (primary, replica) = pair(&keys);
    let mut client = primary.client();
    let first = client.issue("auth alice");
    let second = client.rotate("auth", &first.refresh);
    primary.wait_for_replica(&replica);
    let mut there = promote(&replica);
    drop(primary);
    // More than the grace period after the rotation, but not after the failover.
    there.set("rotate-grace", "60");
    let now = there.time_ms();
    there.stop_clock(now + 59_000);
    assert_eq!(there.rotate("auth", &first.refresh), second);
    there.stop_clock(now + 61_000);
    assert_eq!(there.rotate_refused("auth", &first.refresh), "LWREUSED");
}

#[test]
fn revocations_survive_a_failover() {
    let keys = Keys::new();
    let (primary, replica) = pair(&keys);
    let mut client = primary.client();
    let all: Vec<Tokens> = (0..4).map(|_| client.issue("auth alice")).collect();
    let thief = client.rotate("auth", &all[3].refresh);
    client.rotate("auth", &thief.refresh);
    client.call(&["LW.REVOKE", "auth", "TOKEN", &all[0].access]);
    client.call(&["LW.REVOKE", "auth", "TOKEN", &all[1].refresh]);
    client.call(&["LW.REVOKE", "auth", "SESSION", &all[2].session]);
    assert_eq!(client.rotate_refused("auth", &all[3].refresh), "LWREUSED");
    primary.wait_for_replica(&replica);
    let mut there = promote(&replica);
    drop(primary);
    for tokens in &all {
        assert_eq!(there.verdict("auth", &tokens.access), "LWREVOKED");
    }
    for tokens in &all[1..] {
        assert_eq!(there.rotate_refused("auth", &tokens.refresh), "LWREVOKED");
    }
    there.rotate("auth", &all[0].refresh);
    assert_eq!(there.alert_types(), ["token.reuse"], "the alert was replicated with the revocation");
}

#[test]
fn a_coordinated_failover_under_load_locks_out_no_client() {
    let keys = Keys::new();
    let (primary, replica) = pair(&keys);
    let rotate = |n: usize, stop: &Stop| {
        let mut client = primary.client();
        let mut tokens = client.issue(&format!("auth user{n}"));
        while !stop.is_set() {
            let answer = client.call(&["LW.ROTATE", "auth", &tokens.refresh]);
            if answer.is_error() {
                let elsewhere = ["READONLY", "UNBLOCKED", "LOADING", "MASTERDOWN"];
                assert!(elsewhere.contains(&code(&answer).as_str()), "{answer:?}");
                client = replica.client();
            } else {
                tokens = Tokens::of(&answer);
            }
        }
    };
    beside(4, rotate, || {
        let mut watcher = primary.client();
        wait_until("the clients rotate", || watcher.token_info("rotated_total") > 100);
        // A failover may time out, so it is requested again.
        let address = replica.address();
        let failover = format!("FAILOVER TO {} {} TIMEOUT 5000", address.ip(), address.port());
        let mut there = replica.client();
        wait_until("the replica takes over", || {
            let _ = watcher.run(&failover);
            there.info("replication").text("role") == "master"
        });
        wait_until("the clients rotate on the new primary", || there.token_info("rotated_total") > 100);
    });
    let mut there = replica.client();
    assert!(there.alert_types().is_empty(), "no rotation was lost or mistaken for reuse");
    replica.wait_for_replica(&primary);
    assert_eq!(primary.client().dump("auth"), there.dump("auth"));
}

#[test]
fn after_a_lost_write_a_thief_and_the_victim_cannot_both_continue() {
    let keys = Keys::new();
    let (primary, replica) = pair(&keys);
    let mut client = primary.client();
    let first = client.issue("auth alice");
    primary.wait_for_replica(&replica);
    let mut there = promote(&replica);
    let mut held = vec![first];
    for _ in 0..5 {
        let next = client.rotate("auth", &held.last().unwrap().refresh);
        held.push(next);
    }
    drop(primary);
    // This token was used long ago, but the new primary does not know that.
    let stolen = there.rotate("auth", &held[2].refresh);
    assert_eq!(there.verdict("auth", &stolen.access), "OK");
    assert_eq!(there.rotate_refused("auth", &held[5].refresh), "LWREUSED");
    assert_eq!(there.verdict("auth", &stolen.access), "LWREVOKED");
    assert_eq!(there.rotate_refused("auth", &stolen.refresh), "LWREVOKED");
    assert_eq!(there.alert_types(), ["token.reuse", "token.rollback"]);
}

#[test]
fn different_clocks_on_primary_and_replica_do_no_harm() {
    let keys = Keys::new();
    let primary = Server::builder().issuing(&keys, Algorithm::EdDsa).start();
    let replica = Server::builder()
        .issuing(&keys, Algorithm::EdDsa)
        .config("appendonly yes")
        .config("aof-use-rdb-preamble no")
        .start();
    // REPLICAOF is not in the configuration, because the server is restarted as a primary later.
    let address = primary.address();
    replica.client().run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    // The primary's clock is two days ahead.
    client.move_clock(2 * 86_400_000);
    let tokens = client.issue("auth alice REFRESHTTL 30d");
    let others: Vec<_> = (0..20).map(|n| client.issue(&format!("auth user{n} REFRESHTTL 30d"))).collect();
    primary.wait_for_replica(&replica);
    let mut there = promote(&replica);
    drop(primary);
    let next = there.rotate("auth", &tokens.refresh);
    there.set("jwt-leeway", "300");
    let dump = there.dump("auth");
    assert_eq!(there.run("DEBUG RELOAD"), Value::Simple("OK".into()));
    assert_eq!(there.dump("auth"), dump);
    there.run("BGREWRITEAOF");
    wait_until("the AOF is rewritten", || there.info("persistence").number("aof_rewrite_in_progress") == 0);
    let mut replica = replica;
    replica.stop();
    replica.start_again();
    let mut there = replica.client();
    assert_eq!(there.dump("auth"), dump);
    let late = Server::builder().issuing(&keys, Algorithm::EdDsa).replica_of(&replica).start();
    replica.wait_for_replica(&late);
    assert_eq!(late.client().dump("auth"), dump);
    there.rotate("auth", &next.refresh);
    for tokens in &others {
        there.rotate("auth", &tokens.refresh);
    }
}
