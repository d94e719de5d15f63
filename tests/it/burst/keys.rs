//! The key: what expires, deletes, moves and copies it, and how large it is.

use super::{alerted, calm, quiet};
use crate::support::{Client, Server, wait_until};

#[test]
fn deleting_the_key_resets_it() {
    let server = Server::start();
    let mut client = server.client();
    for delete in ["DEL k", "UNLINK k", "FLUSHDB", "FLUSHALL ASYNC", "SET k text"] {
        assert_eq!(client.burst("k 2 60"), calm(1), "before {delete}");
        assert_eq!(client.burst("k 2 60"), alerted(2));
        assert!(!client.run(delete).is_error(), "{delete}");
        client.run("DEL k");
    }
}

#[test]
fn the_key_expires_when_neither_window_nor_cooldown_can_matter() {
    let server = Server::start();
    let mut client = server.client();
    for (call, lives) in [
        ("LW.BURST calm 2 200ms COOLDOWN 1h", 200),
        ("LW.BURST window 1 300ms COOLDOWN 100ms", 300),
        ("LW.BURST cooldown 1 1ms COOLDOWN 300ms", 300),
    ] {
        let key = call.split(' ').nth(1).expect("its key");
        let (_, made, expires) = client.timed_then(call, &format!("PEXPIRETIME {key}"));
        assert!(made.plus(lives).contains(expires.int()), "{call} at {made:?} expires at {expires:?}");
    }
    wait_until("the server has freed them", || client.run("DBSIZE").int() == 0);
}

#[test]
fn a_later_alert_makes_the_key_live_on() {
    let server = Server::start();
    let mut client = server.client();
    client.burst("k 2 20s COOLDOWN 1h");
    assert!(client.run("PTTL k").int() <= 20_000);
    assert_eq!(client.burst("k 2 20s COOLDOWN 1h"), alerted(2));
    assert!((3_590_000..=3_600_000 + 2_500).contains(&client.run("PTTL k").int()));
    client.burst("k 2 20s COOLDOWN 1ms");
    assert!(client.run("PTTL k").int() > 3_590_000, "a shorter one does not shorten it");
}

#[test]
fn a_limiters_key_is_of_another_type_and_the_reverse() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("limited 5 60");
    client.burst("counted 5 60");
    assert_eq!(client.run("TYPE counted").text(), "lw-bursts");
    for call in ["LW.BURST limited 5 60", "LW.RATELIMIT counted 5 60", "LW.PEEK counted 5 60"] {
        assert!(client.run(call).error().starts_with("WRONGTYPE "), "{call}");
    }
    assert_eq!(client.burst("counted 5 60"), calm(2));
    assert_eq!(client.ratelimit("limited 5 60").remaining, 3);
}

#[test]
fn a_renamed_or_moved_key_keeps_its_calls_and_its_cooldown() {
    let server = Server::start();
    let mut client = server.client();
    client.burst("a 2 60");
    assert_eq!(client.burst("a 2 60"), alerted(2));
    client.run("RENAME a b");
    assert_eq!(client.burst("b 2 60"), quiet(3));
    assert_eq!(client.run("MOVE b 1").int(), 1);
    assert_eq!(client.burst("b 2 60"), calm(1));
    client.run("SELECT 1");
    assert_eq!(client.burst("b 2 60"), quiet(4));
}

#[test]
fn a_copy_is_as_quiet_as_its_original_and_then_counts_its_own() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.burst("a 1 60"), alerted(1));
    assert_eq!(client.run("COPY a b").int(), 1);
    assert_eq!(client.run("DUMP a"), client.run("DUMP b"));
    assert_eq!(client.burst("b 1 60"), quiet(2));
    assert_eq!(client.burst("b 1 60"), quiet(3));
    assert_eq!(client.burst("a 1 60"), quiet(2));
}

#[test]
fn a_key_is_small_and_bounded() {
    let server = Server::builder().module_args("window-max-entries 64").start();
    let mut client = server.client();
    let usage = |client: &mut Client| client.run("MEMORY USAGE user:42").int();
    client.burst("user:42 9007199254740991 1h");
    let one = usage(&mut client);
    assert!(one <= 256, "{one} bytes");
    let mut highest = one;
    for call in 2..1500 {
        let made = client.time_ms();
        // As many or, once entries have merged, later to leave: here nothing leaves.
        assert_eq!(client.burst("user:42 9007199254740991 1h"), calm(call));
        if call % 25 == 0 {
            highest = highest.max(usage(&mut client));
        }
        wait_until("the clock moves on", || client.time_ms() > made);
    }
    assert!(highest <= 1_000, "{highest} bytes with at most 64 entries");
}
