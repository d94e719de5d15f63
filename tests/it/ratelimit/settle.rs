//! LW.SETTLE.

use super::refused_arguments;
use crate::support::{Client, Server, Value, wait_until};

#[track_caller]
fn record(client: &mut Client, args: &str) -> i64 {
    client.run(&format!("LW.RATELIMIT {args} WITHTIME")).ints()[5]
}

#[track_caller]
fn settle(client: &mut Client, args: &str, at: i64) -> Vec<i64> {
    client.run(&format!("LW.SETTLE {args} AT {at}")).ints()
}

/// Returns the units that `k` holds in an hour.
#[track_caller]
fn used(client: &mut Client, key: &str) -> i64 {
    1_000_000 - client.peek(&format!("{key} 1000000 1h COST 0")).remaining
}

#[test]
fn what_was_too_much_goes_back() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 1000 1h COST 800");
    assert_eq!(settle(&mut client, "k 800 650", at), [150, 0, 0]);
    assert_eq!(used(&mut client, "k"), 650);
    assert_eq!(settle(&mut client, "k 650 0", at), [650, 0, 0]);
    assert_eq!(client.run("EXISTS k").int(), 0);
}

#[test]
fn what_was_too_little_is_recorded_even_beyond_the_limit() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 1000 1m 1000 1h COST 800");
    let (answer, now) = client.timed(&format!("LW.SETTLE k 800 1300 AT {at}"));
    let answer = answer.ints();
    assert_eq!(answer[..2], [0, 500]);
    assert!(now.contains(answer[2]), "{answer:?} at {now:?}");
    assert_eq!(used(&mut client, "k"), 1300);
    assert!(client.ratelimit("k 1000 1m").limited, "the excess is in every window");
    assert_eq!(client.run(&format!("LW.REFUND k 9 AT {}", answer[2])).int(), 9, "its time finds it");
}

#[test]
fn a_call_that_used_what_it_reserved_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 1000 1h COST 8");
    let before = client.footprint();
    assert_eq!(settle(&mut client, "k 8 8", at), [0, 0, 0]);
    assert_eq!(settle(&mut client, "k 0 0", at), [0, 0, 0]);
    assert_eq!(settle(&mut client, "k 8 3", at + 1), [0, 0, 0], "no entry");
    assert_eq!(settle(&mut client, "missing 8 3", at), [0, 0, 0]);
    assert_eq!(settle(&mut client, "missing 8 30", at), [0, 0, 0], "a key that is not there has no window");
    assert_eq!(client.footprint(), before);
    let mut watcher = server.client();
    watcher.run("WATCH k");
    settle(&mut client, "k 8 8", at);
    assert!(watcher.multi(&["PING"]).is_some());
    watcher.run("WATCH k");
    settle(&mut client, "k 8 9", at);
    assert!(watcher.multi(&["PING"]).is_none());
}

#[test]
fn the_excess_is_recorded_although_the_reservation_is_gone() {
    let server = Server::start();
    let mut client = server.client();
    record(&mut client, "k 1000 1h COST 8");
    assert_eq!(settle(&mut client, "k 8 20", 0)[..2], [0, 12]);
    assert_eq!(used(&mut client, "k"), 20);
}

#[test]
fn the_excess_extends_the_expiry() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 1000 60 COST 8");
    let before = client.run("PEXPIRETIME k").int();
    wait_until("the clock moves on", || client.time_ms() > at + 5);
    assert_eq!(settle(&mut client, "k 8 9", at)[1], 1);
    assert!(client.run("PEXPIRETIME k").int() > before);
}

#[test]
fn a_settlement_is_never_refused_for_memory() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 1000 1h COST 8");
    client.run("CONFIG SET maxmemory 1");
    assert_eq!(settle(&mut client, "k 8 10", at)[..2], [0, 2]);
    assert_eq!(settle(&mut client, "k 8 3", at)[..2], [5, 0]);
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(used(&mut client, "k"), 5);
}

#[test]
fn copies_settle_alike_and_a_kill_loses_nothing() {
    let mut server = Server::builder().config("appendonly yes").config("appendfsync always").start();
    let replica = Server::builder().config("lockwatch.window-max-entries 4000").replica_of(&server).start();
    server.wait_for_replica(&replica);
    let mut client = server.client();
    for i in 0..60 {
        let at = record(&mut client, "k 100000 1m 100000 1h 100000 5ms COST 50");
        settle(&mut client, &format!("k 50 {}", (i * 37) % 100), at);
    }
    let at = record(&mut client, "gone 100 1h COST 50");
    settle(&mut client, "gone 50 0", at);
    let dump = client.run("DUMP k");
    server.wait_for_replica(&replica);
    assert_eq!(replica.client().run("DUMP k"), dump);
    assert_eq!(replica.client().run("EXISTS gone").int(), 0);
    assert!(replica.client().run("LW.SETTLE k 1 0 AT 1").error().starts_with("READONLY"));
    server.kill();
    server.start_again();
    assert_eq!(server.client().run("DUMP k"), dump);
    assert_eq!(server.client().run("EXISTS gone").int(), 0);
}

#[test]
fn transactions_scripts_and_resp3_get_the_three_integers() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 1000 1h COST 90");
    let call = format!("LW.SETTLE k 10 8 AT {at}");
    let answers = client.multi(&[&call, &call]).expect("nothing is watched");
    assert_eq!(answers[1].ints(), [2, 0, 0]);
    let script = "return redis.call('LW.SETTLE', KEYS[1], 10, 15, 'AT', ARGV[1])";
    assert_eq!(client.call(&["EVAL", script, "1", "k", &at.to_string()]).ints()[..2], [0, 5]);
    client.run("HELLO 3");
    assert_eq!(client.run(&call), Value::Array(vec![Value::Int(2), Value::Int(0), Value::Int(0)]));
}

#[test]
fn another_type_and_malformed_arguments_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET text x");
    assert!(client.run("LW.SETTLE text 1 1 AT 1").error().starts_with("WRONGTYPE"));
    let units = "is not an integer from 0 to 4294967295: LW.SETTLE key reserved actual AT ms";
    for text in ["-1", "4294967296", "1.0", "", "nan", "18446744073709551616", "1\0"] {
        refused_arguments(&mut client, &["LW.SETTLE", "k", text, "1", "AT", "1"], units);
        refused_arguments(&mut client, &["LW.SETTLE", "k", "1", text, "AT", "1"], units);
    }
    for text in ["-1", "", "253402300800000", "1\0"] {
        refused_arguments(
            &mut client,
            &["LW.SETTLE", "k", "1", "2", "AT", text],
            "is not a time in Unix milliseconds",
        );
    }
    refused_arguments(&mut client, &["LW.SETTLE", "k", "1", "2", "ATT", "1"], "did you mean AT?");
    refused_arguments(&mut client, &["LW.SETTLE", "k", "1", "AT", "1"], "wrong number of arguments");
}

#[test]
fn the_highest_numbers_are_settled_exactly() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 9007199254740991 1h COST 4294967295");
    assert_eq!(settle(&mut client, "k 4294967295 1", at), [4_294_967_294, 0, 0]);
    assert_eq!(settle(&mut client, "k 0 4294967295", at)[..2], [0, 4_294_967_295]);
    assert_eq!(client.peek("k 9007199254740991 1h COST 0").remaining, 9_007_199_254_740_991 - (1 << 32));
}
