//! LW.TOP.

use crate::support::{Client, Server, Value, wait_until};

/// A key of the list.
#[derive(Debug, PartialEq)]
struct Listed {
    db: i64,
    key: Vec<u8>,
    denied: i64,
    error: i64,
}

#[track_caller]
fn listed(reply: &Value) -> Vec<Listed> {
    let of = |record: &Value| {
        assert_eq!(record.field("policy"), &Value::Nil);
        let Value::Bulk(key) = record.field("key") else { panic!("{record:?}") };
        let [db, denied, error] = ["db", "denied", "error"].map(|name| record.field(name).int());
        Listed { db, key: key.clone(), denied, error }
    };
    reply.items().iter().map(of).collect()
}

/// The keys of the list, in its order.
#[track_caller]
fn keys(client: &mut Client) -> Vec<String> {
    let keys = listed(&client.run("LW.TOP COUNT 10000"));
    keys.iter().map(|listed| String::from_utf8_lossy(&listed.key).into_owned()).collect()
}

/// Makes calls on `key` that are denied.
#[track_caller]
fn deny(client: &mut Client, key: &str, times: usize) {
    for _ in 0..times {
        assert!(client.ratelimit(&format!("{key} 0 60")).limited);
    }
}

#[test]
fn the_keys_denied_most_often_come_first() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.run("LW.TOP"), Value::Array(Vec::new()));
    client.stop_clock(1_790_000_000_000);
    for (key, times) in [("a", 2), ("b", 5), ("c", 1)] {
        deny(&mut client, key, times);
    }
    let expected = |key: &str, denied| Listed { db: 0, key: key.into(), denied, error: 0 };
    let reply = client.run("LW.TOP");
    assert_eq!(listed(&reply), [expected("b", 5), expected("a", 2), expected("c", 1)]);
    assert!(reply.items().iter().all(|record| record.field("last_ms").int() == 1_790_000_000_000));
    assert_eq!(listed(&client.run("lw.top count 1")), [expected("b", 5)]);
    client.run("HELLO 3");
    let maps = client.run("LW.TOP COUNT 2");
    assert!(maps.items().iter().all(|record| matches!(record, Value::Map(_))), "{maps:?}");
    assert_eq!(listed(&maps), [expected("b", 5), expected("a", 2)]);
}

#[test]
fn a_denial_counts_half_after_five_minutes_and_a_clock_that_steps_back_does_no_harm() {
    let server = Server::start();
    let mut client = server.client();
    let now = 1_790_000_000_000;
    client.stop_clock(now);
    deny(&mut client, "k", 8);
    for (later, denied) in [(0, 8), (300_000, 4), (600_000, 2), (900_000, 1)] {
        client.stop_clock(now + later);
        assert_eq!(listed(&client.run("LW.TOP"))[0].denied, denied, "{later} ms later");
    }
    client.stop_clock(now - 86_400_000);
    deny(&mut client, "k", 1);
    let top = client.run("LW.TOP");
    assert_eq!((listed(&top)[0].denied, top.items()[0].field("last_ms").int()), (9, now - 86_400_000));
    client.stop_clock(now + 86_400_000);
    assert_eq!(listed(&client.run("LW.TOP")), []);
    assert_eq!(client.info("lockwatch").number("lockwatch_top_keys"), 1);
}

#[test]
fn only_denied_calls_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 2 60 COST 2");
    client.peek("k 2 60");
    client.run("LW.RATELIMIT k nonsense 60");
    assert_eq!(client.run("LW.RATELIMIT forced 0 60 FORCE").ints()[0], 1);
    client.run("LW.BURST b 1 60");
    assert_eq!(keys(&mut client), [""; 0]);
    client.ratelimit("k 2 60");
    assert_eq!(keys(&mut client), ["k"]);
    client.run("LW.RATELIMIT k 2 60 WITHTIME");
    assert_eq!(listed(&client.run("LW.TOP"))[0].denied, 2);
    let info = client.info("lockwatch_top");
    assert_eq!((info.number("lockwatch_top_keys"), info.number("lockwatch_top_denials")), (1, 2));
}

#[test]
fn calls_in_transactions_scripts_and_other_databases_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SELECT 7");
    client.multi(&["LW.RATELIMIT k 0 60", "LW.RATELIMIT k 0 60", "LW.RATELIMIT k 0 60"]);
    let script = "redis.call('SELECT', 3) return redis.call('LW.RATELIMIT', KEYS[1], 0, 60)";
    for _ in 0..2 {
        assert_eq!(client.call(&["EVAL", script, "1", "k"]).ints()[0], 1);
    }
    client.run("SELECT 0");
    deny(&mut client, "k", 1);
    let found: Vec<_> = listed(&client.run("LW.TOP")).iter().map(|key| (key.db, key.denied)).collect();
    assert_eq!(found, [(7, 3), (3, 2), (0, 1)]);
    let in_multi = client.multi(&["LW.TOP COUNT 1"]).expect("nothing is watched");
    assert_eq!(listed(&in_multi[0])[0].db, 7);
    let in_script = client.call(&["EVAL_RO", "return redis.call('LW.TOP')", "0"]);
    assert_eq!(listed(&in_script).len(), 3);
}

