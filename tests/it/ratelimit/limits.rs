//! The same key with changing limits and windows.

use super::admitted;
use crate::support::{Server, wait_until};

#[test]
fn a_changed_limit_counts_units_admitted_under_the_old_one() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..5 {
        client.ratelimit("k 10 60");
    }
    let lowered = client.ratelimit("k 5 60");
    assert_eq!((lowered.limited, lowered.limit, lowered.remaining), (true, 5, 0));
    assert_eq!(client.ratelimit("k 6 60"), admitted(6, 0, 60_000));
    assert_eq!(client.ratelimit("k 1000 60"), admitted(1000, 993, 60_000));
}

#[test]
fn a_changed_window_counts_units_admitted_under_the_old_one() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..5 {
        client.ratelimit("k 10 60");
    }
    assert_eq!(client.ratelimit("k 10 2h"), admitted(10, 4, 7_200_000));
    assert_eq!(client.ratelimit("k 10 30s"), admitted(10, 3, 30_000));
    assert_eq!(client.ratelimit("k 10 60"), admitted(10, 2, 60_000));
    assert_eq!(client.peek("k 10 1h 8 5s COST 0").limit, 8);
}

#[test]
fn calls_with_a_shorter_window_keep_units_that_a_longer_window_counts() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..3 {
        client.ratelimit("k 10 1h");
    }
    wait_until("the short window is free", || client.peek("k 10 20ms COST 0").remaining == 10);
    client.ratelimit("k 10 20ms");
    wait_until("it is free again", || client.peek("k 10 20ms COST 0").remaining == 10);
    client.ratelimit("k 10 20ms");
    assert_eq!(client.peek("k 10 1h COST 0").remaining, 5);
    assert!(client.ratelimit("k 5 1h").limited);
}

#[test]
fn using_more_windows_than_one_call_may_have_keeps_the_longest() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 100 1h");
    for ms in 1..=30 {
        assert!(!client.ratelimit(&format!("k 100 {ms}ms")).limited);
    }
    // All short windows are over. The next call drops the windows that the key considers unused.
    wait_until("the short windows are free", || client.peek("k 100 30ms COST 0").remaining == 100);
    assert!(!client.ratelimit("k 100 1ms").limited);
    assert_eq!(client.peek("k 100 1h COST 0").remaining, 68);
}
