//! LW.BURST in MULTI, in Lua, over RESP3, out of memory and on a replica, and what it notifies.

use super::{alerted, below, suppressed};
use crate::hostile::refused;
use crate::support::{Burst, Server, Value};

#[test]
fn calls_of_one_transaction_see_each_other() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client.multi(&["LW.BURST k 2 60", "LW.BURST k 0 60", "LW.BURST k 2 60", "LW.BURST k 2 60"]);
    let answers = answers.expect("nothing is watched");
    assert!(answers[1].error().starts_with("ERR threshold '0'"));
    assert_eq!([0, 2, 3].map(|i| Burst::of(&answers[i])), [below(1), alerted(2), suppressed(3)]);
    client.run("MULTI");
    client.run("LW.BURST discarded 1 60");
    client.run("DISCARD");
    assert_eq!(client.run("EXISTS discarded").int(), 0);
}

#[test]
fn a_script_gets_the_three_integers_or_the_error() {
    let server = Server::start();
    let mut client = server.client();
    let script = "return redis.call('LW.BURST', KEYS[1], 2, '1h', 'AGENT', ARGV[1])";
    let key: &[u8] = b"any \0 \xff key";
    for expected in [below(1), alerted(2), suppressed(3)] {
        let answer = client.call(&[b"EVAL", script.as_bytes(), b"1", key, b"\0\xff"]);
        assert_eq!(Burst::of(&answer), expected);
    }
    let malformed = "return redis.call('LW.BURST', KEYS[1], 'x\\n', 60)";
    let message = refused(&mut client, &["EVAL", malformed, "1", "k"]);
    assert!(message.contains(r"threshold 'x\x0a' is not an integer"), "{message:?}");
    let read_only = "return redis.call('LW.BURST', KEYS[1], 1, 60)";
    let message = refused(&mut client, &["EVAL_RO", read_only, "1", "k"]);
    assert!(message.contains("Write commands are not allowed"), "{message:?}");
}

#[test]
fn the_reply_is_the_same_in_resp3() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.run("HELLO 3").field("proto").int(), 3);
    assert_eq!(client.run("LW.BURST k 1 60"), Value::Array([1, 1, 1].map(Value::Int).to_vec()));
    assert_eq!(client.run("LW.BURST k 1 60"), Value::Array([1, 2, 0].map(Value::Int).to_vec()));
}

#[test]
fn a_server_without_memory_refuses_to_count() {
    let server = Server::start();
    let mut client = server.client();
    client.burst("k 10 1h");
    client.run("CONFIG SET maxmemory 1");
    let message = refused(&mut client, &["LW.BURST", "k", "10", "1h"]);
    assert!(message.starts_with("OOM "), "{message:?}");
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.burst("k 10 1h"), below(2));
}

#[test]
fn a_replica_does_not_count() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.client().burst("k 10 1h");
    primary.wait_for_replica(&replica);
    let message = refused(&mut replica.client(), &["LW.BURST", "k", "10", "1h"]);
    assert!(message.starts_with("READONLY "), "{message:?}");
}

#[test]
fn a_call_is_one_change_and_notifies_watchers_and_tracking_clients() {
    let server = Server::start();
    let (mut client, mut watcher) = (server.client(), server.client());
    client.burst("k 100 1h");
    let before = client.info("persistence").number("rdb_changes_since_last_save");
    watcher.run("HELLO 3");
    watcher.run("CLIENT TRACKING ON");
    watcher.run_all(&["DUMP k", "WATCH k"]);
    client.burst("k 100 1h");
    assert_eq!(client.info("persistence").number("rdb_changes_since_last_save"), before + 1);
    watcher.send(&["MULTI"]);
    let Value::Push(message) = watcher.read() else { panic!("no invalidation message") };
    assert_eq!((message[0].text(), message[1].texts()), ("invalidate".into(), vec!["k".to_owned()]));
    assert_eq!(watcher.read().text(), "OK");
    watcher.run("PING");
    assert_eq!(watcher.run("EXEC"), Value::Nil);
}
