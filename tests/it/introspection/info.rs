use crate::support::{Info, Server};

fn own(info: &Info) -> Vec<(&str, &str)> {
    let fields = info.fields.iter().filter(|(name, _)| name.starts_with("lockwatch_"));
    fields.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

const NO_DELIVERY: &str = "count=0,sum=0.000,le_5=0,le_10=0,le_20=0,le_50=0,le_100=0,le_200=0,le_500=0,\
    le_1000=0,le_2000=0,le_5000=0,le_10000=0,le_30000=0,le_inf=0";
const NO_BATCH: &str = "count=0,sum=0.000,le_1=0,le_2=0,le_5=0,le_10=0,le_20=0,le_50=0,le_100=0,le_200=0,\
    le_500=0,le_1000=0,le_2000=0,le_5000=0,le_10000=0,le_30000=0,le_inf=0";
const NO_RULE_FIRED: &str = "fired=0,challenged=0,denied=0,observed=0";

#[test]
fn info_fields_have_stable_names_and_start_at_zero() {
    let server = Server::start();
    assert_eq!(
        own(&server.info("lockwatch")),
        [
            ("lockwatch_alert_dead", "0"),
            ("lockwatch_alert_dead_dropped_total", "0"),
            ("lockwatch_alert_dead_total", "0"),
            ("lockwatch_alert_deduplicated_total", "0"),
            ("lockwatch_alert_delivered_total", "0"),
            ("lockwatch_alert_delivery_ms", NO_DELIVERY),
            ("lockwatch_alert_dropped_total", "0"),
            ("lockwatch_alert_endpoints", "0"),
            ("lockwatch_alert_max_bytes", "16777216"),
            ("lockwatch_alert_max_events", "10000"),
            ("lockwatch_alert_oldest_ms", "0"),
            ("lockwatch_alert_queued", "0"),
            ("lockwatch_alert_queued_bytes", "0"),
            ("lockwatch_alert_raised_total", "0"),
            ("lockwatch_alert_refused_total", "0"),
            ("lockwatch_alert_retried_total", "0"),
            ("lockwatch_alert_rolled_up_total", "0"),
            ("lockwatch_audit_appended_total", "0"),
            ("lockwatch_audit_batches_total", "0"),
            ("lockwatch_audit_bytes", "0"),
            ("lockwatch_audit_dead", "0"),
            ("lockwatch_audit_dead_total", "0"),
            ("lockwatch_audit_dropped_total", "0"),
            ("lockwatch_audit_erased_total", "0"),
            ("lockwatch_audit_events", "0"),
            ("lockwatch_audit_expired_total", "0"),
            ("lockwatch_audit_gap", "0"),
            ("lockwatch_audit_gaps_total", "0"),
            ("lockwatch_audit_lag_ms", "0"),
            ("lockwatch_audit_last_error", ""),
            ("lockwatch_audit_last_error_ms", "0"),
            ("lockwatch_audit_max_bytes", "268435456"),
            ("lockwatch_audit_max_events", "1000000"),
            ("lockwatch_audit_overwritten_total", "0"),
            ("lockwatch_audit_pending", "0"),
            ("lockwatch_audit_postgres", ""),
            ("lockwatch_audit_refused_total", "0"),
            ("lockwatch_audit_retries_total", "0"),
            ("lockwatch_audit_ship_ms", NO_BATCH),
            ("lockwatch_audit_shipped_total", "0"),
            ("lockwatch_audit_state", "off"),
            ("lockwatch_audit_state_number", "0"),
            ("lockwatch_burst_alerts_total", "0"),
            ("lockwatch_burst_bursts_total", "0"),
            ("lockwatch_burst_bytes", "0"),
            ("lockwatch_burst_calls_total", "0"),
            ("lockwatch_burst_clock_steps_total", "0"),
            ("lockwatch_burst_keys", "0"),
            ("lockwatch_cell_calls_total", "0"),
            ("lockwatch_cell_denied_total", "0"),
            ("lockwatch_guard_attempts_admitted_total", "0"),
            ("lockwatch_guard_attempts_challenged_total", "0"),
            ("lockwatch_guard_attempts_denied_total", "0"),
            ("lockwatch_guard_attempts_total", "0"),
            ("lockwatch_guard_bans", "0"),
            ("lockwatch_guard_bans_restrained_total", "0"),
            ("lockwatch_guard_bans_total", "0"),
            ("lockwatch_guard_bytes", "0"),
            ("lockwatch_guard_checks_denied_total", "0"),
            ("lockwatch_guard_checks_total", "0"),
            ("lockwatch_guard_events_total", "0"),
            ("lockwatch_guard_http/probe", NO_RULE_FIRED),
            ("lockwatch_guard_known_users", "0"),
            ("lockwatch_guard_lifted_total", "0"),
            ("lockwatch_guard_login/account", NO_RULE_FIRED),
            ("lockwatch_guard_login/brute", NO_RULE_FIRED),
            ("lockwatch_guard_login/enumerate", NO_RULE_FIRED),
            ("lockwatch_guard_login/guess", NO_RULE_FIRED),
            ("lockwatch_guard_login/otp", NO_RULE_FIRED),
            ("lockwatch_guard_login/patient", NO_RULE_FIRED),
            ("lockwatch_guard_login/silent", NO_RULE_FIRED),
            ("lockwatch_guard_login/spray", NO_RULE_FIRED),
            ("lockwatch_guard_login/stubborn", NO_RULE_FIRED),
            ("lockwatch_guard_login/stuffing", NO_RULE_FIRED),
            ("lockwatch_guard_login/trickle", NO_RULE_FIRED),
            ("lockwatch_guard_observes", "0"),
            ("lockwatch_guard_outcomes_total", "0"),
            ("lockwatch_guard_refused_subjects_total", "0"),
            ("lockwatch_guard_restrained", "0"),
            ("lockwatch_guard_rules", "12"),
            ("lockwatch_guard_subjects", "0"),
            ("lockwatch_guard_successes_total", "0"),
            ("lockwatch_guards", "0"),
            ("lockwatch_journal", "1"),
            ("lockwatch_lease_acquired_total", "0"),
            ("lockwatch_lease_bytes", "0"),
            ("lockwatch_lease_closed_total", "0"),
            ("lockwatch_lease_denied_total", "0"),
            ("lockwatch_lease_keys", "0"),
            ("lockwatch_lease_leases", "0"),
            ("lockwatch_lease_missed_total", "0"),
            ("lockwatch_lease_onclose_connections", "0"),
            ("lockwatch_lease_onclose_leases", "0"),
            ("lockwatch_lease_released_total", "0"),
            ("lockwatch_lease_renewed_total", "0"),
            ("lockwatch_lease_repeated_total", "0"),
            ("lockwatch_mratelimit_calls_total", "0"),
            ("lockwatch_mratelimit_denied_total", "0"),
            ("lockwatch_mratelimit_peeks_total", "0"),
            ("lockwatch_panics_total", "0"),
            ("lockwatch_policies", "0"),
            ("lockwatch_policies_digest", "08395407b4f1363f"),
            ("lockwatch_policies_overrides", "0"),
            ("lockwatch_ratelimit_bytes", "0"),
            ("lockwatch_ratelimit_calls_total", "0"),
            ("lockwatch_ratelimit_clock_steps_total", "0"),
            ("lockwatch_ratelimit_denied_total", "0"),
            ("lockwatch_ratelimit_forced_total", "0"),
            ("lockwatch_ratelimit_keys", "0"),
            ("lockwatch_ratelimit_peeks_total", "0"),
            ("lockwatch_ratelimit_refunds_total", "0"),
            ("lockwatch_ratelimit_settles_total", "0"),
            ("lockwatch_ship", "1"),
            ("lockwatch_token_alive_since_ms", "0"),
            ("lockwatch_token_busy_total", "0"),
            ("lockwatch_token_bytes", "0"),
            ("lockwatch_token_claims_set_total", "0"),
            ("lockwatch_token_clock_ahead_ms", "0"),
            ("lockwatch_token_evicted_total", "0"),
            ("lockwatch_token_forged_total", "0"),
            ("lockwatch_token_issued_total", "0"),
            ("lockwatch_token_keys", "0"),
            ("lockwatch_token_refresh_secrets", "0"),
            ("lockwatch_token_replayed_total", "0"),
            ("lockwatch_token_reused_total", "0"),
            ("lockwatch_token_revoked_total", "0"),
            ("lockwatch_token_rolled_forward_total", "0"),
            ("lockwatch_token_rotate_refused_total", "0"),
            ("lockwatch_token_rotated_total", "0"),
            ("lockwatch_token_sessions", "0"),
            ("lockwatch_token_sign_queue", "0"),
            ("lockwatch_token_stores", "0"),
            ("lockwatch_token_verified_total", "0"),
            ("lockwatch_token_verify_cache_hits_total", "0"),
            ("lockwatch_token_verify_refused_total", "0"),
            ("lockwatch_top_denials", "0"),
            ("lockwatch_top_keys", "0"),
            ("lockwatch_version", env!("CARGO_PKG_VERSION")),
        ]
    );
    assert_eq!(
        server.info("lockwatch").sections,
        [
            "lockwatch_module",
            "lockwatch_ratelimit",
            "lockwatch_policy",
            "lockwatch_cell",
            "lockwatch_top",
            "lockwatch_burst",
            "lockwatch_lease",
            "lockwatch_guard",
            "lockwatch_token",
            "lockwatch_ship",
            "lockwatch_alert",
            "lockwatch_audit",
            "lockwatch_outbox"
        ]
    );
}

#[test]
fn calls_denials_and_peeks_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..5 {
        client.ratelimit("k 2 60");
    }
    for _ in 0..4 {
        client.peek("k 2 60");
    }
    client.multi(&["LW.RATELIMIT k 2 60", "LW.PEEK k 2 60"]);
    client.run("LW.RATELIMIT k nonsense 60");
    client.run("LW.PEEK k 2");
    for _ in 0..3 {
        client.mratelimit("a 2 60 1 b 5 60 1");
    }
    for _ in 0..2 {
        client.mpeek("a 2 60 1 b 5 60 1");
    }
    client.run("LW.MRATELIMIT a 2 60 1 b 5 60 nonsense");
    client.run("LW.MPEEK a 2 60 1 b");
    let info = client.info("lockwatch");
    assert_eq!(info.number("lockwatch_ratelimit_calls_total"), 6);
    assert_eq!(info.number("lockwatch_ratelimit_denied_total"), 4);
    assert_eq!(info.number("lockwatch_ratelimit_peeks_total"), 5);
    assert_eq!(info.number("lockwatch_mratelimit_calls_total"), 3);
    assert_eq!(info.number("lockwatch_mratelimit_denied_total"), 1);
    assert_eq!(info.number("lockwatch_mratelimit_peeks_total"), 2);
}

