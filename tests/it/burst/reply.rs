//! The three integers of the reply: burst, count and alerted.

use std::collections::VecDeque;

use super::{alerted, below, suppressed};
use crate::support::{Burst, Random, Server, wait_until};

#[test]
fn every_call_is_counted_and_the_burst_starts_at_the_threshold() {
    let server = Server::start();
    let mut client = server.client();
    let answers: Vec<Burst> = (0..5).map(|_| client.burst("k 3 60")).collect();
    assert_eq!(answers, [below(1), below(2), alerted(3), suppressed(4), suppressed(5)]);
}

#[test]
fn a_threshold_of_one_is_met_by_every_call() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.burst("k 1 60"), alerted(1));
    assert_eq!(client.burst("k 1 60"), suppressed(2));
}

#[test]
fn the_burst_ends_when_its_calls_leave_the_window() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..3 {
        client.burst("k 3 50ms");
    }
    let last = client.time_ms();
    wait_until("the window is over", || client.time_ms() >= last + 50);
    assert_eq!(client.burst("k 3 50ms"), below(1));
}

#[test]
fn the_count_is_exact_for_random_arrival_times() {
    let server = Server::start();
    let mut client = server.client();
    let mut random = Random::new();
    let mut calls = VecDeque::new();
    for _ in 0..3000 {
        let (answer, at) = client.timed("LW.BURST k 20 40ms COOLDOWN 5ms");
        let answer = Burst::of(&answer);
        calls.push_back(at);
        // The calls that are certainly in the window, and those that may be.
        let sure = calls.iter().filter(|call| call.from > at.to - 40).count() as i64;
        let maybe = calls.iter().filter(|call| call.to > at.from - 40).count() as i64;
        assert!((sure..=maybe).contains(&answer.count), "{answer:?}, {sure} to {maybe}");
        assert_eq!(answer.burst, answer.count >= 20);
        while calls.front().is_some_and(|call| call.to < at.from - 100) {
            calls.pop_front();
        }
        if random.one_in(200) {
            let pause = random.within(1..=60) as i64;
            wait_until("a pause is over", || client.time_ms() >= at.to + pause);
        }
    }
}

#[test]
fn threshold_and_window_may_change_from_call_to_call() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.burst("k 10 1h"), below(1));
    assert_eq!(client.burst("k 2 60"), alerted(2));
    assert_eq!(client.burst("k 4 1d"), below(3));
    assert_eq!(client.burst("k 4 1m"), suppressed(4));
    let last = client.time_ms();
    wait_until("the clock moves on", || client.time_ms() > last);
    assert_eq!(client.burst("k 2 1ms"), below(1), "a short window contains only this call");
    assert_eq!(client.burst("k 9007199254740991 3650d"), below(6));
}

#[test]
fn options_come_in_any_order_and_case() {
    let server = Server::start();
    let mut client = server.client();
    let all = ["COOLDOWN 1h", "ip 192.0.2.1", "Endpoint /login", "METHOD POST", "aGENT curl/8"];
    for first in 0..all.len() {
        let options = [&all[first..], &all[..first]].concat().join(" ");
        let expected = if first == 0 { alerted(1) } else { suppressed(first as i64 + 1) };
        assert_eq!(client.burst(&format!("k 1 60 {options}")), expected, "{options}");
    }
}

#[test]
fn text_options_accept_any_bytes() {
    let server = Server::start();
    let mut client = server.client();
    let long = vec![0xfe; 1 << 20];
    for (i, text) in [&b""[..], b"\0", b"a\r\nb", b"\xff\xfe", b"\\\"", b"COOLDOWN", &long].iter().enumerate()
    {
        let key = i.to_string();
        let call: [&[u8]; 8] = [b"LW.BURST", key.as_bytes(), b"1", b"60", b"ENDPOINT", text, b"AGENT", text];
        assert_eq!(Burst::of(&client.call(&call)), alerted(1), "{}", text.escape_ascii());
    }
}
