//! The five integers of a reply.

use super::admitted;
use crate::support::{Reply, Server};

#[test]
fn remaining_counts_down_until_a_call_is_denied() {
    let server = Server::start();
    let mut client = server.client();
    for remaining in [2, 1, 0] {
        assert_eq!(client.ratelimit("k 3 60"), admitted(3, remaining, 60_000));
    }
    let (denied, now) = client.timed("LW.RATELIMIT k 3 60");
    let denied = Reply::of(&denied);
    assert!(denied.limited);
    assert_eq!((denied.limit, denied.remaining), (3, 0));
    assert!((now.from - 20_000..=now.from).contains(&(now.from + denied.retry_after - 60_000)), "{denied:?}");
    assert!(denied.retry_after <= denied.reset_after && denied.reset_after <= 60_000, "{denied:?}");
}

#[test]
fn a_denied_call_uses_no_units() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 1 60");
    for _ in 0..100 {
        assert!(client.ratelimit("k 1 60").limited);
    }
    assert_eq!(client.ratelimit("k 2 60").remaining, 0);
}

#[test]
fn a_call_takes_its_whole_cost_or_nothing() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.ratelimit("k 10 60 COST 7"), admitted(10, 3, 60_000));
    let denied = client.ratelimit("k 10 60 cost 4");
    assert!(denied.limited);
    assert_eq!((denied.limit, denied.remaining), (10, 3), "a denied call takes no units");
    assert_eq!(client.ratelimit("k 10 60 CoSt 3"), admitted(10, 0, 60_000));
}

#[test]
fn a_cost_above_the_limit_can_never_be_admitted() {
    let server = Server::start();
    let mut client = server.client();
    let never = Reply { limited: true, limit: 5, remaining: 5, retry_after: -1, reset_after: 0 };
    assert_eq!(client.ratelimit("k 5 60 COST 6"), never);
    assert_eq!(client.run("EXISTS k").int(), 0);
    client.ratelimit("k 5 60 COST 2");
    let denied = client.ratelimit("k 5 60 COST 6");
    assert_eq!((denied.limited, denied.remaining, denied.retry_after), (true, 3, -1));
    assert!((1..=60_000).contains(&denied.reset_after), "{denied:?}");
}

#[test]
fn a_limit_of_zero_denies_everything() {
    let server = Server::start();
    let mut client = server.client();
    let never = Reply { limited: true, limit: 0, remaining: 0, retry_after: -1, reset_after: 0 };
    assert_eq!(client.ratelimit("k 0 60"), never);
    assert_eq!(client.peek("k 0 60"), never);
    assert_eq!(client.peek("k 0 60 COST 0"), admitted(0, 0, 0));
    assert_eq!(client.run("DBSIZE").int(), 0);
}

#[test]
fn the_highest_limit_and_the_highest_cost_are_counted_exactly() {
    let server = Server::start();
    let mut client = server.client();
    let (limit, cost) = ((1_i64 << 53) - 1, (1_i64 << 32) - 1);
    let call = format!("k {limit} 3650d COST {cost}");
    assert_eq!(client.ratelimit(&call), admitted(limit, limit - cost, 315_360_000_000));
    assert_eq!(client.ratelimit(&call).remaining, limit - 2 * cost);
    assert!(!client.peek(&format!("k {} 3650d", 2 * cost + 1)).limited);
    assert!(client.peek(&format!("k {} 3650d", 2 * cost)).limited);
}

#[test]
fn a_window_is_decimal_seconds_or_a_number_with_a_unit() {
    let server = Server::start();
    let mut client = server.client();
    for (window, ms) in [
        ("60", 60_000),
        ("0.25", 250),
        ("0.001", 1),
        ("1.5", 1_500),
        ("500ms", 500),
        ("1ms", 1),
        ("90s", 90_000),
        ("5m", 300_000),
        ("1.5m", 90_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
        ("3650d", 315_360_000_000),
        ("315360000", 315_360_000_000),
    ] {
        assert_eq!(client.ratelimit(&format!("{window} 10 {window}")), admitted(10, 9, ms), "{window}");
    }
}

#[test]
fn remaining_is_never_negative() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 10 60 COST 9");
    let denied = client.ratelimit("k 4 60");
    assert_eq!((denied.limited, denied.limit, denied.remaining), (true, 4, 0));
    assert_eq!(client.peek("k 4 60 COST 0").remaining, 0);
}
