//! The alert guard.lost.

use super::DAY;
use super::bans::alerting;
use crate::support::{Client, Server, wait_until};

/// A server with a guard that matters.
fn prepared() -> Server {
    let server = alerting();
    make(&mut server.client(), "login");
    server
}

fn make(client: &mut Client, key: &str) {
    assert_eq!(client.run(&format!("LW.EVENT {key} success IP 203.0.113.7 USER alice")).items().len(), 6);
}

fn lost(client: &mut Client) -> usize {
    client.alert_types().iter().filter(|kind| *kind == "guard.lost").count()
}

/// Asserts that no guard is reported as lost, once everything that could report one has run.
#[track_caller]
fn assert_none_lost(client: &mut Client) {
    // A guard that is lost for sure, whose alert comes after those of earlier losses.
    make(client, "http");
    client.run("DEL http");
    wait_until("the loss of another guard is reported", || lost(client) > 0);
    assert_eq!(lost(client), 1);
}

#[test]
fn a_guard_that_is_deleted_flushed_or_overwritten_is_reported_once() {
    let server = alerting();
    let mut client = server.client();
    let lines = [
        "DEL login",
        "UNLINK login",
        "FLUSHALL SYNC",
        "FLUSHALL ASYNC",
        "FLUSHDB",
        "SET login text",
        "RENAME other login",
        "PEXPIRE login 0",
    ];
    for (n, line) in lines.into_iter().enumerate() {
        client.run("DEL login");
        make(&mut client, "login");
        client.run("SET other text");
        // Two losses of one key within a millisecond are reported as one.
        let made = client.time_ms();
        wait_until("the clock moves on", || client.time_ms() > made + 1);
        assert!(!client.run(line).is_error(), "{line}");
        wait_until(line, || lost(&mut client) == n + 1);
    }
    client.run("PING");
    assert_eq!(lost(&mut client), lines.len());
    let event = client.run("LW.ALERTS LIST COUNT 1");
    assert_eq!(event.items()[0].field("type").text(), "guard.lost");
}

#[test]
fn a_large_guard_that_is_freed_on_a_thread_is_reported() {
    let server = alerting();
    let mut client = server.client();
    for (n, line) in ["UNLINK login", "FLUSHALL ASYNC", "DEL login"].into_iter().enumerate() {
        let events: Vec<_> = (0..3000)
            .map(|n| format!("LW.EVENT login failure IP 11.0.{}.{} USER u{n}", n / 250, n % 250))
            .collect();
        client.run_all(&events.iter().map(String::as_str).collect::<Vec<_>>());
        client.run(line);
        wait_until(line, || lost(&mut client) == n + 1);
        wait_until("the gauges are 0", || client.guard_info("subjects") == 0);
    }
}

#[test]
fn an_evicted_guard_is_reported() {
    let server = prepared();
    let mut client = server.client();
    client.run("CONFIG SET maxmemory-policy allkeys-random");
    client.run("CONFIG SET maxmemory 1");
    assert!(client.run("SET x y").error().starts_with("OOM"));
    client.run("CONFIG SET maxmemory 0");
    wait_until("it is reported", || lost(&mut client) == 1);
    assert_eq!(client.run("EXISTS login").int(), 0);
}

#[test]
fn a_guard_with_a_copy_left_is_not_lost() {
    let server = prepared();
    let mut client = server.client();
    client.run("RENAME login login:2");
    client.run("COPY login:2 login");
    client.run("DEL login:2");
    client.run("COPY login login:3 DB 1");
    client.run("UNLINK login");
    client.run("SELECT 1");
    let dump = client.dump("login:3");
    assert_eq!(client.call(&[&b"RESTORE"[..], b"login:3", b"0", &dump, b"REPLACE"]).text(), "OK");
    client.run("MOVE login:3 0");
    client.run("SELECT 0");
    assert_none_lost(&mut client);
    client.run("DEL login:3");
    wait_until("the last copy is reported", || lost(&mut client) == 2);
}

#[test]
fn a_guard_that_expires_or_holds_nothing_is_not_lost() {
    let server = alerting();
    let mut client = server.client();
    let now = client.time_ms();
    client.stop_clock(now - 31 * DAY);
    // It ends in the past, so the server deletes it at once.
    client.attempt("IP 203.0.113.7 USER alice");
    assert_eq!(client.run("EXISTS login").int(), 0);
    client.stop_clock(0);
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    assert_eq!(client.lift("ALL"), 1);
    assert_eq!(client.run("DEL login").int(), 1);
    assert_none_lost(&mut client);
}

#[test]
fn a_restart_a_reload_and_a_full_sync_lose_nothing() {
    let mut server = prepared();
    let mut client = server.client();
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    client.run("SAVE");
    server.stop();
    server.start_again();
    let mut client = server.client();
    // A replica drops its own guard for what its primary has.
    let replica = prepared();
    let mut there = replica.client();
    let address = server.address();
    there.run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    server.wait_for_replica(&replica);
    assert_eq!(lost(&mut there), 0);
    client.run("DEL login");
    wait_until("the primary reports it", || lost(&mut client) == 1);
    server.wait_for_replica(&replica);
    assert_eq!(lost(&mut there), 1, "the replica has its primary's alert alone");
    there.run("REPLICAOF NO ONE");
    there.run("PING");
    assert_eq!(lost(&mut there), 1);
}
