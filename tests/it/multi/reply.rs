//! What a call replies, with the clock stopped, so that every number is exact.

use crate::support::{Client, MultiReply, Server};

/// Stops the clock that commands read. Expiry goes by the server's own, so `at` is about now.
fn stop_clock(client: &mut Client, at: i64) {
    assert_eq!(client.run(&format!("LW.DEBUG STOP {at}")).text(), "OK");
}

#[test]
fn an_admitted_call_replies_with_its_time_and_the_state_of_every_tuple() {
    let server = Server::start();
    let mut client = server.client();
    let (answer, at) = client.timed("LW.MRATELIMIT a 10 60 1 b 5 1h 2");
    let reply = MultiReply::of(&answer);
    assert!(!reply.limited && at.contains(reply.time), "{reply:?} {at:?}");
    assert_eq!((reply.binding, reply.retry_after), (1, 0), "3 of 5 is less than 9 of 10");
    assert_eq!(reply.tuples, [[10, 9, 60_000], [5, 3, 3_600_000]]);
    assert_eq!(client.peek("a 10 60 COST 0").remaining, 9);
    assert_eq!(client.peek("b 5 1h COST 0").remaining, 3);
}

#[test]
fn the_tuple_with_the_smallest_part_of_its_limit_left_binds_an_admitted_call() {
    let server = Server::start();
    let mut client = server.client();
    for (call, binding) in [
        ("a1 100 60 10 b1 5 60 1", 1),
        ("a2 1000 60 600 b2 5 60 1", 0),
        ("a3 10 60 5 b3 4 60 2 c3 2 60 1", 0),
        ("a4 9007199254740991 60 1 b4 9007199254740990 60 1", 1),
        ("a5 9007199254740990 60 1 b5 9007199254740991 60 1", 0),
        ("a6 5 60 0 b6 5 60 0", 0),
    ] {
        assert_eq!(client.mratelimit(call).binding, binding, "{call}");
    }
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn a_denied_call_waits_for_the_last_tuple_that_has_room() {
    let server = Server::start();
    let mut client = server.client();
    let start = client.time_ms();
    stop_clock(&mut client, start);
    client.mratelimit("a 2 10s 2 b 3 1m 3");
    stop_clock(&mut client, start + 4_000);
    client.mratelimit("b 5 1m 2");
    let reply = client.mratelimit("a 2 10s 1 b 5 1m 4 c 9 1h 1");
    assert_eq!((reply.limited, reply.binding, reply.retry_after, reply.time), (true, 1, 60_000, 0));
    assert_eq!(reply.tuples, [[2, 0, 6_000], [5, 0, 60_000], [9, 9, 0]]);
    // Three units of b are free after a minute, which is enough for this call.
    let reply = client.mratelimit("a 2 10s 1 b 5 1m 3 c 9 1h 1");
    assert_eq!((reply.binding, reply.retry_after), (1, 56_000));
    let reply = client.mratelimit("c 9 1h 1 a 2 10s 1 b 5 2s 1");
    assert_eq!((reply.limited, reply.binding, reply.retry_after), (true, 1, 6_000));
    assert_eq!(client.run("EXISTS c").int(), 0);
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn a_denied_call_is_admitted_at_the_promised_millisecond_and_not_before() {
    let server = Server::start();
    let mut client = server.client();
    let start = client.time_ms();
    stop_clock(&mut client, start);
    let mut now = start;
    for step in [1, 7, 130, 2_000, 4, 900, 15, 77] {
        now += step;
        stop_clock(&mut client, now);
        for call in ["a 5 1s 2 b 9 5s 1 a 12 20s 2", "b 4 700ms 1 c 3 3s 1", "c 4 9s 2 a 7 2s 1"] {
            let reply = client.mratelimit(call);
            if !reply.limited {
                continue;
            }
            stop_clock(&mut client, now + reply.retry_after - 1);
            assert!(client.mpeek(call).limited, "{call} {reply:?}");
            stop_clock(&mut client, now + reply.retry_after);
            assert!(!client.mpeek(call).limited, "{call} {reply:?}");
            stop_clock(&mut client, now);
        }
    }
    let info = client.info("lockwatch");
    assert!(info.number("lockwatch_mratelimit_denied_total") > 5);
    assert!(info.number("lockwatch_mratelimit_calls_total") > 20);
}

#[test]
fn a_cost_above_a_limit_is_never_admitted_and_binds() {
    let server = Server::start();
    let mut client = server.client();
    client.mratelimit("a 1 1h 1");
    for (call, binding) in
        [("a 1 1h 1 b 5 60 6", 1), ("a 1 1h 1 b 0 60 0 c 0 60 1", 1), ("b 5 60 6 a 1 1h 1 c 0 1 1", 0)]
    {
        let reply = client.mratelimit(call);
        assert_eq!((reply.limited, reply.retry_after, reply.binding), (true, -1, binding), "{call}");
    }
    assert_eq!(client.run("DBSIZE").int(), 1);
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn mpeek_replies_what_mratelimit_would_with_time_0() {
    const ASKS: &str = "f 1 1d 0 g 1 1s 0";
    let server = Server::start();
    let mut client = server.client();
    let start = client.time_ms();
    stop_clock(&mut client, start);
    for call in [
        "a 2 10s 1 b 9 1h 3",
        "a 2 10s 1 b 9 1h 3",
        "a 2 10s 1 b 9 1h 3",
        "b 9 1h 3 b 6 1m 3 c 1 1s 0",
        "b 9 1h 4 c 1 1s 1",
        "c 1 1s 1 d 1 1s 0 e 1 1d 1",
        ASKS,
    ] {
        let peeked = client.mpeek(call);
        assert_eq!(peeked.time, 0);
        let reply = client.mratelimit(call);
        assert_eq!(MultiReply { time: reply.time, ..peeked }, reply, "{call}");
        let records = !reply.limited && call != ASKS;
        assert_eq!(reply.time, if records { start } else { 0 }, "{call}");
    }
}

#[test]
fn a_cost_of_0_asks_for_a_free_unit_and_records_nothing() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..2 {
        let reply = client.mratelimit("k 1 60 0");
        assert_eq!((reply.limited, reply.time), (false, 0));
        assert_eq!(reply.tuples, [[1, 1, 0]]);
    }
    assert_eq!(client.run("EXISTS k").int(), 0);
    // Another key of the same call is recorded.
    let reply = client.mratelimit("k 1 60 0 other 5 60 2");
    assert!(!reply.limited && reply.time > 0);
    assert_eq!(reply.remaining(), [1, 3]);
    assert_eq!((client.run("EXISTS k").int(), client.run("EXISTS other").int()), (0, 1));
    client.ratelimit("k 1 60");
    let reply = client.mratelimit("other 5 60 2 k 1 60 0");
    assert_eq!((reply.limited, reply.binding, reply.remaining()), (true, 1, vec![3, 0]));
    assert!((1..=60_000).contains(&reply.retry_after));
    assert_eq!(client.peek("other 5 60 COST 0").remaining, 3);
}
