//! LW.REFUND.

use super::{admitted, refused_arguments};
use crate::support::{Client, Server, Value, wait_until};

/// Records units and returns the time under which they stand.
#[track_caller]
fn record(client: &mut Client, args: &str) -> i64 {
    let answer = client.run(&format!("LW.RATELIMIT {args} WITHTIME")).ints();
    assert_eq!(answer[0], 0, "{answer:?}");
    answer[5]
}

/// Like [`record`], in a later millisecond than all calls before.
#[track_caller]
fn record_later(client: &mut Client, args: &str) -> i64 {
    let before = client.time_ms();
    wait_until("the clock moves on", || client.time_ms() > before);
    record(client, args)
}

#[track_caller]
fn refund(client: &mut Client, key: &str, units: i64, at: i64) -> i64 {
    client.run(&format!("LW.REFUND {key} {units} AT {at}")).int()
}

#[test]
fn units_go_back_to_the_limit() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 10 1h COST 8");
    assert_eq!(refund(&mut client, "k", 5, at), 5);
    assert_eq!(client.ratelimit("k 10 1h COST 7"), admitted(10, 0, 3_600_000));
    assert!(client.ratelimit("k 10 1h").limited);
}

#[test]
fn a_refund_gives_back_at_most_what_that_millisecond_holds() {
    let server = Server::start();
    let mut client = server.client();
    let first = record(&mut client, "k 100 1h COST 8");
    let second = record_later(&mut client, "k 100 1h COST 20");
    record_later(&mut client, "k 100 1h COST 1");
    assert_eq!(refund(&mut client, "k", 5, first), 5);
    assert_eq!(refund(&mut client, "k", 5, first), 3);
    assert_eq!(refund(&mut client, "k", 5, first), 0);
    assert_eq!(refund(&mut client, "k", 4_294_967_295, second), 20);
    assert_eq!(client.peek("k 100 1h COST 0").remaining, 99);
}

#[test]
fn the_key_is_deleted_with_its_last_unit() {
    let server = Server::start();
    let mut client = server.client();
    let first = record(&mut client, "k 10 1h COST 2");
    let second = record_later(&mut client, "k 10 1h COST 3");
    assert_eq!(refund(&mut client, "k", 3, second), 3);
    assert_eq!(client.run("EXISTS k").int(), 1);
    let reset = client.peek("k 10 1h COST 0").reset_after;
    assert!(reset <= 3_600_000 - (second - first), "the entry before is the newest again: {reset}");
    assert_eq!(refund(&mut client, "k", 3, first), 2);
    assert_eq!(client.run("EXISTS k").int(), 0);
    assert_eq!(refund(&mut client, "k", 1, first), 0);
    assert_eq!(client.ratelimit("k 10 1h"), admitted(10, 9, 3_600_000));
}

#[test]
fn a_value_whose_newest_entry_went_back_saves_loads_and_goes_on() {
    let server = Server::start();
    let mut client = server.client();
    let first = record(&mut client, "k 10 1h COST 2");
    let second = record_later(&mut client, "k 10 1h COST 3");
    assert_eq!(refund(&mut client, "k", 3, second), 3);
    let dump = client.run("DUMP k");
    client.run("DEBUG RELOAD");
    assert_eq!(client.run("DUMP k"), dump);
    let copy = [&b"RESTORE"[..], b"copy", b"0", dump.bytes()];
    assert_eq!(client.call(&copy).text(), "OK");
    for key in ["k", "copy"] {
        assert_eq!(client.ratelimit(&format!("{key} 10 1h COST 8")), admitted(10, 0, 3_600_000));
        assert_eq!(refund(&mut client, key, 9, first), 2);
        assert_eq!(client.peek(&format!("{key} 10 1h COST 0")).remaining, 2);
    }
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn units_go_back_only_while_the_longest_window_sees_them() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.time_ms();
    let stop =
        |client: &mut Client, ms: i64| assert_eq!(client.run(&format!("LW.DEBUG STOP {ms}")).text(), "OK");
    stop(&mut client, now);
    record(&mut client, "k 10 1m 100 1h COST 4");
    stop(&mut client, now + 3_599_999);
    record(&mut client, "k 10 1m 100 1h COST 5");
    assert_eq!(refund(&mut client, "k", 1, now), 1, "the short window sees it no more");
    stop(&mut client, now + 3_600_000);
    assert_eq!(refund(&mut client, "k", 1, now), 0);
    // The clock steps back and a call moves the later units: they have a new time.
    stop(&mut client, now + 1000);
    record(&mut client, "k 100 1h COST 2");
    assert_eq!(refund(&mut client, "k", 9, now + 3_599_999), 0);
    assert_eq!(refund(&mut client, "k", 9, now + 1000), 7);
}

