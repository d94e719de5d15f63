//! LW.INSPECT.

use crate::support::tokens::{Algorithm, issuer};
use crate::support::{Client, Server, Value, wait_until};

/// A time at which a test can stop the clock: later than the server's own, by which keys expire.
fn tomorrow(client: &mut Client) -> i64 {
    client.time_ms() + 86_400_000
}

/// The fields of a record with an integer each, by name.
#[track_caller]
fn ints<const N: usize>(record: &Value, names: [&str; N]) -> [i64; N] {
    names.map(|name| record.field(name).int())
}

/// `window_ms`, `used`, `first_free_ms` and `reset_ms` of each window.
#[track_caller]
fn windows(record: &Value) -> Vec<[i64; 4]> {
    let windows = record.field("windows").items().iter();
    windows.map(|window| ints(window, ["window_ms", "used", "first_free_ms", "reset_ms"])).collect()
}

#[track_caller]
fn inspect(client: &mut Client, key: &str) -> Value {
    let record = client.run(&format!("LW.INSPECT {key}"));
    assert!(matches!(record, Value::Array(_) | Value::Map(_)), "{record:?}");
    record
}

#[test]
fn a_key_with_one_or_two_hits_is_in_the_compact_form() {
    let server = Server::start();
    let mut client = server.client();
    let now = tomorrow(&mut client);
    let bytes = |client: &mut Client, at| {
        client.stop_clock(now + at);
        assert!(!client.ratelimit("k 100 1s 100 1m 100 1h 100 1d").limited);
        inspect(client, "k").field("bytes").int()
    };
    // The allocator may add something. The general form takes more than 112.
    assert!(bytes(&mut client, 0) < 112);
    assert!(bytes(&mut client, 500) < 112);
    assert!(bytes(&mut client, 1_000) > 112, "three hits");
    assert!(bytes(&mut client, 3 * 86_400_000) < 112, "all earlier hits have expired");
}

#[test]
fn a_limiter_key_shows_each_window() {
    let server = Server::start();
    let mut client = server.client();
    let now = tomorrow(&mut client);
    for (at, cost) in [(0, 2), (400, 1), (9_000, 4)] {
        client.stop_clock(now + at);
        assert!(!client.ratelimit(&format!("k 100 1s 100 1m COST {cost}")).limited);
    }
    client.stop_clock(now + 9_500);
    let record = inspect(&mut client, "k");
    assert_eq!(record.field("type").text(), "limiter");
    assert_eq!(windows(&record), [[1_000, 4, 500, 500], [60_000, 7, 50_500, 59_500]]);
    assert_eq!(ints(&record, ["entries", "expires_ms"]), [3, client.run("PEXPIRETIME k").int()]);
    let (bytes, usage) = (record.field("bytes").int(), client.run("MEMORY USAGE k").int());
    // Some servers do not count the key.
    assert!((64..=usage).contains(&bytes), "{bytes} of {usage}");
    client.stop_clock(now + 10_000);
    assert_eq!(windows(&inspect(&mut client, "k")), [[1_000, 0, 0, 0], [60_000, 7, 50_000, 59_000]]);
    client.stop_clock(now - 5_000);
    assert_eq!(
        windows(&inspect(&mut client, "k")),
        [[1_000, 7, 1_000, 1_000], [60_000, 7, 60_000, 60_000]],
        "after a step back of the clock, as the next call would see it"
    );
}

#[test]
fn the_windows_agree_with_lw_peek() {
    let server = Server::start();
    let mut client = server.client();
    let now = tomorrow(&mut client);
    let mut random = 7_u64;
    for n in 0..400 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        client.stop_clock(now + n * 37 + (random >> 60) as i64);
        client.run(&format!("LW.RATELIMIT k 60 500ms 90 3s 500 10s COST {}", 1 + (random >> 40) % 5));
        for [window, used, first_free, reset] in windows(&inspect(&mut client, "k")) {
            let state = client.peek(&format!("k 1000000 {window}ms COST 0"));
            assert_eq!((1_000_000 - state.remaining, state.reset_after), (used, reset));
            // A call that fits as soon as one unit leaves.
            if used > 0 {
                let next = client.peek(&format!("k {used} {window}ms"));
                assert_eq!((next.limited, next.retry_after), (true, first_free));
            }
        }
    }
}

#[test]
fn a_burst_key_shows_its_cooldown() {
    let server = Server::start();
    let mut client = server.client();
    let now = tomorrow(&mut client);
    client.stop_clock(now);
    client.burst("b 3 10s COOLDOWN 30s");
    let record = inspect(&mut client, "b");
    assert_eq!(record.field("type").text(), "burst");
    assert_eq!(windows(&record), [[10_000, 1, 10_000, 10_000]]);
    assert_eq!(ints(&record, ["entries", "cooldown_until_ms"]), [1, -1]);
    assert!(!client.burst("b 3 10s COOLDOWN 30s").alerted && client.burst("b 3 10s COOLDOWN 30s").alerted);
    assert_eq!(ints(&inspect(&mut client, "b"), ["cooldown_until_ms"]), [now + 30_000]);
    client.stop_clock(now + 30_000);
    let record = inspect(&mut client, "b");
    assert_eq!((windows(&record), ints(&record, ["cooldown_until_ms"])), (vec![[10_000, 0, 0, 0]], [-1]));
}

