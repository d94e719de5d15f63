//! LW.ATTEMPT: what it replies, counts and leaves alone.

use super::{MINUTE, Verdict, server};
use crate::support::Value;

const ALICE: &str = "IP 203.0.113.7 USER alice";

#[test]
fn the_reply_has_six_values_in_resp2_and_resp3() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let allowed = [Value::Int(0), Value::Int(0), Value::Nil, Value::Int(0), Value::Int(0), Value::Int(0)];
    let challenged = |rule: &str| {
        let rule = Value::Bulk(rule.into());
        [Value::Int(1), Value::Int(0), rule, Value::Int(0), Value::Int(1), Value::Int(0)]
    };
    for (user, hello) in [("alice", "HELLO 2"), ("bob", "HELLO 3")] {
        client.run(hello);
        let attempt = format!("LW.ATTEMPT login IP 203.0.113.7 USER {user}");
        for _ in 0..5 {
            assert_eq!(client.run(&attempt), Value::Array(allowed.to_vec()), "{hello}");
        }
        let check = attempt.replace("ATTEMPT", "CHECK");
        for call in [&attempt, &check] {
            assert_eq!(client.run(call), Value::Array(challenged("guess").to_vec()), "{hello}");
        }
        client.run("LW.BAN login IP 203.0.113.7 FOR 90s");
        let banned = [2, 90_000, 0, 0, 2, 0].map(Value::Int);
        let mut banned = banned.to_vec();
        banned[2] = Value::Bulk("operator".into());
        let event = attempt.replace("ATTEMPT", "EVENT").replace("login", "login failure");
        for call in [&attempt, &check, &event] {
            assert_eq!(client.run(call), Value::Array(banned.clone()), "{hello}");
        }
        client.run("LW.LIFT login IP 203.0.113.7");
    }
}

#[test]
fn a_pair_has_exactly_five_attempts_and_then_a_challenge_of_15_minutes() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for _ in 0..5 {
        assert_eq!(client.attempt(ALICE).says(), (0, ""));
    }
    assert_eq!(client.attempt(ALICE).says(), (1, "guess"));
    // Only this pair is challenged.
    assert_eq!(client.check("IP 203.0.113.7").says(), (0, ""));
    assert_eq!(client.check("USER alice").says(), (0, ""));
    assert_eq!(client.attempt("IP 203.0.113.8 USER alice").says(), (0, ""));
    assert_eq!(client.attempt("IP 203.0.113.7 USER bob").says(), (0, ""));
    client.stop_clock(now + 15 * MINUTE - 1);
    assert_eq!(client.check(ALICE).says(), (1, "guess"));
    client.stop_clock(now + 15 * MINUTE);
    assert_eq!(client.attempt(ALICE).says(), (0, ""));
}

#[test]
fn one_attempt_leaks_every_two_minutes() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    (0..5).for_each(|_| drop(client.attempt(ALICE)));
    for minute in [2, 4, 6] {
        client.stop_clock(now + minute * MINUTE);
        assert_eq!(client.attempt(ALICE).says(), (0, ""), "after {minute} minutes");
    }
    client.stop_clock(now + 8 * MINUTE - 1);
    assert_eq!(client.attempt(ALICE).says(), (1, "guess"));
}

#[test]
fn a_challenged_or_denied_attempt_writes_nothing() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    (0..6).for_each(|_| drop(client.attempt(ALICE)));
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    let before = client.footprint();
    for args in [ALICE, "IP 198.51.100.9 USER alice", "IP 198.51.100.9 USER bob SOLVED VALUE v DEVICE d"] {
        assert!(client.attempt(args).verdict > 0);
    }
    assert_eq!(client.footprint(), before);
    assert_eq!(client.guard_info("attempts_total"), 9);
    assert_eq!(client.guard_info("attempts_admitted_total"), 5);
    assert_eq!(client.guard_info("attempts_challenged_total"), 2);
    assert_eq!(client.guard_info("attempts_denied_total"), 2);
}

