//! Writes on a replica: only the primary's link may write, and it overwrites conflicting keys.

use super::super::support::payload::Payload;
use super::super::support::state::KeyState;
use super::super::support::wait_until;
use super::{primary, replica_of, settle, start_alone};

#[test]
fn a_replica_refuses_lw_ratelimit() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    primary.client().ratelimit("k 5 1h");
    settle(&primary, &[&replica]);
    let mut client = replica.client();
    assert!(client.run("LW.RATELIMIT k 5 1h").error().starts_with("READONLY"));
    assert_eq!(client.peek("k 5 1h COST 0").remaining, 4);
}

#[test]
fn an_effect_command_from_a_client_is_refused_on_every_server() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    let writable = replica_of(&primary).config("replica-read-only no").start();
    let mut client = primary.client();
    client.run("CONFIG SET rdbcompression no");
    client.ratelimit("k 5 1h");
    let effect = [&[2], Payload::new(client.run("DUMP k").bytes()).saved()].concat();
    client.ratelimit("k 5 1h");
    settle(&primary, &[&replica, &writable]);
    for server in [&primary, &replica, &writable] {
        let mut client = server.client();
        let before = KeyState::of(&mut client, b"k");
        for key in [b"k", b"x"] {
            assert!(client.call(&[b"LW._WINDOW", &key[..], &effect]).is_error());
            let script = b"return redis.call('LW._WINDOW', KEYS[1], ARGV[1])";
            assert!(client.call(&[b"EVAL", &script[..], b"1", key, &effect]).is_error());
            client.run("MULTI");
            client.call(&[b"LW._WINDOW", &key[..], &effect]);
            let outcome = client.run("EXEC");
            assert!(outcome.is_error() || outcome.items()[0].is_error(), "{outcome:?}");
        }
        before.assert_same("k", &KeyState::of(&mut client, b"k"));
        assert_eq!(client.run("EXISTS x").int(), 0);
    }
}

#[test]
fn an_effect_overwrites_a_key_of_another_type_on_a_writable_replica() {
    let primary = primary();
    let replica = replica_of(&primary).config("replica-read-only no").config("appendonly yes").start();
    let (mut client, mut there) = (primary.client(), replica.client());
    let others = ["SET k text", "SET k text EX 1000", "HSET k a b", "RPUSH k a b", "XADD k * a b"];
    for other in others {
        client.run("DEL k");
        settle(&primary, &[&replica]);
        assert!(!there.run(other).is_error(), "{other}");
        client.ratelimit("k 5 1h COST 2");
        settle(&primary, &[&replica]);
        let truth = KeyState::of(&mut client, b"k");
        truth.assert_same(other, &KeyState::of(&mut there, b"k"));
        // If the key is replaced between two calls, the replica loses the earlier units but counts
        // later ones.
        there.run("DEL k");
        there.run(other);
        client.ratelimit("k 5 1h");
        settle(&primary, &[&replica]);
        assert_eq!(there.peek("k 5 1h COST 0").remaining, 4, "{other}");
        assert_eq!(client.peek("k 5 1h COST 0").remaining, 2, "{other}");
    }
    let last = KeyState::of(&mut there, b"k");
    let alone = start_alone(replica);
    last.assert_same("k", &KeyState::of(&mut alone.client(), b"k"));
}

#[test]
fn a_full_resync_restores_a_key_overwritten_on_a_writable_replica() {
    let primary = primary();
    let replica = replica_of(&primary).config("replica-read-only no").start();
    let (mut client, mut there) = (primary.client(), replica.client());
    client.ratelimit("k 5 1h");
    settle(&primary, &[&replica]);
    there.run("SET k text");
    let before = client.info("stats").number("sync_full");
    client.run("DEBUG CHANGE-REPL-ID");
    client.run("CLIENT KILL TYPE replica");
    wait_until("the replica is back", || client.info("stats").number("sync_full") > before);
    settle(&primary, &[&replica]);
    let truth = KeyState::of(&mut client, b"k");
    truth.assert_same("k", &KeyState::of(&mut replica.client(), b"k"));
}
