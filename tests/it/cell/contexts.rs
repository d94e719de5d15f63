//! Calls in MULTI, in Lua, over RESP3, out of memory and on a replica.

use super::{builder, stopped, throttle};
use crate::hostile::refused;
use crate::support::Value;

#[test]
fn calls_of_one_transaction_see_each_other() {
    let (_server, mut client, _) = stopped();
    let line = "CL.THROTTLE k 1 60 60";
    let answers = client.multi(&[line, "CL.THROTTLE k x 1 1", line, line]).expect("nothing is watched");
    assert_eq!(answers[0].ints(), [0, 2, 1, -1, 1]);
    assert!(answers[1].error().starts_with("ERR max_burst 'x'"));
    assert_eq!(answers[2].ints(), [0, 2, 0, -1, 2]);
    assert_eq!(answers[3].ints(), [1, 2, 0, 1, 2]);
    client.run("MULTI");
    client.run("CL.THROTTLE discarded 1 60 60");
    client.run("DISCARD");
    assert_eq!(client.run("EXISTS discarded").int(), 0);
}

#[test]
fn a_script_gets_the_five_integers_or_the_error() {
    let (_server, mut client, _) = stopped();
    let script = "return redis.call('CL.THROTTLE', KEYS[1], 1, 60, ARGV[1])";
    let key: &[u8] = b"any \0 \xff key";
    for expected in [[0, 2, 1, -1, 1], [0, 2, 0, -1, 2], [1, 2, 0, 1, 2]] {
        let answer = client.call(&[b"EVAL", script.as_bytes(), b"1", key, b"60"]);
        assert_eq!(answer.ints(), expected);
    }
    let message = refused(&mut client, &["EVAL", script, "1", "k", "x\n"]);
    assert!(message.contains(r"period 'x\x0a' is not an integer"), "{message:?}");
    let message = refused(&mut client, &["EVAL_RO", script, "1", "k", "60"]);
    assert!(message.contains("Write commands are not allowed"), "{message:?}");
}

#[test]
fn the_reply_is_the_same_in_resp3() {
    let (_server, mut client, _) = stopped();
    assert_eq!(client.run("HELLO 3").field("proto").int(), 3);
    let expected = Value::Array([0, 5, 4, -1, 1].map(Value::Int).to_vec());
    assert_eq!(client.run("CL.THROTTLE k 4 60 60"), expected);
}

#[test]
fn a_server_without_memory_refuses() {
    let (_server, mut client, _) = stopped();
    throttle(&mut client, "k 4 60 60");
    client.run("CONFIG SET maxmemory 1");
    let message = refused(&mut client, &["CL.THROTTLE", "k", "4", "60", "60"]);
    assert!(message.starts_with("OOM "), "{message:?}");
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(throttle(&mut client, "k 4 60 60"), [0, 5, 3, -1, 2]);
}

#[test]
fn a_replica_refuses() {
    let primary = builder().start();
    let replica = builder().replica_of(&primary).start();
    throttle(&mut primary.client(), "k 4 1 3600");
    primary.wait_for_replica(&replica);
    let message = refused(&mut replica.client(), &["CL.THROTTLE", "k", "4", "1", "3600"]);
    assert!(message.starts_with("READONLY "), "{message:?}");
}

#[test]
fn a_user_needs_the_command_and_the_key() {
    let server = builder().start();
    let mut client = server.client();
    client.run("ACL SETUSER limiter on nopass resetkeys ~mine:* +cl.throttle");
    client.run("AUTH limiter x");
    assert!(!client.run("CL.THROTTLE mine:1 4 60 60").is_error());
    for line in ["CL.THROTTLE other 4 60 60", "LW.RATELIMIT mine:2 4 60"] {
        assert!(client.run(line).error().starts_with("NOPERM "), "{line}");
    }
}