#[test]
fn a_refund_of_nothing_writes_replicates_and_signals_nothing() {
    let server = Server::start();
    let replica = Server::builder().replica_of(&server).start();
    server.wait_for_replica(&replica);
    let mut client = server.client();
    let at = record(&mut client, "k 10 1h COST 2");
    let before = client.footprint();
    for (key, at) in [("k", at + 1), ("k", at - 1), ("k", 0), ("missing", at)] {
        assert_eq!(refund(&mut client, key, 1, at), 0);
        assert_eq!(client.footprint(), before);
    }
    let aborted = |line: String| {
        let mut watcher = server.client();
        watcher.run("WATCH k");
        assert!(!server.client().run(&line).is_error());
        watcher.multi(&["PING"]).is_none()
    };
    assert!(!aborted(format!("LW.REFUND k 1 AT {}", at + 1)));
    assert!(aborted(format!("LW.REFUND k 1 AT {at}")));
    assert!(aborted(format!("LW.REFUND k 1 AT {at}")), "the refund that deletes the key");
}

#[test]
fn a_replica_applies_the_same_refunds() {
    let server = Server::builder().config("lockwatch.window-max-entries 8").start();
    let replica = Server::builder().config("lockwatch.window-max-entries 4000").replica_of(&server).start();
    server.wait_for_replica(&replica);
    let mut client = server.client();
    let times: Vec<_> = (0..40).map(|_| record_later(&mut client, "k 1000 1h 1000 200ms COST 3")).collect();
    for at in times.iter().step_by(3) {
        refund(&mut client, "k", 2, *at);
    }
    let gone = record(&mut client, "gone 5 1h COST 3");
    refund(&mut client, "gone", 3, gone);
    server.wait_for_replica(&replica);
    let mut copy = replica.client();
    assert_eq!(copy.run("DUMP k"), client.run("DUMP k"));
    assert_eq!(copy.run("EXISTS gone").int(), 0);
    assert!(copy.run(&format!("LW.REFUND k 1 AT {}", times[39])).error().starts_with("READONLY"));
}

#[test]
fn refunds_survive_a_kill_and_a_rewrite_of_the_aof() {
    for preamble in ["yes", "no"] {
        let builder = Server::builder().config("appendonly yes").config("appendfsync always");
        let mut server = builder.config(format!("aof-use-rdb-preamble {preamble}")).start();
        let mut client = server.client();
        let times: Vec<_> = (0..20).map(|_| record_later(&mut client, "k 1000 1h COST 3")).collect();
        times.iter().rev().step_by(2).for_each(|at| assert_eq!(refund(&mut client, "k", 3, *at), 3));
        let gone = record(&mut client, "gone 5 1h COST 3");
        refund(&mut client, "gone", 3, gone);
        let dump = client.run("DUMP k");
        server.kill();
        server.start_again();
        assert_eq!(server.client().run("DUMP k"), dump);
        assert_eq!(server.client().run("EXISTS gone").int(), 0);
        server.client().run("BGREWRITEAOF");
        server.client().wait_for_aof_rewrite();
        server.kill();
        server.start_again();
        let mut client = server.client();
        assert_eq!(client.run("DUMP k"), dump);
        assert_eq!(refund(&mut client, "k", 9, times[0]), 3);
    }
}

