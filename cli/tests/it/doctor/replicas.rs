//! Faults of a primary with a replica.

use std::fs;

use lockwatch_test_support::sentinel::Sentinel;
use lockwatch_test_support::tokens::{Algorithm::EdDsa, Keys};
use lockwatch_test_support::{Server, wait_until};

use super::deployment::{Pair, Sound, ok, pair, receiver, sound};
use super::report::{Expected, doctor, doctor_at};

/// A name, what is done to the replica, and what is found.
type Fault = (&'static str, fn(&mut Pair), &'static [Expected]);

#[test]
fn faults_of_a_replica_are_found() {
    let faults: &[Fault] = &[
        (
            "a directive that differs",
            |pair| pair.replica.admin.set("access-ttl", "60"),
            &[("warning", "directives")],
        ),
        (
            "rules that differ",
            |pair| {
                let path = pair.replica.server.dir().join("rules");
                fs::write(&path, "login guess pair attempt 5 leak 2m challenge 15m enforce\n").unwrap();
                pair.replica.admin.set("guard-rules-file", path.to_str().unwrap());
            },
            &[("error", "guard-rules")],
        ),
        (
            "keys in another order",
            |pair| {
                let (old, new) = (pair.keys.signing(EdDsa, 0), pair.keys.signing(EdDsa, 1));
                pair.primary.admin.set("jwt-keys", &format!("{old} {new}"));
                pair.replica.admin.set("jwt-keys", &format!("{new} {old}"));
            },
            &[("warning", "key-ids")],
        ),
        (
            "another key",
            |pair| pair.replica.admin.set("jwt-keys", &pair.keys.signing(EdDsa, 1)),
            &[("error", "key-ids")],
        ),
        (
            "another refresh secret",
            |pair| {
                let path = pair.keys.file("other", "another secret for refresh tokens: 0123456789");
                pair.replica.admin.set("refresh-secret-file", &path);
            },
            &[("error", "refresh-secrets")],
        ),
        (
            "a replica that takes writes",
            |pair| ok(&mut pair.replica.admin, "CONFIG SET replica-read-only no"),
            &[("warning", "replica-writes")],
        ),
        (
            "fewer replicas than are wanted",
            |pair| ok(&mut pair.primary.admin, "CONFIG SET min-replicas-to-write 2"),
            &[("error", "min-replicas")],
        ),
        (
            "a replica that has lost its primary",
            |pair| {
                ok(&mut pair.replica.admin, "CONFIG SET masterauth a-wrong-password");
                ok(&mut pair.replica.admin, "CONFIG SET repl-ping-replica-period 1");
                let id = pair.primary.admin.run("CLIENT LIST TYPE replica").text();
                let id = id.split_once("id=").unwrap().1.split(' ').next().unwrap().to_owned();
                ok(&mut pair.primary.admin, &format!("CLIENT KILL ID {id}"));
                wait_until("the link is down", || {
                    pair.replica.admin.info("replication").text("master_link_status") == "down"
                });
            },
            &[("error", "replica-link")],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, plant, expected) in faults {
        let mut pair = Pair::start();
        plant(&mut pair);
        // A replica that the primary has lost is found from its own side only.
        if let Some(difference) = doctor(&pair.replica.server, &[]).difference(expected) {
            wrong.push(format!("{name}:\n{difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_replica_without_keys_and_endpoints_is_found() {
    let (hook, keys) = (receiver(200), Keys::new());
    let primary = sound(Server::builder()).issuing(&keys, EdDsa).alerting(&[&hook]).start();
    let replica =
        sound(Server::builder()).config("lockwatch.webhook-allow-private yes").replica_of(&primary).start();
    primary.client().issue("auth alice");
    primary.wait_for_replica(&replica);
    let (primary, _replica) = (Sound::of(primary), Sound::of(replica));
    doctor(&primary.server, &[]).assert_is(&[
        ("error", "token-keys"),
        ("error", "key-ids"),
        ("error", "refresh-secrets"),
        ("warning", "endpoints"),
    ]);
}

#[test]
fn a_replica_without_the_module_is_found() {
    let primary = sound(Server::builder()).config("lockwatch.journal no").start();
    let replica = sound(Server::builder()).without_module().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let (primary, _replica) = (Sound::of(primary), Sound::of(replica));
    doctor(&primary.server, &[]).assert_is(&[("error", "module")]);
}

#[test]
fn two_primaries_with_one_history_are_found() {
    let (primary, replica, _keys) = pair(|builder| builder);
    let sentinel = Sentinel::of(&primary);
    let (_primary, mut replica) = (Sound::of(primary), Sound::of(replica));
    ok(&mut replica.admin, "REPLICAOF NO ONE");
    let report = doctor_at(&sentinel.url(), &["--sentinel", "service"]);
    report.assert_is(&[("error", "one-primary")]);
}
