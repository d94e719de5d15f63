//! FORCE and WITHTIME of LW.RATELIMIT.

use crate::support::{Client, Server, Value, wait_until};

/// The integers of the reply to `LW.RATELIMIT` with the words of `args`.
#[track_caller]
fn ints(client: &mut Client, args: &str) -> Vec<i64> {
    client.run(&format!("LW.RATELIMIT {args}")).ints()
}

#[test]
fn a_forced_call_is_recorded_even_if_a_limit_denies_it() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(ints(&mut client, "k 3 60 COST 2 FORCE"), [0, 3, 1, 0, 60_000]);
    let over = ints(&mut client, "k 3 60 COST 5 FORCE");
    assert_eq!((over[0], over[1], over[2], over[4]), (1, 3, 0, 60_000));
    assert!(over[3] > 0, "{over:?}");
    assert_eq!(client.peek("k 10 60 COST 0").remaining, 3, "seven units are recorded");
    assert!(client.ratelimit("k 3 60").limited);
}

#[test]
fn limited_is_about_the_time_before_the_units_were_recorded() {
    let server = Server::start();
    let mut client = server.client();
    let full = ints(&mut client, "k 1 60 FORCE");
    assert_eq!((full[0], full[2]), (0, 0));
    assert!(
        (59_000..=60_000).contains(&full[3]),
        "no unit more is admitted before the first has left: {full:?}"
    );
    assert_eq!(ints(&mut client, "k 1 60 FORCE")[0], 1);
    assert_eq!(ints(&mut client, "fits 5 60 COST 6 FORCE")[..3], [1, 5, 0]);
}

#[test]
fn only_a_limit_of_zero_never_admits_a_unit_more() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(ints(&mut client, "k 0 60 FORCE"), [1, 0, 0, -1, 60_000]);
    assert_eq!(client.peek("k 9 60 COST 0").remaining, 8);
    let above = ints(&mut client, "other 1 60 COST 9 FORCE");
    assert!(above[3] > 0, "{above:?}");
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn a_unit_more_is_admitted_exactly_when_retry_after_is_over() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.time_ms();
    let stop =
        |client: &mut Client, ms: i64| assert_eq!(client.run(&format!("LW.DEBUG STOP {ms}")).text(), "OK");
    stop(&mut client, now);
    assert_eq!(ints(&mut client, "k 5 10m 8 1h COST 4 FORCE WITHTIME"), [0, 5, 1, 0, 600_000, now]);
    stop(&mut client, now + 1000);
    // Ten units in both windows: the longer one frees its first unit later.
    let over = ints(&mut client, "k 5 10m 8 1h COST 6 FORCE WITHTIME");
    assert_eq!(over, [1, 8, 0, 3_599_000, 3_600_000, now + 1000]);
    stop(&mut client, now + 1000 + 3_598_999);
    assert!(client.peek("k 5 10m 8 1h").limited);
    stop(&mut client, now + 1000 + 3_599_000);
    assert!(!client.peek("k 5 10m 8 1h").limited);
}

#[test]
fn withtime_adds_the_time_under_which_the_units_were_recorded() {
    let server = Server::start();
    let mut client = server.client();
    let (answer, at) = client.timed("LW.RATELIMIT k 1 60 WITHTIME");
    let answer = answer.ints();
    assert_eq!(answer[..5], [0, 1, 0, 0, 60_000]);
    assert!(at.contains(answer[5]), "{answer:?} at {at:?}");
    let denied = ints(&mut client, "k 1 60 withtime");
    assert_eq!((denied.len(), denied[0], denied[5]), (6, 1, 0));
    let (forced, at) = client.timed("LW.RATELIMIT k 1 60 WITHTIME FORCE COST 2");
    assert!(at.contains(forced.ints()[5]), "{forced:?} at {at:?}");
    assert_eq!(ints(&mut client, "k 1 60 COST 1").len(), 5);
}

