//! Windows of a policy that become shorter or longer.

#![cfg(feature = "debug-commands")]

use super::super::support::state::State;
use super::super::support::{Client, Server, wait_until};
use super::ok;

/// A time that the tests stop the clock at.
fn begin(client: &mut Client) -> i64 {
    let now = client.time_ms();
    client.stop_clock(now);
    now
}

/// When `key` expires, from `now`.
fn life(client: &mut Client, now: i64) -> i64 {
    client.run("PEXPIRETIME k").int() - now
}

#[test]
fn a_narrowed_window_shortens_the_life_of_the_key_once_nothing_lies_beyond_it() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let begin = begin(&mut client);
    ok(&mut client, "LW.POLICY SET p 100 1m 100 1h");
    client.ratelimit("k @p");
    assert_eq!(life(&mut client, begin), 3_600_000);
    ok(&mut client, "LW.POLICY SET p 100 1m");
    // The first unit lies beyond the minute: the hour is kept, and a longer window still sees it.
    let later = begin + 120_000;
    client.stop_clock(later);
    client.ratelimit("k @p");
    assert!(life(&mut client, later) > 3_000_000);
    assert_eq!(client.peek("k 100 1h COST 0").remaining, 98);
    // After an hour the first two units are gone, and nothing lies beyond the minute.
    let last = begin + 2 * 3_600_000;
    client.stop_clock(last);
    client.ratelimit("k @p");
    assert_eq!(life(&mut client, last), 60_000);
    primary.wait_for_replica(&replica);
    for line in ["DUMP k", "PEXPIRETIME k"] {
        assert_eq!(client.run(line), replica.client().run(line));
    }
    // A busy key stays as it is: later expiries add some time as ever.
    client.stop_clock(last + 1000);
    client.ratelimit("k @p");
    assert!((60_000..120_000).contains(&life(&mut client, last + 1000)));
}

#[test]
fn a_new_key_of_a_policy_with_shorter_windows_expires_early_at_once() {
    let server = Server::start();
    let mut client = server.client();
    let begin = begin(&mut client);
    ok(&mut client, "LW.POLICY SET p 100 1h");
    client.ratelimit("k @p");
    ok(&mut client, "LW.POLICY SET p 100 1m 5 1s");
    client.stop_clock(begin + 10_000);
    client.ratelimit("k @p");
    assert_eq!(life(&mut client, begin + 10_000), 60_000);
    assert_eq!(client.peek("k @p COST 0").remaining, 4);
    assert_eq!(client.peek("k 100 1m COST 0").remaining, 98);
}

#[test]
fn a_call_with_pairs_never_shortens_and_a_denied_call_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let begin = begin(&mut client);
    client.ratelimit("k 100 1h");
    client.ratelimit("k 100 1m");
    let before = life(&mut client, begin);
    assert!(before >= 3_600_000);
    ok(&mut client, "LW.POLICY SET p 1 1m");
    assert!(client.ratelimit("k @p").limited);
    assert_eq!(life(&mut client, begin), before);
}

#[test]
fn a_widened_window_sees_what_the_key_still_holds() {
    let server = Server::start();
    let mut client = server.client();
    let begin = begin(&mut client);
    ok(&mut client, "LW.POLICY SET p 3 1h");
    for _ in 0..3 {
        client.ratelimit("k @p");
    }
    ok(&mut client, "LW.POLICY SET p 3 1d");
    client.stop_clock(begin + 3_500_000);
    assert!(client.ratelimit("k @p").limited);
    assert_eq!(client.ratelimit("k @p").retry_after, 86_400_000 - 3_500_000);
}

#[test]
fn shortened_keys_are_the_same_after_a_reload_of_the_aof() {
    let mut server = Server::builder()
        .config("appendonly yes")
        .config("appendfsync always")
        .config("aof-use-rdb-preamble no")
        .start();
    let mut client = server.client();
    ok(&mut client, "LW.POLICY SET p 100 1h");
    for n in 0..200 {
        client.ratelimit(&format!("k{} @p", n % 20));
    }
    ok(&mut client, "LW.POLICY SET p 100 10m");
    for n in 0..200 {
        client.ratelimit(&format!("k{} @p", n % 20));
    }
    let before = State::of(&mut client);
    server.kill();
    server.start_again();
    let mut client = server.client();
    wait_until("it is loaded", || client.run("PING").text() == "PONG");
    before.assert_same(&State::of(&mut client));
    // Ten minutes, and the eighth that a busy key may get in addition.
    assert!(client.run("PTTL k1").int() <= 675_000);
}

#[test]
fn a_call_on_several_keys_shortens_only_keys_whose_limits_all_come_from_a_policy() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let begin = begin(&mut client);
    ok(&mut client, "LW.POLICY SET p 100 1h");
    client.run("LW.MRATELIMIT k @p - 1 mixed @p - 1 pairs 9 1h 1");
    ok(&mut client, "LW.POLICY SET p 100 1m");
    client.stop_clock(begin + 10_000);
    client.run("LW.MRATELIMIT k @p - 1 mixed @p - 1 mixed 9 2m 1 pairs 9 1m 1");
    assert_eq!(life(&mut client, begin + 10_000), 60_000);
    for key in ["mixed", "pairs"] {
        assert!(client.run(&format!("PEXPIRETIME {key}")).int() - begin >= 3_600_000, "{key}");
    }
    primary.wait_for_replica(&replica);
    for key in ["k", "mixed", "pairs"] {
        for line in ["DUMP", "PEXPIRETIME"] {
            let line = format!("{line} {key}");
            assert_eq!(client.run(&line), replica.client().run(&line), "{line}");
        }
    }
}