#[test]
fn a_refund_is_never_refused_for_memory() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 10 1h COST 2");
    client.run("CONFIG SET maxmemory 1");
    assert!(client.run("LW.RATELIMIT k 10 1h").error().starts_with("OOM "));
    assert_eq!(refund(&mut client, "k", 1, at), 1);
    assert_eq!(refund(&mut client, "k", 1, at), 1);
    assert_eq!(client.run("EXISTS k").int(), 0);
}

#[test]
fn transactions_scripts_and_resp3_get_the_number() {
    let server = Server::start();
    let mut client = server.client();
    let at = record(&mut client, "k 10 1h COST 9");
    let call = format!("LW.REFUND k 2 AT {at}");
    let answers = client.multi(&[&call, &call]).expect("nothing is watched");
    assert_eq!(answers.iter().map(Value::int).collect::<Vec<_>>(), [2, 2]);
    let script = "return redis.call('LW.REFUND', KEYS[1], 2, 'AT', ARGV[1])";
    assert_eq!(client.call(&["EVAL", script, "1", "k", &at.to_string()]).int(), 2);
    client.run("HELLO 3");
    assert_eq!(client.run(&call.replace("AT", "at")), Value::Int(2));
    assert_eq!(client.run(&call), Value::Int(1));
}

#[test]
fn another_type_and_malformed_arguments_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET text x");
    client.run("LW.BURST calls 5 1h");
    for key in ["text", "calls"] {
        assert!(client.run(&format!("LW.REFUND {key} 1 AT 1")).error().starts_with("WRONGTYPE"), "{key}");
    }
    let units = "is not an integer from 1 to 4294967295: LW.REFUND key units AT ms";
    for text in ["0", "-1", "4294967296", "1.0", "", "nan", "18446744073709551616", "1\0", "\u{fffd}"] {
        refused_arguments(&mut client, &["LW.REFUND", "k", text, "AT", "1"], units);
    }
    for text in ["-1", "", "now", "253402300800000", "18446744073709551616", "1\0"] {
        refused_arguments(
            &mut client,
            &["LW.REFUND", "k", "1", "AT", text],
            "is not a time in Unix milliseconds",
        );
    }
    refused_arguments(&mut client, &["LW.REFUND", "k", "1", "AT", "1700000000"], "looks like seconds");
    refused_arguments(&mut client, &["LW.REFUND", "k", "1", "ATT", "1"], "did you mean AT?");
    refused_arguments(&mut client, &["LW.REFUND", "k", "AT", "1", "1"], "LW.REFUND key units AT ms");
    for args in [
        &["LW.REFUND", "k", "1"][..],
        &["LW.REFUND", "k", "1", "AT"],
        &["LW.REFUND", "k", "1", "AT", "1", "1"],
    ] {
        refused_arguments(&mut client, args, "wrong number of arguments");
    }
}

#[test]
fn calls_of_refund_and_settle_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.REFUND k 1 AT 1");
    client.run("LW.REFUND k 1 AT x");
    client.run("LW.SETTLE k 1 1 AT 1");
    client.run("LW.SETTLE k 1 2 AT 1");
    let info = client.info("lockwatch");
    assert_eq!(info.number("lockwatch_ratelimit_refunds_total"), 1);
    assert_eq!(info.number("lockwatch_ratelimit_settles_total"), 2);
}

#[test]
fn memory_stays_that_of_the_entries() {
    let server = Server::start();
    let mut client = server.client();
    let usage = |client: &mut Client, key: &str| client.run(&format!("MEMORY USAGE {key}")).int();
    record(&mut client, "fresh 10 1h");
    record(&mut client, "k 10 1h");
    let at = record_later(&mut client, "k 10 1h COST 3");
    refund(&mut client, "k", 3, at);
    client.run("DEBUG RELOAD");
    assert!(usage(&mut client, "k") <= usage(&mut client, "fresh"));
}