#[test]
fn forced_calls_are_counted_apart() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..3 {
        client.run("LW.RATELIMIT k 1 60 FORCE");
    }
    client.run("LW.RATELIMIT k 1 60 WITHTIME");
    client.run("LW.RATELIMIT k 1 60 FORCE nonsense");
    let info = client.info("lockwatch");
    let count = |name: &str| info.number(&format!("lockwatch_ratelimit_{name}_total"));
    assert_eq!((count("calls"), count("denied"), count("forced")), (4, 1, 3));
}

#[test]
fn a_forced_call_is_refused_for_memory_like_any_other() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.RATELIMIT k 1 60");
    client.run("CONFIG SET maxmemory 1");
    for call in ["LW.RATELIMIT k 1 60 FORCE", "LW.RATELIMIT new 1 60 FORCE WITHTIME"] {
        assert!(client.run(call).error().starts_with("OOM "), "{call}");
    }
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.peek("k 5 60 COST 0").remaining, 4);
}

#[test]
fn another_type_and_malformed_options_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    client.run("SET text x");
    assert!(client.run("LW.RATELIMIT text 1 60 FORCE").error().starts_with("WRONGTYPE"));
    for (options, why) in [
        ("FORCE FORCE", "FORCE is given twice"),
        ("WITHTIME withtime", "WITHTIME is given twice"),
        ("FORCED", "did you mean FORCE?"),
        ("FORCE 1", "unknown option '1'"),
        ("COST 0 FORCE", "cost '0' is not an integer from 1 to 4294967295"),
    ] {
        let message = client.run(&format!("LW.RATELIMIT k 1 60 {options}")).error().to_owned();
        assert!(message.contains(why), "{message:?}");
    }
    for word in ["FORCE", "WITHTIME"] {
        assert!(client.run(&format!("LW.PEEK k 1 60 {word}")).error().contains("unknown option"));
        assert!(client.run(&format!("LW.RATELIMIT k {word} 1 60")).error().contains("unknown option '1'"));
        let alone = client.run(&format!("LW.RATELIMIT k {word} COST 1"));
        assert!(alone.error().contains("limit and window are missing"), "{alone:?}");
    }
    assert_eq!(client.run("EXISTS k").int(), 0);
}

#[test]
fn transactions_scripts_and_resp3_get_the_same_integers() {
    let server = Server::start();
    let mut client = server.client();
    let answers =
        client.multi(&["LW.RATELIMIT k 1 60", "LW.RATELIMIT k 1 60 FORCE"]).expect("nothing is watched");
    assert_eq!(answers[1].ints()[..3], [1, 1, 0]);
    let script = "return redis.call('LW.RATELIMIT', KEYS[1], 1, 60, 'FORCE', 'WITHTIME')";
    assert_eq!(client.call(&["EVAL", script, "1", "k"]).ints().len(), 6);
    client.run("HELLO 3");
    let Value::Array(items) = client.run("LW.RATELIMIT k 9 60 FORCE WITHTIME") else {
        panic!("not an array")
    };
    assert_eq!(items[..3], [Value::Int(0), Value::Int(9), Value::Int(5)]);
}

#[test]
fn a_forced_call_replicates_as_an_effect_and_survives_a_restart() {
    let mut server = Server::builder().config("appendonly yes").config("appendfsync always").start();
    let replica = Server::builder().config("lockwatch.window-max-entries 4000").replica_of(&server).start();
    server.wait_for_replica(&replica);
    let mut client = server.client();
    for _ in 0..20 {
        client.run("LW.RATELIMIT k 3 1h FORCE WITHTIME COST 7");
    }
    let dump = client.run("DUMP k");
    server.wait_for_replica(&replica);
    assert_eq!(replica.client().run("DUMP k"), dump);
    server.kill();
    server.start_again();
    assert_eq!(server.client().run("DUMP k"), dump);
}

#[test]
fn a_forced_call_expires_with_its_window() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.RATELIMIT k 0 100ms FORCE");
    wait_until("the key is gone", || client.run("EXISTS k").int() == 0);
}
