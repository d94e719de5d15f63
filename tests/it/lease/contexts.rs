//! Leases in MULTI, in Lua, over RESP3, out of memory, under ACL.

use super::Acquired;
use crate::hostile::refused;
use crate::support::{Server, Value};

#[test]
fn calls_of_one_transaction_see_each_other() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client
        .multi(&[
            "LW.ACQUIRE k 1 60 ID a",
            "LW.ACQUIRE k 1 60",
            "LW.RENEW k a 1h",
            "LW.RELEASE k a",
            "LW.ACQUIRE k 1 60",
        ])
        .unwrap();
    assert_eq!([0, 1, 4].map(|n| Acquired::of(&answers[n]).acquired), [1, 0, 1]);
    assert_eq!([answers[2].int(), answers[3].int()], [1, 1]);
}

#[test]
fn a_script_gets_the_five_values_or_the_error() {
    let server = Server::start();
    let mut client = server.client();
    let script = "return redis.call('LW.ACQUIRE', KEYS[1], 1, '1h', 'ID', ARGV[1])";
    let key: &[u8] = b"any \0 \xff key";
    let answer = client.call(&[b"EVAL", script.as_bytes(), b"1", key, b"\0\xff"]);
    assert_eq!(Acquired::of(&answer).id, b"\0\xff");
    let denied = "return redis.call('LW.ACQUIRE', KEYS[1], 1, '1h')[1]";
    assert_eq!(client.call(&[b"EVAL", denied.as_bytes(), b"1", key]).int(), 0);
    let malformed = "return redis.call('LW.RENEW', KEYS[1], '', 60)";
    assert!(refused(&mut client, &["EVAL", malformed, "1", "k"]).contains("is not 1 to 64 bytes"));
}

#[test]
fn a_denied_call_has_a_null_as_its_id_in_resp3() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.run("HELLO 3").field("proto").int(), 3);
    client.acquired("k 1 1h");
    let denied = client.run("LW.ACQUIRE k 1 1h COST 2");
    assert_eq!(
        denied,
        Value::Array(vec![Value::Int(0), Value::Nil, Value::Int(1), Value::Int(-1), Value::Int(0)])
    );
}

#[test]
fn without_memory_only_new_leases_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    client.acquired("k 5 1h ID a");
    client.run("CONFIG SET maxmemory 1");
    assert!(refused(&mut client, &["LW.ACQUIRE", "k", "5", "1h"]).starts_with("OOM "));
    assert_eq!(client.renew("k a 2h"), 1);
    assert_eq!(client.release("k a"), 1);
}

#[test]
fn watch_sees_a_change_and_no_denied_call() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    client.acquired("k 1 1h ID a");
    client.run("WATCH k");
    assert_eq!(other.acquire("k 1 1h").acquired, 0);
    assert_eq!(other.renew("k a 1ms"), 1);
    assert!(client.multi(&["PING"]).is_some());
    client.run("WATCH k");
    assert_eq!(other.release("k a"), 1);
    assert!(client.multi(&["PING"]).is_none());
}