#[test]
fn keys_may_hold_any_bytes_and_long_ones_are_shown_cut_but_counted_apart() {
    let server = Server::start();
    let mut client = server.client();
    let long = [b'k'; 300_000];
    let names: [&[u8]; 7] =
        [b"", b"\0", b"a\0b", b"line\r\nbreak", b"\xff\xfe", &long, &[&long[..], b"other"].concat()];
    for (n, name) in names.iter().enumerate() {
        for _ in 0..=n {
            assert_eq!(client.call(&[&b"LW.RATELIMIT"[..], name, b"0", b"60"]).ints()[0], 1);
        }
    }
    let listed = listed(&client.run("LW.TOP"));
    let expected: Vec<_> = names.iter().enumerate().rev().collect();
    assert_eq!(listed.len(), names.len());
    for (listed, (n, name)) in listed.iter().zip(expected) {
        assert_eq!(listed.key, name[..name.len().min(256)]);
        assert_eq!(listed.denied, n as i64 + 1);
    }
}

#[test]
fn malformed_calls_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    for (line, what) in [
        ("LW.TOP 5", "unknown option '5'"),
        ("LW.TOP COUNT", "COUNT has no value"),
        ("LW.TOP CUONT 5", "did you mean COUNT?"),
        ("LW.TOP COUNT 0", "count '0' is not an integer from 1 to 10000"),
        ("LW.TOP COUNT 10001", "count '10001' is not"),
        ("LW.TOP COUNT -1", "count '-1' is not"),
        ("LW.TOP COUNT 99999999999999999999999", "is not an integer"),
        ("LW.TOP COUNT 1 COUNT 1", "COUNT is given twice"),
    ] {
        let error = client.run(line);
        let error = error.error();
        assert!(error.starts_with("ERR ") && error.contains(what), "{line}: {error}");
        assert!(error.ends_with(": LW.TOP [COUNT n]"), "{error}");
    }
    for bytes in [&b"\0"[..], b"1\0", b"\xff", &[b'9'; 1 << 20]] {
        assert!(client.call(&[&b"LW.TOP"[..], b"COUNT", bytes]).is_error());
    }
}

#[test]
fn top_keys_bounds_the_list_and_a_new_value_starts_it_anew() {
    let server = Server::start();
    let mut client = server.client();
    client.set("top-keys", "2");
    for key in ["a", "a", "a", "b", "c"] {
        deny(&mut client, key, 1);
    }
    assert_eq!(keys(&mut client), ["a", "c"]);
    let newest = &listed(&client.run("LW.TOP"))[1];
    assert_eq!((newest.denied, newest.error), (2, 1), "c may have been denied once while b was listed");
    client.set("top-keys", "3");
    assert_eq!(keys(&mut client), [""; 0]);
    deny(&mut client, "a", 1);
    client.set("top-keys", "0");
    deny(&mut client, "a", 1);
    client.set("top-keys", "3");
    assert_eq!(keys(&mut client), [""; 0], "a list that misses denials is not shown again");
    client.set("top-keys", "0");
    deny(&mut client, "a", 1);
    assert_eq!(keys(&mut client), [""; 0]);
    assert_eq!(client.info("lockwatch_top").number("lockwatch_top_keys"), 0);
    client.set("top-keys", "10000");
    for n in 0..12_000 {
        deny(&mut client, &format!("k{n}"), 1);
    }
    assert_eq!(keys(&mut client).len(), 10_000);
    for bad in ["-1", "10001", "x", ""] {
        client.set_refused("top-keys", bad);
    }
}

#[test]
fn the_list_is_the_nodes_own_and_is_lost_when_it_restarts() {
    let mut primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.ratelimit("k 1 60");
    deny(&mut client, "k", 1);
    primary.wait_for_replica(&replica);
    assert_eq!(listed(&replica.client().run("LW.TOP")), []);
    let before = client.footprint();
    assert_eq!(keys(&mut client), ["k"]);
    assert_eq!(client.footprint(), before);
    client.run("FLUSHALL");
    assert_eq!(keys(&mut client), ["k"], "FLUSHALL leaves the list");
    // Not while the server saves for the replica.
    wait_until("the server saves", || !client.run("SAVE").is_error());
    primary.stop();
    primary.start_again();
    wait_until("the server answers", || primary.client().run("PING").text() == "PONG");
    assert_eq!(keys(&mut primary.client()), [""; 0]);
}
