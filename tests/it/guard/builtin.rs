//! Each built-in rule fires on the event that exceeds its number, and on none before.

use super::{DAY, HOUR, MINUTE, Verdict, server};
use crate::support::{Client, Value};

/// An address of network `network`.
fn ip(network: usize, host: usize) -> String {
    format!("203.0.{network}.{host}")
}

/// Makes the calls, of which only the last one may fire a rule. Returns its reply.
#[track_caller]
fn fires(client: &mut Client, calls: impl IntoIterator<Item = String>) -> Verdict {
    let mut calls: Vec<String> = calls.into_iter().collect();
    let last = calls.pop().unwrap();
    client.pass(calls);
    Verdict::of(&client.run(&last))
}

#[track_caller]
fn challenges(client: &mut Client, calls: impl IntoIterator<Item = String>, rule: &str) {
    let verdict = fires(client, calls);
    assert_eq!(verdict.says(), (1, rule));
    let alerts = ["patient", "spray"].contains(&rule);
    assert_eq!((verdict.would, verdict.alerted, verdict.strikes), (1, i64::from(alerts), 0));
}

#[test]
fn account_counts_the_attempts_of_a_user() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    challenges(
        &mut client,
        (0..21).map(|n| format!("LW.ATTEMPT login IP {} USER alice", ip(n, 1))),
        "account",
    );
    client.stop_clock(now + 30 * MINUTE - 1);
    assert_eq!(client.check("USER alice").says(), (1, "account"));
    client.stop_clock(now + 30 * MINUTE);
    assert_eq!(client.check("USER alice").says(), (0, ""));
}

#[test]
fn stubborn_counts_the_failures_of_a_pair() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    let failure = |n: usize| ["failure", "unknown"][n % 2];
    challenges(
        &mut client,
        (0..11).map(|n| format!("LW.EVENT login {} IP 203.0.113.7 USER alice", failure(n))),
        "stubborn",
    );
    client.stop_clock(now + DAY - 1);
    assert_eq!(client.check("IP 203.0.113.7 USER alice").says(), (1, "stubborn"));
    client.stop_clock(now + DAY);
    assert_eq!(client.check("IP 203.0.113.7 USER alice").says(), (0, ""));
}

#[test]
fn patient_counts_the_failures_of_a_user() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let failure = |n| format!("LW.EVENT login failure IP {} USER alice", ip(n % 7, n));
    challenges(&mut client, (0..31).map(failure), "patient");
}

#[test]
fn otp_bans_a_user_who_fails_the_second_factor() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    let verdict =
        fires(&mut client, (0..6).map(|n| format!("LW.EVENT login mfa IP {} USER alice", ip(n, 1))));
    assert_eq!((verdict.says(), verdict.strikes, verdict.alerted), ((2, "otp"), 0, 1));
    assert!((15 * MINUTE..=15 * MINUTE * 11 / 10).contains(&verdict.retry_after), "{verdict:?}");
    assert_eq!(client.attempt("USER alice").says(), (2, "otp"));
    assert_eq!(client.attempt("IP 203.0.0.1").says(), (0, ""));
    client.stop_clock(now + verdict.retry_after);
    assert_eq!(client.check("USER alice").says(), (0, ""));
}

#[test]
fn brute_bans_an_address_and_each_ban_is_longer() {
    let server = server();
    let mut client = server.client();
    let mut now = client.freeze();
    for (round, most) in [10, 20, 40, 80].into_iter().enumerate() {
        let failure = |n| format!("LW.EVENT login failure IP 203.0.113.7 USER user{round}-{}", n % 4);
        let verdict = fires(&mut client, (0..31).map(failure));
        assert_eq!((verdict.says(), verdict.alerted), ((2, "brute"), 1));
        assert_eq!(verdict.strikes, round as i64);
        let range = most * MINUTE..=most * MINUTE * 11 / 10;
        assert!(range.contains(&verdict.retry_after), "{verdict:?} is not in {range:?}");
        assert_eq!(client.check("IP 203.0.113.7").says(), (2, "brute"));
        assert_eq!(client.check("IP 203.0.113.8").says(), (0, ""));
        now += verdict.retry_after;
        client.stop_clock(now);
        assert_eq!(client.check("IP 203.0.113.7").says(), (0, ""));
    }
}