#[test]
fn who_solves_the_challenge_goes_on_and_is_denied_if_the_pair_rule_fires_again() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    (0..6).for_each(|_| drop(client.attempt(ALICE)));
    let solved = format!("{ALICE} SOLVED");
    for _ in 0..5 {
        assert_eq!(client.attempt(&solved).says(), (0, ""));
        assert_eq!(client.attempt(ALICE).says(), (1, "guess"), "the challenge stands without SOLVED");
    }
    for args in [&solved, ALICE, &solved] {
        let denied = client.attempt(args);
        assert_eq!((denied.says(), denied.retry_after), ((2, "guess"), 15 * MINUTE));
    }
    let why = client.why(ALICE);
    assert_eq!(why.field("verdict").text(), "deny");
    assert_eq!(why.field("challenges").items()[0].field("verdict").text(), "deny");
    client.stop_clock(now + 15 * MINUTE);
    assert_eq!(client.attempt(ALICE).says(), (0, ""));
}

#[test]
fn a_solved_challenge_of_a_user_rule_is_charged_and_never_denies() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let from = |n: usize| format!("IP 203.0.113.{n} USER alice");
    (0..20).for_each(|n| assert_eq!(client.attempt(&from(n)).verdict, 0));
    assert_eq!(client.attempt(&from(20)).says(), (1, "account"));
    for n in 21..100 {
        assert_eq!(client.attempt(&from(n)).says(), (1, "account"));
        assert_eq!(client.attempt(&format!("{} SOLVED", from(n))).says(), (0, ""));
    }
}

#[test]
fn a_password_that_the_pair_has_tried_lately_costs_nothing() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let mut with = |value: &str| client.attempt(&format!("{ALICE} VALUE {value}"));
    for value in ["a", "b", "c", "d"] {
        (0..20).for_each(|_| assert_eq!(with(value).verdict, 0, "{value}"));
    }
    for value in ["a", "b", "c", "d", "a"] {
        assert_eq!(with(value).verdict, 0);
    }
    // The fifth value takes the place of the oldest one, which is charged again.
    assert_eq!(with("e").verdict, 0);
    (0..20).for_each(|_| assert_eq!(with("b").verdict, 0));
    assert_eq!(with("a").says(), (1, "guess"));
}

#[test]
fn the_failure_of_a_password_counts_once_for_a_pair() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let failure = |value: &str| format!("failure {ALICE} VALUE {value}");
    for _ in 0..40 {
        assert_eq!(client.attempt(&format!("{ALICE} VALUE stale")).verdict, 0);
        assert_eq!(client.event(&failure("stale")).verdict, 0);
    }
    assert_eq!(
        client.why("IP 203.0.113.7").field("counts").items().len(),
        3,
        "of brute, stuffing and trickle"
    );
    for n in 0..9 {
        assert_eq!(client.event(&failure(&n.to_string())).verdict, 0);
    }
    assert_eq!(client.event(&failure("last")).says(), (1, "stubborn"));
}

#[test]
fn an_address_or_a_user_alone_is_enough() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for _ in 0..20 {
        assert_eq!(client.attempt("USER alice").says(), (0, ""));
        assert_eq!(client.attempt("IP 203.0.113.7 VALUE x DEVICE d").says(), (0, ""));
    }
    assert_eq!(client.attempt("USER alice").says(), (1, "account"));
    let refused = client.run("LW.ATTEMPT login DEVICE d VALUE v");
    assert!(refused.error().starts_with("ERR neither IP nor USER is given"), "{refused:?}");
}

#[test]
fn transactions_and_scripts_get_the_six_values() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let line = format!("LW.ATTEMPT login {ALICE}");
    let answers = client.multi(&[&line; 6].map(String::as_str)).unwrap();
    assert_eq!(answers.iter().map(|answer| Verdict::of(answer).verdict).sum::<i64>(), 1);
    let script = "return redis.call('LW.ATTEMPT', KEYS[1], 'IP', ARGV[1], 'USER', ARGV[2])";
    let call: [&[u8]; 6] =
        [b"EVAL", script.as_bytes(), b"1", b"login:\0\xff", b"::ffff:203.0.113.7", b"\0\xff"];
    let verdicts: Vec<_> = (0..6).map(|_| Verdict::of(&client.call(&call)).verdict).collect();
    assert_eq!(verdicts, [0, 0, 0, 0, 0, 1]);
}
