//! Cooldowns survive restarts and kills, from RDB and AOF.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{alerted, below, suppressed};
use crate::support::{Builder, Burst, Client, Random, Server, Stop, beside, wait_until};

fn with_aof(preamble: &str) -> Builder {
    let preamble = format!("aof-use-rdb-preamble {preamble}");
    Server::builder().config("appendonly yes").config("appendfsync always").config(preamble)
}

/// Makes one key alert, with a window that ends before the cooldown, and another stay below the
/// threshold.
#[track_caller]
fn alert(client: &mut Client) {
    assert_eq!(client.burst("k 1 1ms COOLDOWN 1h"), alerted(1));
    assert_eq!(client.burst("calm 3 1h COOLDOWN 1h"), below(1));
}

#[track_caller]
fn assert_suppressed(client: &mut Client) {
    let counted = client.burst("k 1 1h COOLDOWN 1h");
    assert_eq!(counted, suppressed(counted.count));
    assert!(!client.burst("calm 9007199254740991 1h COOLDOWN 1h").burst);
}

#[test]
fn a_cooldown_survives_a_restart_from_the_rdb() {
    let mut server = Server::start();
    alert(&mut server.client());
    assert_eq!(server.client().run("SAVE").text(), "OK");
    server.check_rdb();
    server.kill();
    server.start_again();
    assert_suppressed(&mut server.client());
}

#[test]
fn a_cooldown_survives_a_kill_with_an_aof() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        alert(&mut server.client());
        for _ in 0..2 {
            server.kill();
            server.check_aof();
            server.start_again();
            assert_suppressed(&mut server.client());
        }
    }
}

#[test]
fn a_cooldown_survives_a_rewrite_of_the_aof() {
    for preamble in ["yes", "no"] {
        let mut server = with_aof(preamble).start();
        let mut client = server.client();
        alert(&mut client);
        client.run("BGREWRITEAOF");
        client.wait_for_aof_rewrite();
        server.stop();
        server.start_again();
        assert_suppressed(&mut server.client());
    }
}

#[test]
fn a_cooldown_survives_reload_dump_and_restore() {
    let server = Server::start();
    let mut client = server.client();
    alert(&mut client);
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    assert_suppressed(&mut client);
    let dump = client.run("DUMP k").bytes().to_vec();
    client.run("DEL k");
    assert_eq!(client.call(&[&b"RESTORE"[..], b"k", b"0", &dump]).text(), "OK");
    assert_suppressed(&mut client);
    assert!(client.run("PTTL k").int() > 3_500_000, "it expires by itself again");
}

const KEYS: usize = 32;
const CLIENTS: usize = 4;

fn kills() -> i64 {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { 100 } else { 10 }
}

/// The answers that clients received, by key.
#[derive(Default)]
struct Answers {
    calls: [AtomicI64; KEYS],
    alerts: [AtomicI64; KEYS],
}

#[test]
fn kills_under_load_lose_no_call_and_repeat_no_alert() {
    let mut random = Random::new();
    let mut server = with_aof(if random.one_in(2) { "yes" } else { "no" }).start();
    let answers = Answers::default();
    let calls = || answers.calls.iter().map(|calls| calls.load(Ordering::Relaxed)).sum::<i64>();
    for _ in 0..kills() {
        let enough = calls() + random.within(100..=600) as i64;
        let address = server.address();
        let load = |client, stop: &Stop| hammer(address, client, &answers, stop);
        beside(CLIENTS, load, || {
            wait_until("some calls were answered", || calls() >= enough);
            server.kill();
        });
        server.start_again();
    }
    let mut client = server.client();
    for key in 0..KEYS {
        let calls = answers.calls[key].load(Ordering::Relaxed);
        let recorded = client.burst(&format!("{key} 9007199254740991 1h")).count - 1;
        let unanswered = kills() * CLIENTS as i64;
        assert!(
            (calls..=calls + unanswered).contains(&recorded),
            "key {key}: {calls} calls, {recorded} recorded"
        );
        assert!(answers.alerts[key].load(Ordering::Relaxed) <= 1, "key {key} alerted again");
    }
    let alerts: i64 = answers.alerts.iter().map(|alerts| alerts.load(Ordering::Relaxed)).sum();
    // A kill can cut off the answer that reports an alert.
    assert!(alerts > KEYS as i64 / 2, "{alerts} alerts");
}

/// Calls until the server is gone.
fn hammer(address: SocketAddr, from: usize, answers: &Answers, stop: &Stop) {
    let Ok(mut client) = Client::connect(address) else { return };
    for key in (0..KEYS).cycle().skip(from * KEYS / CLIENTS).take_while(|_| !stop.is_set()) {
        let name = key.to_string();
        let Ok(answer) = client.try_call(&["LW.BURST", &name, "5", "1h", "COOLDOWN", "1h"]) else { return };
        answers.calls[key].fetch_add(1, Ordering::Relaxed);
        answers.alerts[key].fetch_add(i64::from(Burst::of(&answer).alerted), Ordering::Relaxed);
    }
}
