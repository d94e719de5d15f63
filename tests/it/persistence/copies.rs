//! DUMP and RESTORE, COPY, RENAME.

use super::super::support::state::{KeyState, State};
use super::super::support::{Client, Reply, Server, Value};
use super::{builder, fill};

/// How far off the expiry of a key restored with its PTTL may be. PTTL and RESTORE take some time.
const TTL_TOLERANCE_MS: i64 = 2000;

#[test]
fn dump_and_restore_on_another_server_keep_every_decision() {
    let (from, to) = (builder().start(), builder().start());
    fill(&mut from.client());
    let mut there = to.client();
    let before = State::of(&mut from.client());
    for ((db, name), state) in &before.0 {
        there.run(&format!("SELECT {db}"));
        let expires = state.expires.to_string();
        restore(&mut there, name, &[expires.as_bytes(), &state.dump, b"ABSTTL"]);
    }
    there.run("SELECT 0");
    before.assert_same(&State::of(&mut there));
}

#[test]
fn restore_with_replace_overwrites_a_key_of_any_type() {
    let server = builder().start();
    let mut client = server.client();
    fill(&mut client);
    let original = KeyState::of(&mut client, b"merged");
    client.run("SET text abc");
    client.run("HSET hash a b");
    for key in ["text", "hash", "at-limit", "merged", "fresh"] {
        let ttl = client.run("PTTL merged").int().to_string();
        let call = [b"RESTORE".as_slice(), key.as_bytes(), ttl.as_bytes(), &original.dump];
        if key != "fresh" {
            assert!(client.call(&call).error().starts_with("BUSYKEY"), "{key}");
        }
        restore(&mut client, key.as_bytes(), &[ttl.as_bytes(), &original.dump, b"REPLACE"]);
        let restored = KeyState::of(&mut client, key.as_bytes());
        original.assert_same_value(key, &restored);
        let late = restored.expires - original.expires;
        assert!((0..TTL_TOLERANCE_MS).contains(&late), "{key} expires {late} ms late");
    }
}

#[test]
fn a_value_restored_without_expiry_gets_one_from_the_next_admitted_call() {
    let server = builder().start();
    let mut client = server.client();
    client.ratelimit("k 2 1h");
    let dump = client.run("DUMP k").bytes().to_vec();
    restore(&mut client, b"restored", &[b"0", &dump]);
    assert_eq!(client.run("PTTL restored").int(), -1);
    assert!(!client.ratelimit("restored 2 1h").limited);
    assert!((3_590_000..=3_600_000).contains(&client.run("PTTL restored").int()));
    assert!(client.ratelimit("restored 2 1h").limited);
}

#[test]
fn a_restored_value_survives_a_restart_from_the_aof() {
    let mut server = super::with_aof(false).start();
    let mut client = server.client();
    let mut workload = fill(&mut client);
    let state = KeyState::of(&mut client, b"merged");
    restore(&mut client, b"restored", &[b"3600000", &state.dump]);
    workload.line(&mut client, "restored 100000 1h");
    let before = State::of(&mut client);
    server.stop();
    server.start_again();
    before.assert_same(&State::of(&mut server.client()));
}

#[test]
fn a_copy_decides_like_the_original_and_then_counts_separately() {
    let server = builder().start();
    let mut client = server.client();
    fill(&mut client);
    let names: Vec<_> = State::of(&mut client).0.into_keys().filter(|(db, _)| *db == 0).collect();
    for (_, name) in names {
        let original = KeyState::of(&mut client, &name);
        for (db, options) in [(0, ""), (0, " REPLACE"), (1, " DB 1"), (1, " DB 1 REPLACE")] {
            let call = [vec![b"COPY".as_slice(), &name, b"copy"], words(options)].concat();
            assert_eq!(client.call(&call).int(), 1);
            client.run(&format!("SELECT {db}"));
            original.assert_same("the copy", &KeyState::of(&mut client, b"copy"));
            match original.kind.as_str() {
                "lw-bursts" => assert!(client.burst("copy 9007199254740991 1h").count > 1),
                _ => assert!(!client.ratelimit("copy 9007199254740991 1h COST 5").limited),
            }
            client.run("SELECT 0");
            original.assert_same("the original", &KeyState::of(&mut client, &name));
        }
        assert_eq!(client.call(&[b"COPY".as_slice(), &name, b"copy"]).int(), 0);
        client.run("DEL copy");
        client.run("SELECT 1");
        client.run("DEL copy");
        client.run("SELECT 0");
    }
}

#[test]
fn a_copy_of_a_persisted_key_expires_after_its_next_call() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 100 1h");
    client.run("PERSIST k");
    assert_eq!(client.run("COPY k copy").int(), 1);
    assert_eq!(client.run("PTTL copy").int(), -1);
    client.ratelimit("copy 100 1h");
    assert!((3_590_000..=3_600_000).contains(&client.run("PTTL copy").int()));
}

#[test]
fn a_renamed_key_keeps_its_state() {
    let server = builder().start();
    let mut client = server.client();
    fill(&mut client);
    let original = KeyState::of(&mut client, b"merged");
    client.run("SET at-limit-too text");
    assert_eq!(client.run("RENAME merged at-limit-too").text(), "OK");
    original.assert_same("at-limit-too", &KeyState::of(&mut client, b"at-limit-too"));
    let left = client.peek("at-limit-too 1000 1h COST 0").remaining;
    assert_eq!(client.ratelimit("at-limit-too 1000 1h").remaining, left - 1);
    assert_eq!(client.peek("merged 1000 1h COST 0"), untouched(1000));
}

fn untouched(limit: i64) -> Reply {
    Reply { limited: false, limit, remaining: limit, retry_after: 0, reset_after: 0 }
}

fn words(line: &'static str) -> Vec<&'static [u8]> {
    line.split_whitespace().map(str::as_bytes).collect()
}

#[track_caller]
fn restore(client: &mut Client, name: &[u8], rest: &[&[u8]]) {
    let call = [&[b"RESTORE".as_slice(), name], rest].concat();
    assert_eq!(client.call(&call), Value::Simple("OK".into()), "RESTORE {}", name.escape_ascii());
}