#[test]
fn every_info_section_for_modules_includes_our_fields() {
    let server = Server::start();
    server.client().ratelimit("k 1 60");
    let alone = server.info("lockwatch");
    assert_eq!(alone.number("lockwatch_ratelimit_calls_total"), 1);
    for section in ["everything", "modules"] {
        assert_eq!(own(&server.info(section)), own(&alone), "INFO {section}");
    }
    let part = server.info("lockwatch_ratelimit");
    assert_eq!(part.sections, ["lockwatch_ratelimit"]);
}

#[test]
fn commandstats_count_calls_and_failures_of_each_command() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 1 60");
    client.ratelimit("k 1 60");
    client.run("LW.RATELIMIT k nonsense 60");
    let fields = client.info("commandstats").fields;
    let (_, stats) =
        fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("cmdstat_lw.ratelimit")).unwrap();
    assert!(
        stats.contains("calls=3,") && stats.contains("failed_calls=1"),
        "a denial is not a failed call: {stats}"
    );
}

#[test]
fn a_server_that_holds_everything_back_says_so() {
    let server = Server::builder()
        .config("lockwatch.ship no")
        .config("lockwatch.webhook-urls \"https://a.example.com/x https://b.example.com/y\"")
        .start();
    let mut client = server.client();
    let info = client.info("lockwatch");
    assert_eq!(info.number("lockwatch_ship"), 0);
    assert_eq!(info.text("lockwatch_audit_state"), "held");
    assert_eq!(info.number("lockwatch_audit_state_number"), 2);
    for place in 0..2 {
        assert_eq!(client.endpoint_info(place)["state"], "held");
        assert_eq!(client.alert_info(&format!("endpoint_{place}_state_number")), 2);
    }
    client.set("ship", "yes");
    let info = client.info("lockwatch");
    assert_eq!((&info.text("lockwatch_ship")[..], &info.text("lockwatch_audit_state")[..]), ("1", "off"));
    assert_eq!(client.endpoint_info(0)["state"], "ok");
}
