//! At most one alert per key and cooldown.

use super::{alerted, below, suppressed};
use crate::support::{Bracket, Burst, Server, poll_until, wait_until};

#[test]
fn a_continuing_burst_alerts_once_per_cooldown_as_soon_as_it_ends() {
    let server = Server::start();
    let mut client = server.client();
    let mut alerts: Vec<Bracket> = Vec::new();
    let mut last = None;
    let mut calls = 0;
    poll_until("there are six alerts", || {
        let (answer, at) = client.timed("LW.BURST k 5 60 COOLDOWN 150ms");
        calls += 1;
        let answer = Burst::of(&answer);
        assert_eq!((answer.count, answer.burst), (calls, calls >= 5));
        if answer.alerted {
            if let (Some(before), Some(previous)) = (alerts.last(), last) {
                let previous: Bracket = previous;
                assert!(at.to >= before.from + 150, "alerted at {at:?} and before at {before:?}");
                assert!(previous.from < before.to + 150, "the previous call should have alerted");
            }
            alerts.push(at);
        }
        last = Some(at);
        (alerts.len() == 6).then_some(())
    });
}

#[test]
fn the_default_cooldown_is_one_minute() {
    let server = Server::start();
    let mut client = server.client();
    let (answer, at, expires) = client.timed_then("LW.BURST k 1 1ms", "PEXPIRETIME k");
    assert_eq!(Burst::of(&answer), alerted(1));
    assert!(at.plus(60_000).contains(expires.int()), "{at:?}, {expires:?}");
}

#[test]
fn every_key_has_a_cooldown_of_its_own() {
    let server = Server::start();
    let mut client = server.client();
    for key in ["a", "b", "c"] {
        assert_eq!(client.burst(&format!("{key} 1 60")), alerted(1));
    }
    client.run("SELECT 1");
    assert_eq!(client.burst("a 1 60"), alerted(1));
}

#[test]
fn a_new_burst_within_the_cooldown_does_not_alert() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.burst("k 1 30ms"), alerted(1));
    let last = client.time_ms();
    wait_until("the window is over", || client.time_ms() >= last + 30);
    assert_eq!(client.burst("k 2 30ms"), below(1));
    let again = client.burst("k 1 30ms");
    assert_eq!(again, suppressed(again.count));
}

#[test]
fn a_changed_cooldown_starts_at_the_call_that_changes_it() {
    let server = Server::start();
    let mut client = server.client();
    assert_eq!(client.burst("k 1 60 COOLDOWN 1d"), alerted(1));
    assert_eq!(client.burst("k 1 60 COOLDOWN 1d"), suppressed(2));
    let (answer, at) = client.timed("LW.BURST k 1 60 COOLDOWN 100ms");
    assert_eq!(Burst::of(&answer), suppressed(3));
    wait_until("the shorter cooldown is over", || client.time_ms() >= at.to + 100);
    assert_eq!(client.burst("k 1 60 COOLDOWN 1d"), alerted(4));
    assert_eq!(client.burst("k 1 60 COOLDOWN 1d"), suppressed(5));
}
