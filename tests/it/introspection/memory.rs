//! MEMORY USAGE: bytes per hit, and the upper bound per key.

use crate::support::{Client, Server, wait_until};

fn usage(client: &mut Client, key: &str) -> i64 {
    client.run(&format!("MEMORY USAGE {key}")).int()
}

/// Makes `calls` admitted calls, at least `gap` milliseconds apart. Returns the highest memory
/// usage seen.
fn spaced(client: &mut Client, calls: usize, gap: i64, args: &str) -> i64 {
    let mut highest = 0;
    for call in 0..calls {
        let called_at = client.time_ms();
        assert!(!client.ratelimit(args).limited, "call {call}");
        if call % 25 == 24 {
            highest = highest.max(usage(client, "user:42"));
        }
        wait_until("the clock moves on", || client.time_ms() >= called_at + gap);
    }
    highest
}

#[test]
fn a_hundred_hits_in_a_minute_take_at_most_600_bytes() {
    let server = Server::start();
    let mut client = server.client();
    // At 33 ms apart the time difference takes two bytes, as it does at 600 ms apart (100 hits in a
    // minute).
    spaced(&mut client, 100, 33, "user:42 100 60");
    assert!(client.ratelimit("user:42 100 60").limited);
    let bytes = usage(&mut client, "user:42");
    assert!(bytes <= 600, "{bytes} bytes");
}

#[test]
fn a_thousand_hits_take_at_most_5_kb() {
    let server = Server::start();
    let mut client = server.client();
    // A hit takes two bytes for time difference and cost, as a cost of 1 would at 60 ms apart.
    let highest = spaced(&mut client, 1000, 1, "user:42 2000 60 COST 2");
    assert!(client.ratelimit("user:42 2000 60 COST 2").limited);
    assert!(highest <= 5_000, "{highest} bytes");
}

#[test]
fn a_key_stays_within_the_entry_bound_whatever_its_limit() {
    let server = Server::builder().module_args("window-max-entries 64").start();
    let mut client = server.client();
    let windows = "10s 9007199254740991 1m 9007199254740991 1h 9007199254740991 1d 9007199254740991 2d";
    let highest = spaced(
        &mut client,
        1500,
        1,
        &format!("user:42 9007199254740991 1s 9007199254740991 {windows} COST 1000"),
    );
    assert!(highest <= 2_000, "{highest} bytes with at most 64 entries");
}

#[test]
fn hits_in_the_same_millisecond_share_one_entry() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("user:42 1000000 60");
    let one = usage(&mut client, "user:42");
    let from = client.time_ms();
    let calls = vec![["LW.RATELIMIT", "user:42", "1000000", "60"]; 5000];
    assert!(client.pipeline(&calls).iter().all(|answer| answer.ints()[0] == 0));
    let milliseconds = client.time_ms() - from + 1;
    let many = usage(&mut client, "user:42");
    // An entry takes at most five bytes here, and a block is at most a quarter larger than its
    // contents.
    assert!(many <= one + 64 + 7 * milliseconds.min(512), "{one} bytes, then {many} after {milliseconds} ms");
    assert_eq!(client.peek("user:42 1000000 60 COST 0").remaining, 1_000_000 - 5_001);
}

#[test]
fn a_key_with_one_hit_takes_at_most_256_bytes() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("user:42 100 60");
    let bytes = usage(&mut client, "user:42");
    assert!(bytes <= 256, "{bytes} bytes");
}

#[test]
fn lowering_the_entry_bound_shrinks_a_key_on_its_next_call_without_changing_counts() {
    let server = Server::start();
    let mut client = server.client();
    spaced(&mut client, 200, 1, "user:42 1000 60");
    let before = usage(&mut client, "user:42");
    client.run("CONFIG SET lockwatch.window-max-entries 8");
    assert_eq!(client.peek("user:42 1000 60 COST 0").remaining, 800);
    assert_eq!(client.ratelimit("user:42 1000 60").remaining, 799);
    let after = usage(&mut client, "user:42");
    assert!(after < before, "{before} bytes before, {after} after");
    assert_eq!(client.peek("user:42 1000 60 COST 0").remaining, 799);
}
