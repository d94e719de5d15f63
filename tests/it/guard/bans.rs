//! LW.BAN, LW.ALLOW and LW.BANS.

use super::{DAY, HOUR, MINUTE, builder, server, subjects};
use crate::hostile::refused;
use crate::support::{Client, Server, Value};

/// A server whose alerts stay in the queue.
pub fn alerting() -> Server {
    builder()
        .config("lockwatch.webhook-allow-private yes")
        .config("lockwatch.webhook-urls http://127.0.0.1:9/")
        .config("lockwatch.ship no")
        .start()
}

#[test]
fn a_ban_denies_its_subject_until_its_end_and_replies_the_end() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for (subject, other) in [
        ("IP 203.0.113.7", "IP 203.0.113.8"),
        ("IP 2001:db8::/48", "IP 2001:db9::1"),
        ("USER alice", "USER Alice"),
        ("KEY order", "USER order"),
    ] {
        let end = client.until(&format!("LW.BAN login {subject} FOR 90s"));
        assert_eq!(end, now + 90_000, "{subject}");
        let named = subject.replace("/48", "7");
        let denied = client.check(&named);
        assert_eq!((denied.says(), denied.retry_after, denied.strikes), ((2, "operator"), 90_000, 0));
        assert_eq!(client.check(other).says(), (0, ""));
        client.stop_clock(now + 89_999);
        assert_eq!(client.check(&named).retry_after, 1);
        client.stop_clock(now + 90_000);
        assert_eq!(client.check(&named).says(), (0, ""));
        client.stop_clock(now);
    }
}

#[test]
fn a_second_ban_of_a_subject_replaces_the_first() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    assert_eq!(client.until("LW.BAN login USER alice FOR 1d REASON first"), now + DAY);
    assert_eq!(client.until("LW.BAN login USER alice FOR 1m REASON second"), now + MINUTE);
    assert_eq!(client.check("USER alice").retry_after, MINUTE);
    let bans = client.run("LW.BANS login");
    assert_eq!((bans.items().len(), bans.items()[0].field("reason").text()), (1, "second".into()));
}

#[test]
fn an_allow_entry_lets_pass_until_its_end() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    client.until("LW.BAN login IP 203.0.113.0/24 FOR 1d");
    assert_eq!(client.until("LW.ALLOW login IP 203.0.113.7 FOR 1h"), now + HOUR);
    for _ in 0..50 {
        assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (0, ""));
        assert_eq!(client.event("mfa IP 203.0.113.7 USER alice").says(), (0, ""));
    }
    client.stop_clock(now + HOUR);
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "operator"));
    assert_eq!(client.check("USER alice").says(), (0, ""), "nothing was counted");
}

#[test]
fn an_allow_entry_of_a_user_ends_the_challenges_of_the_user_and_its_pairs() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    (0..21).for_each(|n| drop(client.attempt(&format!("IP 203.0.113.{} USER alice", n % 4))));
    let challenges = |client: &mut Client| client.why("USER alice").field("challenges").items().len();
    assert_eq!(challenges(&mut client), 2, "of the user and of the first pair");
    assert_eq!(client.until("LW.ALLOW login USER alice FOR 7d"), now + 7 * DAY);
    assert_eq!(challenges(&mut client), 0);
    let error = refused(&mut client, &["LW.ALLOW", "login", "USER", "alice", "FOR", "604801"]);
    assert!(error.contains("FOR is longer than 7 days"), "{error}");
    assert_eq!(client.until("LW.ALLOW login IP 203.0.113.7 FOR 30d"), now + 30 * DAY);
}

