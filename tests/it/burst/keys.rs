//! The keys of LW.BURST: expiry, deletion, moves, copies and size.

use super::{alerted, below, suppressed};
use crate::support::{Client, Server, wait_until};

#[test]
fn deleting_the_key_resets_it() {
    let server = Server::start();
    let mut client = server.client();
    for delete in ["DEL k", "UNLINK k", "FLUSHDB", "FLUSHALL ASYNC", "SET k text"] {
        assert_eq!(client.burst("k 2 60"), below(1), "before {delete}");
        assert_eq!(client.burst("k 2 60"), alerted(2));
        assert!(!client.run(delete).is_error(), "{delete}");
        client.run("DEL k");
    }
}

#[test]
fn the_key_expires_when_its_window_and_its_cooldown_are_over() {
    let server = Server::start();
    let mut client = server.client();
    for (call, ttl) in [
        ("LW.BURST calm 2 200ms COOLDOWN 1h", 200),
        ("LW.BURST window 1 300ms COOLDOWN 100ms", 300),
        ("LW.BURST cooldown 1 1ms COOLDOWN 300ms", 300),
    ] {
        let key = call.split(' ').nth(1).expect("its key");
        let (_, called, expires) = client.timed_then(call, &format!("PEXPIRETIME {key}"));
        assert!(called.plus(ttl).contains(expires.int()), "{call} at {called:?} expires at {expires:?}");
    }
    wait_until("the server has freed the keys", || client.run("DBSIZE").int() == 0);
}

#[test]
fn an_alert_extends_the_expiry_to_the_end_of_its_cooldown() {
    let server = Server::start();
    let mut client = server.client();
    client.burst("k 2 20s COOLDOWN 1h");
    assert!(client.run("PTTL k").int() <= 20_000);
    assert_eq!(client.burst("k 2 20s COOLDOWN 1h"), alerted(2));
    assert!((3_590_000..=3_600_000 + 2_500).contains(&client.run("PTTL k").int()));
    client.burst("k 2 20s COOLDOWN 1ms");
    assert!(client.run("PTTL k").int() > 3_590_000, "a shorter cooldown does not shorten the expiry");
}

#[test]
fn keys_of_lw_ratelimit_and_lw_burst_have_different_types() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("limited 5 60");
    client.burst("counted 5 60");
    assert_eq!(client.run("TYPE counted").text(), "lw-bursts");
    for call in ["LW.BURST limited 5 60", "LW.RATELIMIT counted 5 60", "LW.PEEK counted 5 60"] {
        assert!(client.run(call).error().starts_with("WRONGTYPE "), "{call}");
    }
    assert_eq!(client.burst("counted 5 60"), below(2));
    assert_eq!(client.ratelimit("limited 5 60").remaining, 3);
}

#[test]
fn a_renamed_or_moved_key_keeps_its_calls_and_its_cooldown() {
    let server = Server::start();
    let mut client = server.client();
    client.burst("a 2 60");
    assert_eq!(client.burst("a 2 60"), alerted(2));
    client.run("RENAME a b");
    assert_eq!(client.burst("b 2 60"), suppressed(3));
    assert_eq!(client.run("MOVE b 1").int(), 1);
    assert_eq!(client.burst("b 2 60"), below(1));
    client.run("SELECT 1");
    assert_eq!(client.burst("b 2 60"), suppressed(4));
}

#[test]
fn a_copy_keeps_the_cooldown_and_counts_separately() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.burst("a 1 60"), alerted(1));
    assert_eq!(client.run("COPY a b").int(), 1);
    assert_eq!(client.run("DUMP a"), client.run("DUMP b"));
    assert_eq!(client.burst("b 1 60"), suppressed(2));
    assert_eq!(client.burst("b 1 60"), suppressed(3));
    assert_eq!(client.burst("a 1 60"), suppressed(2));
}

#[test]
fn the_size_of_a_key_is_small_and_bounded() {
    let server = Server::builder().module_args("window-max-entries 64").start();
    let mut client = server.client();
    let usage = |client: &mut Client| client.run("MEMORY USAGE user:42").int();
    client.burst("user:42 9007199254740991 1h");
    let one = usage(&mut client);
    assert!(one <= 256, "{one} bytes");
    let mut highest = one;
    for call in 2..1500 {
        let called = client.time_ms();
        // Merged entries leave the window later than single ones. Here no entry leaves, so the
        // count is exact.
        assert_eq!(client.burst("user:42 9007199254740991 1h"), below(call));
        if call % 25 == 0 {
            highest = highest.max(usage(&mut client));
        }
        wait_until("the clock moves on", || client.time_ms() > called);
    }
    assert!(highest <= 1_000, "{highest} bytes with at most 64 entries");
}
