//! The append-only file, before and after a rewrite.

use std::fs;

use super::super::support::state::State;
use super::super::support::workload::Workload;
use super::super::support::{Client, Server, poll_until, wait_until};
use super::{fill, with_aof};

#[test]
fn a_restart_from_an_aof_with_preamble_keeps_every_decision() {
    restarts_keep_every_decision(true);
}

#[test]
fn a_restart_from_an_aof_without_preamble_keeps_every_decision() {
    restarts_keep_every_decision(false);
}

#[test]
fn an_aof_rewrite_with_preamble_keeps_every_decision() {
    rewrites_keep_every_decision(true);
}

#[test]
fn an_aof_rewrite_without_preamble_keeps_every_decision() {
    rewrites_keep_every_decision(false);
}

#[test]
fn debug_loadaof_keeps_every_decision() {
    for preamble in [true, false] {
        let server = with_aof(preamble).start();
        let mut client = server.client();
        let mut workload = fill(&mut client);
        for _ in 0..2 {
            let before = State::of(&mut client);
            assert_eq!(client.run("DEBUG LOADAOF").text(), "OK");
            before.assert_same(&State::of(&mut client));
            workload.calls(&mut client, 100);
        }
    }
}

#[test]
fn the_aof_contains_effects_and_no_calls() {
    let server = with_aof(false).start();
    fill(&mut server.client());
    let aof = fs::read(server.aof_file(".incr.aof")).expect("it can be read");
    let text = String::from_utf8_lossy(&aof).to_uppercase();
    for effect in ["LW._WINDOW\r", "LW._WINDOWS\r", "LW._BURST\r"] {
        assert!(text.contains(effect), "{effect:?}");
    }
    for word in ["LW.RATELIMIT", "LW.MRATELIMIT", "LW.PEEK", "LW.BURST", "EVAL"] {
        assert!(!text.contains(word), "{word}");
    }
}

fn restarts_keep_every_decision(preamble: bool) {
    let mut server = with_aof(preamble).start();
    let mut client = server.client();
    let mut workload = fill(&mut client);
    for round in 0..3 {
        let before = State::of(&mut client);
        restart(&mut server, round == 1);
        client = server.client();
        before.assert_same(&State::of(&mut client));
        workload.calls(&mut client, 200);
    }
}

fn rewrites_keep_every_decision(preamble: bool) {
    let mut server = with_aof(preamble).start();
    let mut client = server.client();
    let mut workload = fill(&mut client);
    for round in 0..3 {
        rewrite(&server, &mut client, &mut workload);
        if round > 0 {
            workload.calls(&mut client, 200);
        }
        let base = server.aof_file(if preamble { ".base.rdb" } else { ".base.aof" });
        let base = fs::read(base).expect("it can be read");
        assert_eq!(base.starts_with(b"REDIS") || base.starts_with(b"VALKEY"), preamble);
        let before = State::of(&mut client);
        restart(&mut server, round == 1);
        client = server.client();
        before.assert_same(&State::of(&mut client));
    }
}

#[track_caller]
fn restart(server: &mut Server, by_kill: bool) {
    if by_kill {
        server.kill();
    } else {
        server.stop();
    }
    server.check_aof();
    server.start_again();
}

/// Runs BGREWRITEAOF while calls go on.
#[track_caller]
fn rewrite(server: &Server, client: &mut Client, workload: &mut Workload) {
    // The delay per key, in microseconds, makes the rewrite slow enough for calls to happen during
    // it.
    assert_eq!(client.run("CONFIG SET rdb-key-save-delay 15000").text(), "OK");
    let mut watcher = server.client();
    let mut in_progress = || watcher.info("persistence").number("aof_rewrite_in_progress") == 1;
    wait_until("the server has nothing else to rewrite", || !in_progress());
    let before = workload.admitted;
    let mut during = 0;
    let answer = client.run("BGREWRITEAOF");
    assert_eq!(answer.text(), "Background append only file rewriting started");
    poll_until("the rewrite ends", || {
        if !in_progress() {
            return Some(());
        }
        during = workload.admitted - before;
        workload.calls(client, 20);
        None
    });
    assert!(during > 0, "no call was made during the rewrite");
    assert_eq!(client.info("persistence").text("aof_last_bgrewrite_status"), "ok");
}