#[test]
fn stuffing_and_enumerate_count_the_users_of_an_address() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let event = |kind: &str, ip: &str, n: usize| format!("LW.EVENT login {kind} IP {ip} USER user{}", n / 2);
    let verdict = fires(&mut client, (0..21).map(|n| event("failure", "203.0.113.7", n)));
    assert_eq!((verdict.says(), verdict.alerted), ((2, "stuffing"), 1));
    let verdict = fires(&mut client, (0..21).map(|n| event("unknown", "203.0.113.8", n)));
    assert_eq!((verdict.says(), verdict.alerted), ((2, "stuffing"), 1));
    let reported: Vec<_> = client
        .audit_kinds()
        .into_iter()
        .map(|(kind, data)| (kind, data["rule"].clone(), data["subject"].clone()))
        .collect();
    let of = |kind: &str, rule: &str, subject: &str| (kind.to_owned(), rule.into(), subject.into());
    assert_eq!(
        reported,
        [
            of("guard.alert", "enumerate", "203.0.113.8"),
            of("guard.ban", "stuffing", "203.0.113.8"),
            of("guard.ban", "stuffing", "203.0.113.7"),
        ]
    );
}

#[test]
fn a_user_who_was_seen_ten_minutes_ago_no_longer_counts_for_stuffing() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    let failure = |n: usize| format!("LW.EVENT login failure IP 203.0.113.7 USER user{n}");
    client.pass((0..10).map(failure));
    client.stop_clock(now + 10 * MINUTE);
    client.pass((10..20).map(failure));
    let verdict = Verdict::of(&client.run(&failure(20)));
    assert_eq!(verdict.verdict, 2, "21 users within 20 hours, and 11 in ten minutes");
}

#[test]
fn trickle_counts_users_who_are_too_slow_for_stuffing() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    let failure = |n: i64| format!("LW.EVENT login failure IP 203.0.113.7 USER user{n}");
    for n in 0..20 {
        client.stop_clock(now + n * 2 * MINUTE);
        // A user who was seen within twenty hours adds nothing.
        client.pass([failure(n), failure(n / 2)]);
    }
    let last = now + 40 * MINUTE;
    client.stop_clock(last);
    assert_eq!(Verdict::of(&client.run(&failure(20))).says(), (1, "trickle"));
    assert_eq!(client.attempt("IP 203.0.113.7 USER third").says(), (1, "trickle"));
    client.stop_clock(last + HOUR - 1);
    assert_eq!(client.check("IP 203.0.113.7").says(), (1, "trickle"));
    client.stop_clock(last + HOUR);
    assert_eq!(client.check("IP 203.0.113.7").says(), (0, ""));
}

#[test]
fn one_new_user_an_hour_never_fires_trickle() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for n in 0..100 {
        client.stop_clock(now + n * HOUR);
        client.pass([format!("LW.EVENT login failure IP 203.0.113.7 USER user{n}")]);
    }
}

#[test]
fn silent_counts_users_whose_attempts_have_no_outcome() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let attempt = |n: usize| format!("LW.ATTEMPT login IP 203.0.113.7 USER user{n}");
    client.pass((0..30).map(attempt));
    let outcomes = ["success", "failure", "unknown", "mfa", "password"];
    for (n, kind) in outcomes.into_iter().enumerate() {
        client.pass([format!("LW.EVENT login {kind} IP 203.0.113.7 USER user{n}")]);
    }
    challenges(&mut client, (100..106).map(attempt), "silent");
}

#[test]
fn spray_counts_the_networks_from_which_a_user_fails() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let failure = |n: usize| format!("LW.EVENT login failure IP {} USER alice", ip(n / 2, n));
    challenges(&mut client, (0..21).map(failure), "spray");
}

#[test]
fn probe_only_observes() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let event = |n: usize| {
        let kind = ["401", "403", "404"][n % 3];
        format!("LW.EVENT http {kind} IP 203.0.113.7 VALUE /path/{}", n / 2)
    };
    for n in 0..30 {
        assert_eq!(Verdict::of(&client.run(&event(n))).would, 0, "{n}");
    }
    for call in [&event(30), "LW.CHECK http IP 203.0.113.7"] {
        let verdict = Verdict::of(&client.run(call));
        assert_eq!((verdict.says(), verdict.would, verdict.alerted), ((0, ""), 2, 0));
    }
    assert_eq!(client.run("LW.BANS http"), Value::Array(Vec::new()));
    let observed = client.run("LW.BANS http OBSERVED");
    let [ban] = observed.items() else { panic!("{observed:?}") };
    let fields = ["subject", "source", "rule", "verdict"].map(|name| ban.field(name).text());
    assert_eq!(fields, ["203.0.113.7", "observed", "probe", "deny"]);
    let counts = client.info("lockwatch_guard").text("lockwatch_guard_http/probe");
    assert_eq!(counts, "fired=1,challenged=0,denied=0,observed=1");
}
