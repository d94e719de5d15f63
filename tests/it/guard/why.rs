//! LW.WHY and LW.INSPECT.

use super::{HOUR, MINUTE, server};
use crate::support::Value;

const FIELDS: [&str; 11] = [
    "subject",
    "hash",
    "verdict",
    "rule",
    "retry_after_ms",
    "would",
    "known_networks",
    "known_devices",
    "entries",
    "challenges",
    "counts",
];

#[test]
fn it_replies_one_map_even_without_a_guard_and_changes_nothing() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let before = client.footprint();
    for hello in ["HELLO 2", "HELLO 3"] {
        client.run(hello);
        let why = client.why("IP 203.0.113.7 USER alice");
        let names: Vec<_> = match &why {
            Value::Map(pairs) => pairs.iter().map(|(name, _)| name.text()).collect(),
            flat => flat.items().iter().step_by(2).map(Value::text).collect(),
        };
        assert_eq!(names, FIELDS);
        assert_eq!(["verdict", "would"].map(|name| why.field(name).text()), ["allow", "allow"]);
        assert_eq!(
            ["subject", "hash", "rule"].map(|name| why.field(name).clone()),
            [(); 3].map(|()| Value::Nil)
        );
        for list in ["entries", "challenges", "counts"] {
            assert_eq!(*why.field(list), Value::Array(Vec::new()), "{list}");
        }
    }
    assert_eq!(client.footprint(), before);
}

#[test]
fn an_address_is_explained_with_its_counts_bans_and_the_blocks_around_it() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for n in 0..7 {
        client.event(&format!("failure IP 203.0.113.7 USER user{n}"));
    }
    client.run("LW.BAN login IP 203.0.0.0/16 FOR 1h BY me");
    client.run("LW.ALLOW login IP 203.0.113.0/24 FOR 1h");
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    let why = client.why("IP 203.0.113.7");
    assert_eq!(
        ["subject", "verdict", "would"].map(|name| why.field(name).text()),
        ["203.0.113.7", "allow", "allow"]
    );
    let entries: Vec<_> =
        why.field("entries").items().iter().map(|entry| entry.field("subject").text()).collect();
    assert_eq!(entries, ["203.0.0.0/16", "203.0.113.0/24"]);
    let counts = why.field("counts").items();
    let of = |rule: &str| counts.iter().find(|count| count.field("rule").text() == rule).unwrap();
    for (rule, count, window) in
        [("brute", 30, 5 * MINUTE), ("stuffing", 10, 10 * MINUTE), ("trickle", 20, 20 * HOUR)]
    {
        let fields = ["units", "count", "window_ms", "strikes", "quiet_until_ms"]
            .map(|name| of(rule).field(name).int());
        assert_eq!(fields, [7, count, window, 0, 0], "{rule}");
        assert_eq!(of(rule).field("subject").text(), "203.0.113.7");
    }
    assert_eq!(counts.len(), 3);
    client.run("LW.LIFT login IP 203.0.113.0/24 ALLOWED");
    let why = client.why("IP 203.0.113.7");
    assert_eq!(["verdict", "rule"].map(|name| why.field(name).text()), ["deny", "operator"]);
    assert_eq!(why.field("retry_after_ms").int(), HOUR);
    assert_eq!(client.why("IP 203.0.113.7").field("entries").items()[0].field("until_ms").int(), now + HOUR);
}

#[test]
fn a_user_is_explained_with_all_pairs_and_is_found_by_its_hash() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.event("success IP 192.0.2.1 USER alice DEVICE phone");
    (0..6).for_each(|_| drop(client.attempt("IP 203.0.113.7 USER alice")));
    client.attempt("IP 203.0.113.8 USER alice");
    client.attempt("IP 203.0.113.8 USER alice DEVICE phone");
    let why = client.why("USER alice");
    let hash = why.field("hash").text();
    assert_eq!(why.field("subject").text(), format!("user {hash}"));
    assert_eq!(why.field("verdict").text(), "allow");
    let challenges = why.field("challenges").items();
    assert_eq!(challenges.len(), 1);
    assert_eq!(challenges[0].field("subject").text(), format!("user {hash} at 203.0.113.7"));
    let mut pairs: Vec<_> =
        why.field("counts").items().iter().map(|count| count.field("subject").text()).collect();
    pairs.retain(|subject| subject.contains(" at "));
    assert_eq!(pairs.len(), 2, "{pairs:?}");
    assert_eq!(pairs[0], format!("user {hash} at 203.0.113.8"));
    assert!(pairs[1].starts_with(&format!("user {hash} at device ")), "{pairs:?}");
    assert_eq!(["known_networks", "known_devices"].map(|name| why.field(name).int()), [1, 1]);
    let by_hash = client.why(&format!("HASH {hash}"));
    for field in ["hash", "verdict", "challenges", "counts", "known_devices"] {
        assert_eq!(by_hash.field(field), why.field(field), "{field}");
    }
    let pair = client.why("IP 203.0.113.7 USER alice");
    assert_eq!(["verdict", "rule"].map(|name| pair.field(name).text()), ["challenge", "guess"]);
    assert_eq!(pair.field("subject").text(), format!("user {hash} at 203.0.113.7"));
}

#[test]
fn a_free_key_is_explained_and_found_by_its_hash() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.run("LW.BAN login KEY order FOR 1h");
    let why = client.why("KEY order");
    assert_eq!(["verdict", "rule"].map(|name| why.field(name).text()), ["deny", "operator"]);
    let by_hash = client.why(&format!("HASH {}", why.field("hash").text()));
    assert_eq!(by_hash.field("entries"), why.field("entries"));
    assert_eq!(by_hash.field("verdict").text(), "deny");
}

#[test]
fn an_attempt_says_what_why_says() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    (0..11).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    (0..6).for_each(|_| drop(client.event("mfa USER alice")));
    for subject in ["IP 203.0.113.7", "USER alice", "IP 203.0.113.7 USER alice", "IP 203.0.113.8 USER bob"] {
        let (check, why) = (client.check(subject), client.why(subject));
        let verdict = ["allow", "challenge", "deny"][check.verdict as usize];
        assert_eq!(why.field("verdict").text(), verdict, "{subject}");
        assert_eq!(why.field("retry_after_ms").int(), check.retry_after, "{subject}");
        let rule = why.field("rule");
        assert_eq!(if *rule == Value::Nil { String::new() } else { rule.text() }, check.rule, "{subject}");
    }
}

#[test]
fn inspect_counts_what_a_guard_holds() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.event("success IP 203.0.113.7 USER alice");
    client.event("failure IP 203.0.113.8 USER bob");
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    let inspected = client.run("LW.INSPECT login");
    assert_eq!(inspected.field("type").text(), "guard", "{inspected:?}");
    assert!(inspected.field("bytes").int() > 0, "{inspected:?}");
    let shown = format!("{inspected:?}");
    assert!(!shown.contains("alice") && !shown.contains("203.0.113"), "{shown}");
}
