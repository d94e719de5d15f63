//! Who may write on a replica: the primary's link, whatever stands in its way.

use super::super::support::payload::Payload;
use super::super::support::state::KeyState;
use super::super::support::wait_until;
use super::{alone, primary, replica_of, settle};

#[test]
fn a_replica_refuses_to_admit() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    primary.client().ratelimit("k 5 1h");
    settle(&primary, &[&replica]);
    let mut client = replica.client();
    assert!(client.run("LW.RATELIMIT k 5 1h").error().starts_with("READONLY"));
    assert_eq!(client.peek("k 5 1h COST 0").remaining, 4);
}

#[test]
fn an_effect_is_refused_from_a_client_wherever_it_is_sent() {
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
fn an_effect_takes_the_place_of_another_type_on_a_writable_replica() {
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
        // In the middle of the value's life what went before is lost to the replica, but not what comes.
        there.run("DEL k");
        there.run(other);
        client.ratelimit("k 5 1h");
        settle(&primary, &[&replica]);
        assert_eq!(there.peek("k 5 1h COST 0").remaining, 4, "{other}");
        assert_eq!(client.peek("k 5 1h COST 0").remaining, 2, "{other}");
    }
    let last = KeyState::of(&mut there, b"k");
    let alone = alone(replica);
    last.assert_same("k", &KeyState::of(&mut alone.client(), b"k"));
}

#[test]
fn a_value_whose_kind_was_changed_on_a_writable_replica_comes_back_with_a_full_resync() {
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
