//! Keys: one history each, other types, and a clock that steps back.

use crate::hostile::refused;
use crate::support::{Bracket, Server};

#[test]
fn a_key_that_is_named_twice_is_judged_by_both_limits_and_charged_once() {
    let server = Server::start();
    let mut client = server.client();
    let reply = client.mratelimit("k 5 1m 2 other 9 1m 1 k 3 1h 2");
    assert_eq!((reply.limited, reply.binding, reply.remaining()), (false, 2, vec![3, 8, 1]));
    assert_eq!(client.peek("k 100 1d COST 0").remaining, 98);
    let reply = client.mratelimit("k 5 1m 2 other 9 1m 1 k 3 1h 2");
    assert_eq!((reply.limited, reply.binding, reply.remaining()), (true, 2, vec![3, 8, 1]));
    assert_eq!(client.peek("k 100 1d COST 0").remaining, 98);
}

#[test]
fn the_history_is_that_of_lw_ratelimit() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 10 1h COST 3");
    assert_eq!(client.mratelimit("k 10 1h 2 l 10 1h 1").remaining(), [5, 9]);
    assert_eq!(client.ratelimit("k 10 1h").remaining, 4);
    assert_eq!(client.ratelimit("l 10 1h").remaining, 8);
}

#[test]
fn keys_may_hold_any_bytes() {
    let server = Server::start();
    let mut client = server.client();
    let names: [&[u8]; 5] = [b"", b"\0", b"\xff\xfe", b"a\r\nb", &[b'x'; 70_000]];
    let mut call: Vec<&[u8]> = vec![b"LW.MRATELIMIT"];
    for name in names {
        call.extend([name, b"5", b"1h", b"2"]);
    }
    assert_eq!(client.call(&call).ints()[0], 0);
    for name in names {
        assert_eq!(client.call(&[b"LW.PEEK", name, b"5", b"1h", b"COST", b"0"]).ints()[2], 3);
    }
}

#[test]
fn a_key_of_another_type_is_refused_in_any_position_before_a_denial_and_nothing_changes() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("full 1 1h");
    client.run("SET text x");
    client.run("RPUSH list x");
    client.burst("burst 5 1h");
    for wrong in ["text", "list", "burst"] {
        for place in 0..5 {
            for other in ["fresh", "full"] {
                let mut tuples = vec![format!("{other} 1 1h 1"), "a 5 1h 1".into(), "b 5 1h 1".into()];
                if other == "fresh" {
                    tuples.push("full 1 1h 1".into());
                }
                tuples.insert(place.min(tuples.len()), format!("{wrong} 5 1h 1"));
                for command in ["LW.MRATELIMIT", "LW.MPEEK"] {
                    let line = format!("{command} {}", tuples.join(" "));
                    let message = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
                    assert!(message.starts_with("WRONGTYPE "), "{line}: {message}");
                }
            }
        }
    }
    assert_eq!(client.run("GET text").text(), "x");
}

#[test]
fn keys_expire_after_their_longest_window() {
    let server = Server::start();
    let mut client = server.client();
    let (_, at) = client.timed("LW.MRATELIMIT a 5 1m 1 b 5 1h 1 a 9 2m 1");
    for (key, window) in [("a", 120_000), ("b", 3_600_000)] {
        let expires = client.run(&format!("PEXPIRETIME {key}")).int();
        at.plus(window).and(Bracket { from: expires, to: expires });
    }
}

#[test]
fn an_expired_key_counts_as_missing() {
    let server = Server::start();
    let mut client = server.client();
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    for _ in 0..20 {
        let (answer, at) = client.timed("LW.MRATELIMIT a 1 20ms 1 b 1000 1h 1 c 1 20ms 1");
        assert_eq!(answer.ints()[0], 0);
        while client.time_ms() < at.to + 20 {}
    }
    assert_eq!(client.peek("b 1000 1h COST 0").remaining, 980);
}

#[test]
#[cfg_attr(not(feature = "debug-commands"), ignore = "needs the feature debug-commands")]
fn a_denied_call_moves_entries_later_than_now_to_now_and_replicates_that() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let start = client.time_ms();
    client.run(&format!("LW.DEBUG STOP {}", start + 10_000));
    client.mratelimit("a 1 1m 1 b 5 1m 2");
    client.run(&format!("LW.DEBUG STOP {start}"));
    let dump = client.run("DUMP b");
    // A read-only call answers the same and moves nothing.
    let peeked = client.mpeek("a 1 1m 1 b 5 1m 2 c 1 1m 1");
    assert_eq!(client.run("DUMP b"), dump);
    let reply = client.mratelimit("a 1 1m 1 b 5 1m 2 c 1 1m 1");
    assert_eq!((reply.limited, reply.binding, reply.retry_after), (true, 0, 60_000));
    assert_eq!(reply.tuples, [[1, 0, 60_000], [5, 3, 60_000], [1, 1, 0]]);
    assert_eq!(peeked, reply);
    assert_ne!(client.run("DUMP b"), dump);
    assert_eq!(client.info("lockwatch").number("lockwatch_ratelimit_clock_steps_total"), 2);
    primary.wait_for_replica(&replica);
    for key in ["a", "b"] {
        let dump = format!("DUMP {key}");
        assert_eq!(client.run(&dump), replica.client().run(&dump));
    }
    let footprint = client.footprint();
    assert!(client.mratelimit("a 1 1m 1 b 5 1m 2").limited);
    assert_eq!(client.footprint(), footprint, "there is nothing left to move");
    client.run(&format!("LW.DEBUG STOP {}", start + 60_000));
    assert!(!client.mratelimit("a 1 1m 1 b 5 1m 2").limited);
}
