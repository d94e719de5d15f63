//! Which verdict wins where several stand, and which rule is named.

use super::{HOUR, builder, server};
use crate::support::{Client, Server};

const PAIR: &str = "IP 203.0.113.7 USER alice";

/// Rules by which single events set what a test needs.
const RULES: &str = "login pair-deny pair p-deny each ban 1h enforce
login pair-ask pair p-ask each challenge 2h enforce
login ip-deny ip i-deny each ban 3h enforce
login ip-ask ip i-ask each challenge 4h enforce
login user-deny user mfa each ban 5h enforce
login user-ask user u-ask each challenge 6h enforce
login key-deny key k-deny each ban 7h enforce
login pair-would pair p-would each ban 8h observe
";

fn with_rules() -> Server {
    let server = builder().start();
    let path = server.dir().join("rules");
    std::fs::write(&path, RULES).unwrap();
    server.client().set("guard-rules-file", path.to_str().unwrap());
    server
}

/// Makes one event of each kind for [`PAIR`].
#[track_caller]
fn set(client: &mut Client, kinds: &[&str]) {
    client.run("DEL login");
    for kind in kinds {
        assert!(!client.run(&format!("LW.EVENT login {kind} {PAIR} KEY k")).is_error(), "{kind}");
    }
}

#[test]
fn the_most_severe_verdict_wins_then_the_pair_then_the_address_then_the_user() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    for (kinds, verdict) in [
        (&["u-ask", "i-ask", "p-ask"][..], (1, "pair-ask")),
        (&["u-ask", "i-ask"], (1, "ip-ask")),
        (&["u-ask"], (1, "user-ask")),
        (&["p-ask", "i-ask", "mfa"], (2, "user-deny")),
        (&["p-ask", "u-ask", "i-deny"], (2, "ip-deny")),
        (&["p-ask", "u-ask", "k-deny"], (2, "key-deny")),
        (&["u-ask", "i-ask", "p-deny"], (2, "pair-deny")),
    ] {
        set(&mut client, kinds);
        assert_eq!(client.check(&format!("{PAIR} KEY k")).says(), verdict, "{kinds:?}");
    }
    // A ban ends the counting, so bans of all scopes are set by calls that see none of the others.
    client.run("DEL login");
    for line in ["i-deny IP 203.0.113.7", "mfa USER alice IP 198.51.100.1", "k-deny KEY k"] {
        assert_eq!(client.event(line).verdict, 2);
    }
    assert_eq!(client.check(PAIR).says(), (2, "ip-deny"));
    client.run("LW.BAN login USER alice FOR 1m");
    let denied = client.check(PAIR);
    assert_eq!((denied.says(), denied.retry_after), ((2, "operator"), 60_000));
}

#[test]
fn a_pair_rule_is_named_before_the_bans_of_its_address_and_user() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    client.event(&format!("p-deny {PAIR}"));
    client.event("i-deny IP 203.0.113.7");
    client.event("mfa USER alice");
    assert_eq!(client.check(PAIR).says(), (2, "pair-deny"));
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "ip-deny"));
    assert_eq!(client.check("USER alice").says(), (2, "user-deny"));
    client.run("LW.BAN login IP 203.0.113.0/24 FOR 1m");
    assert_eq!(client.check(PAIR).says(), (2, "operator"));
}

#[test]
fn an_allow_entry_of_the_address_outranks_everything_else() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    client.event(&format!("p-deny {PAIR}"));
    client.event("i-deny IP 203.0.113.7");
    client.event("mfa USER alice");
    client.run("LW.BAN login USER alice FOR 1h");
    client.run("LW.BAN login IP 203.0.113.0/24 FOR 1h");
    client.run("LW.ALLOW login IP 203.0.113.7 FOR 30m");
    let before = client.run("LW.BANS login").items().len();
    for call in [client.check(PAIR), client.attempt(PAIR), client.event(&format!("i-deny {PAIR}"))] {
        assert_eq!((call.says(), call.would), ((0, ""), 0));
    }
    assert_eq!(client.run("LW.BANS login").items().len(), before, "nothing is counted");
    assert_eq!(client.check("USER alice").says(), (2, "operator"));
    client.event("k-deny KEY k");
    assert_eq!(client.check("KEY k").says(), (2, "key-deny"));
    client.run("LW.ALLOW login KEY k FOR 30m");
    assert_eq!(client.check("KEY k IP 203.0.113.9").says(), (0, ""));
}

#[test]
fn among_blocks_the_longest_prefix_wins_and_allow_at_a_tie() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let says = |client: &mut Client, ip: &str| client.check(&format!("IP {ip}")).verdict;
    client.run("LW.BAN login IP 198.0.0.0/8 FOR 1h");
    client.run("LW.ALLOW login IP 198.51.0.0/16 FOR 1h");
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    client.run("LW.ALLOW login IP 198.51.100.7 FOR 1h");
    for (ip, verdict) in [("198.1.1.1", 2), ("198.51.1.1", 0), ("198.51.100.1", 2), ("198.51.100.7", 0)] {
        assert_eq!(says(&mut client, ip), verdict, "{ip}");
    }
    client.run("LW.BAN login IP 198.51.100.7 FOR 1h");
    assert_eq!(says(&mut client, "198.51.100.7"), 0);
    client.run("LW.LIFT login IP 198.51.100.7 ALLOWED");
    assert_eq!(says(&mut client, "198.51.100.7"), 2, "of its /24");
    client.run("LW.BAN login IP 2001:db8::/32 FOR 1h");
    client.run("LW.ALLOW login IP 2001:db8::7 FOR 1h");
    assert_eq!(says(&mut client, "2001:db8::7"), 0);
    assert_eq!(says(&mut client, "2001:db8::8"), 0, "a single address is its /64");
    assert_eq!(says(&mut client, "2001:db8:0:1::8"), 2);
}

#[test]
fn an_operators_ban_of_the_longest_prefix_says_how_long() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.run("LW.BAN login IP 198.51.0.0/16 FOR 9h");
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    assert_eq!(client.check("IP 198.51.100.1").retry_after, HOUR);
    assert_eq!(client.check("IP 198.51.1.1").retry_after, 9 * HOUR);
}

#[test]
fn an_allowed_user_is_not_challenged_but_bans_of_the_address_hold() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    set(&mut client, &["u-ask", "p-ask"]);
    client.run("LW.ALLOW login USER alice FOR 1h");
    assert_eq!(client.check(PAIR).says(), (0, ""));
    client.event(&format!("u-ask {PAIR}"));
    client.event(&format!("p-ask {PAIR}"));
    assert_eq!(client.check(PAIR).says(), (0, ""), "new challenges are suspended as well");
    client.event("i-deny IP 203.0.113.7");
    assert_eq!(client.check(PAIR).says(), (2, "ip-deny"));
    client.run("LW.LIFT login IP 203.0.113.7");
    client.run("LW.BAN login USER alice FOR 1h");
    assert_eq!(client.check(PAIR).says(), (2, "operator"));
}

#[test]
fn observed_rules_show_in_would_only() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    set(&mut client, &["p-would", "u-ask"]);
    let verdict = client.check(PAIR);
    assert_eq!((verdict.says(), verdict.would), ((1, "user-ask"), 2));
    client.run("LW.LIFT login USER alice");
    let verdict = client.check(PAIR);
    assert_eq!((verdict.says(), verdict.would), ((0, ""), 0), "LIFT ends what was observed, too");
}