#[test]
fn lw_bans_shows_who_is_banned_by_whom_and_why() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    (0..6).for_each(|_| drop(client.event("mfa USER alice")));
    client.call(&[
        "LW.BAN",
        "login",
        "IP",
        "203.0.113.7",
        "FOR",
        "1h",
        "REASON",
        "a\n\"b\" \u{1f511}",
        "BY",
        "ops\0",
    ]);
    let bans = client.run("LW.BANS login");
    let [by_operator, by_rule] = bans.items() else { panic!("{bans:?}") };
    let texts = ["subject", "source", "verdict", "reason", "by", "acl_user"];
    let shown = texts.map(|name| by_operator.field(name).text());
    assert_eq!(shown[..3], ["203.0.113.7", "operator", "deny"]);
    assert!(shown[3].starts_with(r"a\x0a") && shown[4].starts_with(r"ops\x00"), "{shown:?}");
    assert_eq!(shown[5], "default");
    for name in ["hash", "rule"] {
        assert_eq!(*by_operator.field(name), Value::Nil, "{name}");
    }
    let numbers = |ban: &Value| {
        ["from_ms", "until_ms", "strikes", "count", "window_ms"].map(|name| ban.field(name).int())
    };
    assert_eq!(numbers(by_operator), [now, now + HOUR, 0, 0, 0]);
    let [from, until, strikes, count, window] = numbers(by_rule);
    assert_eq!((from, strikes, count, window), (now, 0, 5, 50 * MINUTE));
    assert!((15 * MINUTE..=15 * MINUTE * 11 / 10).contains(&(until - now)));
    let hash = by_rule.field("hash").text();
    assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    assert_eq!(by_rule.field("subject").text(), format!("user {hash}"));
    assert_eq!(["source", "rule"].map(|name| by_rule.field(name).text()), ["rule", "otp"]);
    for name in ["reason", "by", "acl_user"] {
        assert_eq!(*by_rule.field(name), Value::Nil, "{name}");
    }
    client.run("HELLO 3");
    let Value::Array(maps) = client.run("LW.BANS login") else { panic!("no array") };
    assert!(maps.iter().all(|map| matches!(map, Value::Map(fields) if fields.len() == 14)), "{maps:?}");
}

#[test]
fn pages_of_lw_bans_go_on_behind_a_cursor() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let mut all: Vec<String> = Vec::new();
    for n in 0..250 {
        let ip = format!("198.51.{}.{n}", n % 3);
        client.run(&format!("LW.BAN login IP {ip} FOR 1h"));
        client.run(&format!("LW.BAN login USER user{n} FOR 1h"));
        client.run(&format!("LW.ALLOW login IP 198.18.0.{n} FOR 1h"));
    }
    assert_eq!(client.run("LW.BANS login").items().len(), 100);
    assert_eq!(client.run("LW.BANS login COUNT 1000").items().len(), 500);
    let mut after = String::new();
    loop {
        let page = client.run(&format!("LW.BANS login COUNT 7{after}"));
        all.extend(subjects(&page));
        let Some(last) = page.items().last() else { break };
        after = format!(" AFTER {}", last.field("cursor").text());
        // What was listed and lifted in between does not disturb the next page.
        client.run(&format!("LW.LIFT login USER user{}", all.len()));
    }
    assert!(all.is_sorted_by(|a, b| a != b), "no duplicates next to each other");
    all.sort();
    all.dedup();
    assert_eq!(all.iter().filter(|subject| subject.starts_with("198.51.")).count(), 250);
    assert_eq!(subjects(&client.run("LW.BANS login ALLOWED COUNT 1000")).len(), 250);
    for (line, why) in [
        ("LW.BANS login COUNT 0", "COUNT '0' is not an integer from 1 to 1000"),
        ("LW.BANS login COUNT 1001", "is not an integer from 1 to 1000"),
        ("LW.BANS login ALLOWED OBSERVED", "exclude each other"),
        ("LW.BANS login AFTER 0100", "is no cursor of LW.BANS"),
        ("LW.BANS login AFTER \u{e9}", "is no cursor of LW.BANS"),
        ("LW.BANS login LIFTED", "unknown option 'LIFTED'"),
    ] {
        let error = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert!(error.to_lowercase().contains(&why.to_lowercase()), "{error}");
    }
}