#[test]
fn leases_show_counts_only() {
    let server = Server::start();
    let mut client = server.client();
    let now = tomorrow(&mut client);
    client.stop_clock(now);
    for (id, cost, ttl) in [("a", 1, 10), ("b", 3, 20), ("c", 5, 30)] {
        let line = format!("LW.ACQUIRE jobs 100 {ttl} ID {id} COST {cost}");
        assert!(!client.run(&line).is_error(), "{line}");
    }
    let record = inspect(&mut client, "jobs");
    assert_eq!(record.field("type").text(), "leases");
    assert_eq!(ints(&record, ["entries", "leases", "in_use"]), [3, 3, 9]);
    assert_eq!(record.field("expires_ms").int(), client.run("PEXPIRETIME jobs").int());
    client.stop_clock(now + 20_000);
    assert_eq!(ints(&inspect(&mut client, "jobs"), ["entries", "leases", "in_use"]), [3, 1, 5]);
}

#[test]
fn a_token_store_shows_counts_only() {
    let (_keys, server) = issuer(Algorithm::Hs256);
    let mut client = server.client();
    for subject in ["alice", "alice", "bob"] {
        client.issue(&format!("auth {subject}"));
    }
    let record = inspect(&mut client, "auth");
    assert_eq!(record.field("type").text(), "tokens");
    assert_eq!(ints(&record, ["entries", "sessions"]), [3, 3]);
    assert_eq!(record.field("expires_ms").int(), client.run("PEXPIRETIME auth").int());
    assert!(record.field("bytes").int() > 300, "{record:?}");
    assert!(!format!("{record:?}").contains("alice"));
    client.move_clock(8 * 86_400_000);
    client.run("PERSIST auth");
    assert_eq!(ints(&inspect(&mut client, "auth"), ["entries", "sessions", "expires_ms"]), [3, 0, -1]);
}

#[test]
fn a_missing_or_expired_key_is_nil_and_another_type_is_an_error() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.run("LW.INSPECT nothing"), Value::Nil);
    client.ratelimit("k 5 1ms");
    wait_until("the key is gone", || client.run("LW.INSPECT k") == Value::Nil);
    for line in ["SET text x", "RPUSH list x", "HSET hash a b", "XADD stream * a b", "SADD set a"] {
        client.run(line);
        let key = line.split(' ').nth(1).expect("its key");
        assert!(client.run(&format!("LW.INSPECT {key}")).error().starts_with("WRONGTYPE "), "{line}");
    }
    for line in ["LW.INSPECT", "LW.INSPECT k k2"] {
        assert!(client.run(line).error().contains("wrong number of arguments"), "{line}");
    }
    for name in [&b""[..], b"\0", b"a\0b", b"\xff\r\n", &[b'k'; 100_000]] {
        assert_eq!(client.call(&[&b"LW.INSPECT"[..], name]), Value::Nil);
        client.call(&[&b"LW.RATELIMIT"[..], name, b"5", b"60"]);
        assert_eq!(client.call(&[&b"LW.INSPECT"[..], name]).field("entries").int(), 1);
    }
}

#[test]
fn it_changes_nothing_that_can_be_seen() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 5 1h 9 1d COST 3");
    wait_until("the key is idle", || client.run("OBJECT IDLETIME k").int() >= 1);
    let hits = |client: &mut Client| {
        ["keyspace_hits", "keyspace_misses"].map(|field| client.info("stats").number(field))
    };
    let counted = hits(&mut client);
    let before = (client.footprint(), client.run("DUMP k"), client.run("PEXPIRETIME k"));
    let after_dump = hits(&mut client);
    for _ in 0..20 {
        inspect(&mut client, "k");
        assert_eq!(client.run("LW.INSPECT nothing"), Value::Nil);
    }
    if server.is_at_least((7, 2), (7, 2)) {
        assert_eq!(hits(&mut client), after_dump, "{counted:?} before");
    }
    assert_eq!((client.footprint(), client.run("DUMP k"), client.run("PEXPIRETIME k")), before);
    let mut watcher = server.client();
    watcher.run("WATCH k");
    inspect(&mut client, "k");
    assert!(watcher.multi(&["PING"]).is_some());
}

#[test]
fn idle_time_and_frequency_stay() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 5 1h");
    wait_until("the key is idle", || client.run("OBJECT IDLETIME k").int() >= 1);
    inspect(&mut client, "k");
    assert!(client.run("OBJECT IDLETIME k").int() >= 1);
    client.peek("k 5 1h");
    assert_eq!(client.run("OBJECT IDLETIME k").int(), 0, "a peek touches it");
    client.run("CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0");
    client.ratelimit("f 5 1h");
    let frequency = client.run("OBJECT FREQ f").int();
    (0..20).for_each(|_| drop(inspect(&mut client, "f")));
    assert_eq!(client.run("OBJECT FREQ f").int(), frequency);
    client.peek("f 5 1h");
    assert!(client.run("OBJECT FREQ f").int() > frequency, "a peek counts");
}

#[test]
fn it_works_on_replicas_in_transactions_and_scripts_and_over_resp3() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.run("SELECT 5");
    client.ratelimit("k 5 1h COST 3");
    primary.wait_for_replica(&replica);
    let mut reader = replica.client();
    reader.run("SELECT 5");
    for client in [&mut client, &mut reader] {
        let used = |record: &Value| windows(record)[0][1];
        assert_eq!(used(&inspect(client, "k")), 3);
        assert_eq!(used(&client.multi(&["LW.INSPECT k"]).expect("nothing is watched")[0]), 3);
        assert_eq!(used(&client.call(&["EVAL_RO", "return redis.call('LW.INSPECT', KEYS[1])", "1", "k"])), 3);
        client.run("HELLO 3");
        let record = inspect(client, "k");
        assert!(
            matches!(record, Value::Map(_)) && matches!(record.field("windows").items()[0], Value::Map(_))
        );
        assert_eq!(used(&record), 3);
    }
    assert_eq!(client.run("COMMAND GETKEYS LW.INSPECT k").texts(), ["k"]);
}
