//! Each fault, and what is said of it.

use super::*;
use crate::top::sketch::{Sketch, after};

fn texts(snapshot: &Snapshot) -> Vec<String> {
    let found = find(snapshot, &Away::default(), snapshot.taken);
    found.iter().map(|problem| format!("{} {}", problem.level.word(), problem.text)).collect()
}

#[test]
fn a_healthy_fleet_has_no_problems() {
    let healthy = Sketch::new()
        .node(
            "a:1",
            "lockwatch_panics_total:0\r\nlockwatch_audit_state:connected\r\nlockwatch_audit_lag_ms:20\r\n\
             lockwatch_alert_endpoint_0:url=https://a.example,state=ok,pending=0\r\nmaxmemory:0",
        )
        .replica("b:1", "lockwatch_audit_state:idle\r\nmaster_link_status:up");
    assert_eq!(texts(&healthy.taken_after(0)), [""; 0]);
}

#[test]
fn a_node_that_is_away_is_away_since_its_last_answer() {
    let mut away = Away::default();
    let mut at = |seconds, up: bool| {
        let refused = "Connection refused (os error 111)";
        let sketch = if up { Sketch::new().node("a:1", "") } else { Sketch::new().away("a:1", refused) };
        let snapshot = sketch.taken_after(seconds);
        away.add(&snapshot);
        find(&snapshot, &away, after(seconds + 2)).first().map(|problem| problem.text.clone())
    };
    assert_eq!(at(0, true), None);
    assert_eq!(at(1, false).unwrap(), "a:1 is away since 2s: connection refused");
    assert_eq!(at(11, false).unwrap(), "a:1 is away since 12s: connection refused");
    assert_eq!(at(12, true), None);
    assert_eq!(at(70, false).unwrap(), "a:1 is away since 2s: connection refused");
}

#[test]
fn each_fault_is_named() {
    for (info, text) in [
        (
            "lockwatch_panics_total:2",
            "ERROR a:1: 2 panics in the module: see the server's log, and please report it",
        ),
        ("loading:1", "WARN a:1: loads its data"),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:75",
            "ERROR a:1: its link to the primary is down since 1m 15s",
        ),
        ("maxmemory:12582912", "ERROR a:1: memory is 100% of maxmemory, 12.0 MB"),
        (
            "lockwatch_alert_endpoint_0:url=https://a.example,state=open,last_error=connection refused\r\n\
             lockwatch_alert_endpoint_0_state_number:4",
            "ERROR a:1: alerts to https://a.example are open: connection refused",
        ),
        ("lockwatch_alert_queued:2", "WARN a:1: 2 alerts wait, and nobody is told: no webhook is set"),
        ("lockwatch_alert_dead:3", "WARN a:1: 3 alerts were given up: LW.ALERTS DEAD says why"),
        (
            "lockwatch_audit_state:waiting\r\nlockwatch_audit_last_error:timeout",
            "ERROR a:1: the audit log is not shipped: timeout",
        ),
        ("lockwatch_audit_lag_ms:61000", "WARN a:1: the audit log lags by 1m 1s"),
        ("lockwatch_audit_dead:1", "WARN a:1: Postgres refused 1 audit events: LW.AUDITLOG DEAD says why"),
        ("lockwatch_audit_gap:7", "ERROR a:1: the journal is full: 7 audit events were refused"),
        (
            "lockwatch_guards:1\r\nlockwatch_guard_observes:1",
            "WARN a:1: guards only observe: the directive guard-mode is observe",
        ),
    ] {
        assert_eq!(texts(&Sketch::new().node("a:1", info).taken_after(0)), [text]);
    }
}

#[test]
fn nodes_that_differ_and_new_bans_are_reported() {
    let digest = |digest: &str| format!("lockwatch_policies_digest:{digest}");
    let two = Sketch::new().node("a:1", &digest("aa")).node("b:1", &digest("bb"));
    assert_eq!(texts(&two.taken_after(0)), ["WARN the nodes have different policies: aa, bb"]);
    let time = format!("server_time_usec:{}000", crate::top::sketch::START_MS + 5000);
    let bans = Sketch::new().node("a:1", &time);
    let bans = bans.ban("203.0.113.9", "brute", 60).ban("203.0.113.10", "brute", 60);
    let bans = bans.ban("203.0.113.11", "stuffing", 60).ban("203.0.113.0/24", "", 60);
    assert_eq!(texts(&bans.taken_after(0)), ["ATTACK 3 new bans within a minute, 2 of them by login/brute"]);
}
