//! Several windows in one call, and which of them the reply describes.

use super::admitted;
use crate::support::{Server, wait_until};

#[test]
fn a_call_is_admitted_only_if_every_window_has_room() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..3 {
        assert!(!client.ratelimit("k 100 1s 3 1h").limited);
    }
    let denied = client.ratelimit("k 100 1s 3 1h");
    assert_eq!((denied.limited, denied.limit), (true, 3));
    assert_eq!(
        client.peek("k 100 1h COST 0").remaining,
        97,
        "the denied call took nothing from either window"
    );
}

#[test]
fn an_admitted_reply_describes_the_window_with_the_least_remaining() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.ratelimit("k 2 10s 3 1h"), admitted(2, 1, 10_000));
    assert_eq!(client.ratelimit("k 5 10s 3 1h"), admitted(3, 1, 3_600_000));
    assert_eq!(client.ratelimit("k 3 1h 5 10s"), admitted(3, 0, 3_600_000), "in any order");
}

#[test]
fn on_a_tie_the_reply_describes_the_longer_window() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.ratelimit("a 5 1s 5 60s 5 10s"), admitted(5, 4, 60_000));
    assert_eq!(client.ratelimit("b 5 60s 5 1s"), admitted(5, 4, 60_000));
    // Neither call can ever be admitted.
    assert_eq!(client.ratelimit("c 1 1s 2 1h COST 5").limit, 2);
    assert_eq!(client.ratelimit("d 2 1h 1 1s COST 5").limit, 2);
}

#[test]
fn a_denied_reply_describes_the_window_with_the_longest_wait() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..4 {
        client.ratelimit("k 100 1h");
    }
    let denied = client.ratelimit("k 1 10s 2 1h 3 1m");
    assert_eq!((denied.limited, denied.limit, denied.remaining), (true, 2, 0));
    assert!((3_500_000..=3_600_000).contains(&denied.retry_after), "{denied:?}");
    assert!((3_500_000..=3_600_000).contains(&denied.reset_after), "{denied:?}");
    let denied = client.ratelimit("k 9 1h 2 1m 3 10s");
    assert_eq!(
        (denied.limited, denied.limit),
        (true, 2),
        "not the one with the least left, and not the longest"
    );
    assert!((1..=60_000).contains(&denied.retry_after), "{denied:?}");
}

#[test]
fn a_denied_reply_prefers_a_window_that_never_admits() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 2 1h COST 2");
    let denied = client.ratelimit("k 2 1h 1 1s COST 2");
    assert_eq!((denied.limited, denied.limit, denied.retry_after), (true, 1, -1));
    let denied = client.ratelimit("k 0 1ms 1 1h");
    assert_eq!((denied.limited, denied.limit, denied.retry_after), (true, 0, -1));
}

#[test]
fn eight_windows_are_counted_independently() {
    let server = Server::start();
    let mut client = server.client();
    let windows: Vec<String> = (1..=8).map(|i| format!("{} {}m", 10 * i, 10 * i)).collect();
    for remaining in (0..10).rev() {
        assert_eq!(client.ratelimit(&format!("k {}", windows.join(" "))).remaining, remaining);
    }
    for i in 1..=8 {
        assert_eq!(client.peek(&format!("k 100 {}m COST 0", 10 * i)).remaining, 90);
    }
    assert!(client.ratelimit(&format!("k {}", windows.join(" "))).limited);
    assert!(!client.ratelimit(&format!("k {}", windows[1..].join(" "))).limited);
}

#[test]
fn the_same_window_with_two_limits_obeys_the_lower_one() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.ratelimit("k 5 60 2 60"), admitted(2, 1, 60_000));
    client.ratelimit("k 5 60 2 60");
    assert_eq!(client.ratelimit("k 5 60 2 60").limit, 2);
}

#[test]
fn a_short_window_frees_itself_while_a_long_one_still_counts() {
    let server = Server::start();
    let mut client = server.client();
    for left in [3, 1] {
        assert!(!client.ratelimit("k 2 50ms 5 1h COST 2").limited);
        wait_until("the short window is free", || client.peek("k 2 50ms COST 0").remaining == 2);
        assert_eq!(client.peek("k 5 1h COST 0").remaining, left);
    }
    assert_eq!(client.ratelimit("k 2 50ms 5 1h COST 2").limit, 5);
}
