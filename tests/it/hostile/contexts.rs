//! Calls inline, inside MULTI, from Lua, over RESP3, at maxmemory, and on a replica.

use super::{COMMANDS, malformed, refused, server_with_a_key};
use crate::support::{Reply, Server, Value};

#[test]
fn inline_commands_are_accepted() {
    let server = server_with_a_key();
    let mut client = server.client();
    client.send_bytes(b"lw.ratelimit held 10 1h\r\n");
    assert_eq!(client.read().ints()[..3], [0, 10, 6]);
    client.send_bytes(b"LW.PEEK \"held\" 10 '\\x00'\r\n");
    assert!(client.read().error().starts_with("ERR window "));
}

#[test]
fn a_malformed_call_in_a_transaction_does_not_affect_the_others() {
    let server = server_with_a_key();
    let mut client = server.client();
    let answers = client
        .multi(&["LW.RATELIMIT a 2 60", "LW.RATELIMIT a nonsense 60", "LW.PEEK a 2 x", "LW.RATELIMIT a 2 60"])
        .unwrap();
    assert_eq!(Reply::of(&answers[0]).remaining, 1);
    assert!(answers[1].error().starts_with("ERR "));
    assert!(answers[2].error().starts_with("ERR window 'x'"));
    assert_eq!(Reply::of(&answers[3]).remaining, 0);
}

#[test]
fn a_call_with_too_few_arguments_aborts_the_transaction() {
    let server = server_with_a_key();
    let mut client = server.client();
    client.run("MULTI");
    assert_eq!(client.run("LW.RATELIMIT a 2 60").text(), "QUEUED");
    assert!(client.run("LW.RATELIMIT a").error().contains("wrong number of arguments"));
    assert!(client.run("EXEC").error().starts_with("EXECABORT"));
    assert_eq!(client.run("EXISTS a").int(), 0);
}

#[test]
fn calls_in_one_transaction_see_each_others_effects() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client.multi(&["LW.RATELIMIT a 3 60 COST 2"; 3]).unwrap();
    let limited: Vec<bool> = answers.iter().map(|answer| Reply::of(answer).limited).collect();
    assert_eq!(limited, [false, true, true]);
    client.run("MULTI");
    client.run("LW.RATELIMIT b 1 60");
    client.run("DISCARD");
    assert_eq!(client.run("EXISTS b").int(), 0);
}

#[test]
fn a_script_gets_the_five_integers() {
    let server = Server::start();
    let mut client = server.client();
    let script = "return redis.call('LW.RATELIMIT', KEYS[1], ARGV[1], ARGV[2])";
    for limited in [0, 0, 1] {
        let key: &[u8] = b"any \0 \xff key";
        let answer = client.call(&[b"EVAL", script.as_bytes(), b"1", key, b"2", b"1h"]);
        assert_eq!(answer.ints()[..2], [limited, 2]);
    }
    let sum = "local r = redis.call('LW.PEEK', KEYS[1], 10, '60s', 'COST', 4) return r[3] + r[5]";
    assert_eq!(client.call(&["EVAL", sum, "1", "fresh"]).int(), 60_006);
}

#[test]
fn a_script_that_makes_a_malformed_call_gets_the_error() {
    let server = server_with_a_key();
    let mut client = server.client();
    for (command, syntax) in COMMANDS {
        let call = format!("return redis.call('{command}', KEYS[1], 'x\\n', 60)");
        let message = refused(&mut client, &["EVAL", &call, "1", "held"]);
        assert!(message.contains(syntax), "{message:?}");
        let caught =
            format!("local e = redis.pcall('{command}', KEYS[1], 1, '1\\0') return 'caught ' .. e.err");
        let caught = client.call(&["EVAL", &caught, "1", "held"]).text();
        assert!(caught.starts_with(r"caught ERR window '1\x00' is not a duration"), "{caught:?}");
        let few = format!("return redis.pcall('{command}', KEYS[1])");
        assert!(client.call(&["EVAL", &few, "1", "held"]).is_error());
    }
    client.run("SET other text");
    let message =
        refused(&mut client, &["EVAL", "return redis.call('LW.PEEK', KEYS[1], 1, 1)", "1", "other"]);
    assert!(message.starts_with("WRONGTYPE"), "{message:?}");
}

#[test]
fn a_read_only_script_may_only_peek() {
    let server = server_with_a_key();
    let mut client = server.client();
    let peek = "return redis.call('LW.PEEK', KEYS[1], 10, '1h', 'COST', 0)";
    assert_eq!(client.call(&["EVAL_RO", peek, "1", "held"]).ints()[2], 7);
    let message =
        refused(&mut client, &["EVAL_RO", "return redis.call('LW.RATELIMIT', KEYS[1], 10, 60)", "1", "held"]);
    assert!(message.contains("Write commands are not allowed"), "{message:?}");
}

#[test]
fn replies_and_errors_are_the_same_in_resp3() {
    let server = server_with_a_key();
    let mut client = server.client();
    assert_eq!(client.run("HELLO 3").field("proto").int(), 3);
    assert_eq!(
        client.run("LW.RATELIMIT k 2 60"),
        Value::Array([0, 2, 1, 0, 60_000].map(Value::Int).to_vec())
    );
    assert_eq!(client.run("LW.PEEK k 2 60 COST 3").ints()[..4], [1, 2, 1, -1]);
    malformed(&mut client, &[b"1\n", b"60"], r"limit '1\x0a' is not an integer");
    client.run("SET other text");
    for (command, _) in COMMANDS {
        assert!(refused(&mut client, &[command, "other", "1", "60"]).starts_with("WRONGTYPE "));
    }
    let in_lua = "redis.setresp(3) return redis.call('LW.PEEK', KEYS[1], 5, 1)";
    assert_eq!(client.call(&["EVAL", in_lua, "1", "fresh"]).ints(), [0, 5, 4, 0, 1_000]);
}

#[test]
fn at_maxmemory_recording_is_refused_and_peeking_works() {
    let server = server_with_a_key();
    let mut client = server.client();
    assert_eq!(client.run("CONFIG SET maxmemory 1").text(), "OK");
    let message = refused(&mut client, &["LW.RATELIMIT", "held", "10", "1h"]);
    assert!(message.starts_with("OOM "), "{message:?}");
    assert_eq!(client.peek("held 10 1h COST 0").remaining, 7);
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.ratelimit("held 10 1h").remaining, 6);
}

#[test]
fn a_replica_peeks_and_refuses_to_record() {
    let primary = server_with_a_key();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = replica.client();
    assert_eq!(client.peek("held 10 1h COST 0").remaining, 7);
    assert!(client.peek("held 3 1h").limited);
    let message = refused(&mut client, &["LW.RATELIMIT", "held", "10", "1h"]);
    assert!(message.starts_with("READONLY "), "{message:?}");
}