#[test]
fn ended_entries_are_not_listed_and_a_missing_guard_has_none() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    assert_eq!(client.run("LW.BANS login"), Value::Array(Vec::new()));
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    client.run("LW.BAN login IP 203.0.113.8 FOR 2h");
    client.stop_clock(now + HOUR);
    assert_eq!(subjects(&client.run("LW.BANS login")), ["203.0.113.8"]);
    // A clock that steps back prolongs no ban.
    client.stop_clock(now - 10 * DAY);
    let bans = client.run("LW.BANS login");
    let ends: Vec<_> = bans.items().iter().map(|ban| ban.field("until_ms").int()).collect();
    assert_eq!(ends, [now - 10 * DAY + HOUR, now - 10 * DAY + 2 * HOUR]);
    assert_eq!(client.check("IP 203.0.113.7").retry_after, HOUR);
}

#[test]
fn a_ban_lift_and_allow_raise_an_alert_and_an_audit_event_that_name_the_operator() {
    let server = alerting();
    let mut client = server.client();
    let now = client.freeze();
    client.run("ACL SETUSER olga on >secret ~* +@all");
    client.run("AUTH olga secret");
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h REASON noise BY ticket-7");
    client.run("LW.ALLOW login USER alice FOR 1h");
    client.run("LW.BAN login KEY order FOR 1h");
    assert_eq!(client.lift("IP 203.0.113.7 BY ticket-8"), 1);
    assert_eq!(client.lift("IP 203.0.113.7"), 0);
    assert_eq!(client.alert_types(), ["guard.lift", "guard.ban", "guard.allow", "guard.ban"]);
    let kinds = client.audit_kinds();
    let [(lift, lifted), (_, key), (allow, allowed), (ban, banned)] = &kinds[..] else { panic!("{kinds:?}") };
    assert_eq!([&lift[..], allow, ban], ["guard.lift", "guard.allow", "guard.ban"]);
    for (data, expected) in [
        (
            banned,
            serde_json::json!({"key": "login", "subject": "203.0.113.7", "ip": "203.0.113.7",
            "until_ms": now + HOUR, "reason": "noise", "by": "ticket-7", "acl_user": "olga"}),
        ),
        (
            lifted,
            serde_json::json!({"key": "login", "subject": "203.0.113.7", "ip": "203.0.113.7",
            "ended": 1, "reason": null, "by": "ticket-8", "acl_user": "olga"}),
        ),
    ] {
        assert_eq!(*data, expected);
    }
    assert_eq!((&allowed["user"], &allowed["by"]), (&"alice".into(), &serde_json::Value::Null));
    assert!(allowed["subject"].as_str().unwrap().starts_with("user "), "{allowed}");
    assert_eq!(key["free_key"], "order");
    let events = client.audit_log("LOCAL USER alice");
    assert_eq!((events.len(), events[0].anomaly_detected), (1, true));
    assert_eq!(client.audit_log("LOCAL IP 203.0.113.7").len(), 2);
}

#[test]
fn a_ban_by_a_rule_raises_one_alert_and_one_audit_event() {
    let server = alerting();
    let mut client = server.client();
    client.freeze();
    let banned =
        (0..11).map(|n| client.event(&format!("failure IP 203.0.113.7 USER user{n}"))).last().unwrap();
    (0..50).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    assert_eq!(client.alert_types(), ["guard.ban"]);
    let kinds = client.audit_kinds();
    let [(kind, data)] = &kinds[..] else { panic!("{kinds:?}") };
    let now = client.audit_log("LOCAL")[0].timestamp_ms;
    assert_eq!(kind, "guard.ban");
    assert_eq!(
        *data,
        serde_json::json!({"key": "login", "subject": "203.0.113.7", "ip": "203.0.113.7", "user": "user10",
            "rule": "stuffing", "count": 10, "window_ms": 600_000, "action": "ban", "strikes": 0,
            "until_ms": now + banned.retry_after})
    );
}
