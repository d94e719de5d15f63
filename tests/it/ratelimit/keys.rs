//! Expiry, deletion, moving and copying of the key.

use super::admitted;
use crate::support::{Server, wait_until};

#[test]
fn deleting_the_key_resets_the_count() {
    let server = Server::start();
    let mut client = server.client();
    for delete in ["DEL k", "UNLINK k", "FLUSHDB", "FLUSHALL ASYNC"] {
        assert_eq!(client.ratelimit("k 1 60"), admitted(1, 0, 60_000));
        assert!(client.ratelimit("k 1 60").limited);
        assert!(!client.run(delete).is_error(), "{delete}");
        assert_eq!(client.ratelimit("k 1 60"), admitted(1, 0, 60_000), "{delete}");
        client.run("DEL k");
    }
}

#[test]
fn a_limiter_key_may_be_overwritten_with_another_type() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 1 60");
    assert_eq!(client.run("SET k other").text(), "OK");
    assert_eq!(client.run("PTTL k").int(), -1, "SET removed the limiter's expiry");
    client.run("DEL k");
    assert_eq!(client.ratelimit("k 1 60"), admitted(1, 0, 60_000));
}

#[test]
fn the_key_expires_when_its_only_unit_leaves_the_longest_window() {
    let server = Server::start();
    let mut client = server.client();
    let (_, called_at, expires) = client.timed_then("LW.RATELIMIT k 5 50ms 9 200ms 7 100ms", "PEXPIRETIME k");
    let expires = expires.int();
    assert!(called_at.plus(200).contains(expires), "called at {called_at:?}, expires at {expires}");
    wait_until("the key is gone", || client.run("EXISTS k").int() == 0);
    assert!(client.time_ms() >= expires);
    wait_until("the server has freed it", || client.run("DBSIZE").int() == 0);
}

#[test]
fn the_key_expires_within_a_second_after_its_newest_unit_leaves() {
    let server = Server::start();
    let mut client = server.client();
    for call in 0..50 {
        let (_, called_at, expires) = client.timed_then("LW.RATELIMIT k 100 400ms", "PEXPIRETIME k");
        let expires = expires.int();
        assert!(
            expires >= called_at.from + 400,
            "call {call}: called at {called_at:?}, expires at {expires}"
        );
        assert!(
            expires <= called_at.to + 400 + 1_000,
            "call {call}: called at {called_at:?}, expires at {expires}"
        );
    }
    wait_until("the key is gone", || client.run("EXISTS k").int() == 0);
}

#[test]
fn a_call_with_a_longer_window_extends_the_expiry() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 100 1s");
    client.ratelimit("k 100 1h");
    assert!((3_500_000..=3_600_000 * 9 / 8).contains(&client.run("PTTL k").int()));
    client.ratelimit("k 100 1s");
    assert!(client.run("PTTL k").int() > 3_500_000, "a shorter window does not shorten the expiry");
}

#[test]
fn the_same_name_in_another_database_is_another_key() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 1 60");
    client.run("SELECT 1");
    assert_eq!(client.ratelimit("k 1 60"), admitted(1, 0, 60_000));
    assert!(client.ratelimit("k 1 60").limited);
    client.run("DEL k");
    client.run("SELECT 0");
    assert!(client.ratelimit("k 1 60").limited);
}

#[test]
fn a_renamed_or_moved_key_keeps_its_units() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("a 3 60 COST 2");
    client.run("RENAME a b");
    assert_eq!(client.ratelimit("b 3 60"), admitted(3, 0, 60_000));
    assert!(client.ratelimit("b 3 60").limited);
    assert_eq!(client.ratelimit("a 3 60"), admitted(3, 2, 60_000));
    assert_eq!(client.run("MOVE b 1").int(), 1);
    assert!(!client.ratelimit("b 3 60").limited);
    client.run("SELECT 1");
    assert!(client.ratelimit("b 3 60").limited);
    assert!((1..=67_500).contains(&client.run("PTTL b").int()));
}

#[test]
fn a_copy_starts_with_the_same_units_and_then_counts_separately() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("a 5 60 COST 2");
    client.ratelimit("a 5 60");
    assert_eq!(client.run("COPY a b").int(), 1);
    assert_eq!(client.run("DUMP a"), client.run("DUMP b"));
    assert_eq!(client.run("PEXPIRETIME a"), client.run("PEXPIRETIME b"));
    assert_eq!(client.ratelimit("b 5 60"), admitted(5, 1, 60_000));
    assert_eq!(client.ratelimit("b 5 60"), admitted(5, 0, 60_000));
    assert_eq!(client.ratelimit("a 5 60"), admitted(5, 1, 60_000));
}

#[test]
fn a_copy_expires_like_the_original() {
    let server = Server::start();
    let mut client = server.client();
    let lines = ["LW.RATELIMIT a 5 200ms", "COPY a b", "LW.RATELIMIT b 5 200ms"];
    assert_eq!(client.run_all(&lines)[1].int(), 1);
    wait_until("both are gone", || client.run("DBSIZE").int() == 0);
}

#[test]
fn a_longer_expiry_set_by_the_user_changes_no_reply() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.run_all(&["LW.RATELIMIT k 2 50ms", "EXPIRE k 1000"])[1].int(), 1);
    wait_until("the window is over", || client.peek("k 2 50ms COST 0").remaining == 2);
    assert_eq!(client.run("EXISTS k").int(), 1);
    assert_eq!(client.ratelimit("k 2 50ms"), admitted(2, 1, 50));
}

#[test]
fn persisting_the_key_changes_no_reply() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.run_all(&["LW.RATELIMIT k 2 100ms COST 2", "PERSIST k"])[1].int(), 1);
    wait_until("the window is over", || !client.peek("k 2 100ms COST 2").limited);
    assert_eq!(client.ratelimit("k 2 100ms"), admitted(2, 1, 100));
    wait_until("it expires by itself again", || client.run("EXISTS k").int() == 0);
}

#[test]
fn a_shorter_expiry_set_by_the_user_resets_the_key_when_it_expires() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 1 1h");
    assert_eq!(client.run("PEXPIRE k 50").int(), 1);
    wait_until("the key is gone", || client.run("EXISTS k").int() == 0);
    assert_eq!(client.ratelimit("k 1 1h"), admitted(1, 0, 3_600_000));
}
