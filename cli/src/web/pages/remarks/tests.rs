//! Remarks on made-up servers.

use super::*;

fn on(is_primary: bool, info: Result<&str, Failure>) -> Vec<(Level, &'static str, String)> {
    let info = info.map(Info::parse);
    let node = Node { name: "a:1", is_primary, info: info.as_ref(), has_others: true };
    let remarks = of_node(&node, Some(SystemTime::UNIX_EPOCH));
    remarks.into_iter().map(|remark| (remark.level, remark.tag, remark.text)).collect()
}

const HEALTHY: &str = "lockwatch_version:0.2.0\nlockwatch_ship:1\nlockwatch_guards:1\n\
    lockwatch_audit_state_number:3\nlockwatch_audit_max_events:10\nlockwatch_audit_events:4\n\
    lockwatch_audit_last_error:of yesterday\n";

#[test]
fn a_healthy_server_gets_no_remark() {
    assert_eq!(on(true, Ok(HEALTHY)), []);
}

#[test]
fn each_fault_gets_one_remark() {
    for (field, level, text) in [
        ("lockwatch_panics_total:1", Level::Bad, "a:1 had 1 panic: a bug of lockwatch, see its log"),
        ("master_link_status:down", Level::Bad, "the replica a:1 has lost its primary"),
        ("maxmemory:1000\nused_memory:950", Level::Warning, "a:1 uses 950 bytes of 1000 bytes"),
        (
            "lockwatch_guard_observes:1",
            Level::Note,
            "guards only observe: nobody is banned or challenged (a:1)",
        ),
        ("lockwatch_audit_dead:2", Level::Warning, "Postgres refused 2 audit events (a:1)"),
        ("lockwatch_audit_gap:1", Level::Bad, "the journal is full: 1 event was refused (a:1)"),
        ("lockwatch_audit_events:9", Level::Bad, "the journal is 90 % full: soon events are refused (a:1)"),
        (
            "lockwatch_audit_state_number:5\nlockwatch_audit_pending:3\nlockwatch_audit_lag_ms:9000",
            Level::Bad,
            "3 audit events wait for Postgres, the oldest for 9 s: of yesterday (a:1)",
        ),
        ("lockwatch_alert_dead:1", Level::Warning, "1 alert could not be delivered (a:1)"),
        ("lockwatch_ship:0", Level::Warning, "`ship no` holds alerts and audit events back (a:1)"),
        (
            "lockwatch_alert_endpoint_0:url=https://a.example,state=open,last_error=refused\n\
             lockwatch_alert_endpoint_0_state_number:4",
            Level::Bad,
            "webhook https://a.example fails again and again, and is tried once a minute: refused (a:1)",
        ),
    ] {
        let remarks = on(true, Ok(&format!("{HEALTHY}{field}\n")));
        assert_eq!(remarks.len(), 1, "{field}: {remarks:?}");
        assert_eq!((remarks[0].0, remarks[0].2.as_str()), (level, text));
    }
}

#[test]
fn a_silent_node_and_a_missing_module_are_told_apart() {
    assert_eq!(on(true, Ok("redis_version:7.0.15"))[0].2, "a:1 has no lockwatch: the module is not loaded");
    let away = on(false, Err(Failure::away("connection refused")));
    assert_eq!(away, [(Level::Warning, "servers", "the replica a:1 is away: connection refused".into())]);
}
