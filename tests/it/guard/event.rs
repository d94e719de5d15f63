//! LW.EVENT and LW.CHECK: kinds, free keys, and what is never counted.

use super::{HOUR, MINUTE, Verdict, builder, server};
use crate::hostile::refused;
use crate::support::{Client, Server};

const RULES: &str = "shop scrape key 404 3 leak 1m ban 10m max 1h enforce
shop slow key page 3 gaps over 30s alert enforce
shop quiet key beep each quiet 5m alert enforce
* odd ip odd-kind.1_x each challenge 1m alert enforce
";

fn with_rules() -> Server {
    let server = builder().start();
    let path = server.dir().join("rules");
    std::fs::write(&path, RULES).unwrap();
    server.client().set("guard-rules-file", path.to_str().unwrap());
    server
}

#[track_caller]
fn shop(client: &mut Client, line: &str) -> Verdict {
    Verdict::of(&client.run(&line.replace("shop", "lw:shop:{t7}")))
}

#[test]
fn a_ban_of_a_free_key_is_found_by_check_and_every_success_empties_its_counts() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    for round in 0..3 {
        for _ in 0..3 {
            assert_eq!(shop(&mut client, "LW.EVENT shop 404 KEY order-1").says(), (0, ""), "{round}");
        }
        shop(&mut client, "LW.EVENT shop success KEY order-1");
    }
    (0..3).for_each(|_| drop(shop(&mut client, "LW.EVENT shop 404 KEY order-1")));
    let banned = shop(&mut client, "LW.EVENT shop 404 KEY order-1");
    assert_eq!((banned.says(), banned.alerted), ((2, "scrape"), 1));
    assert_eq!(shop(&mut client, "LW.CHECK shop KEY order-1").says(), (2, "scrape"));
    assert_eq!(shop(&mut client, "LW.CHECK shop KEY order-2").says(), (0, ""));
    assert_eq!(shop(&mut client, "LW.CHECK shop USER order-1").says(), (0, ""), "a key is no user");
    let counts = client.info("lockwatch_guard").text("lockwatch_guard_shop/scrape");
    assert_eq!(counts, "fired=1,challenged=0,denied=2,observed=0");
}

#[test]
fn a_rule_on_gaps_fires_when_events_become_slow_and_quiet_holds_it_back() {
    let server = with_rules();
    let mut client = server.client();
    let now = client.freeze();
    let mut page = |at: i64| {
        client.stop_clock(now + at);
        shop(&mut client, "LW.EVENT shop page KEY bot").alerted
    };
    let fast: Vec<_> = [0, 10, 20, 30, 40].map(|second| page(second * 1000)).to_vec();
    assert_eq!(fast, [0; 5]);
    let slow: Vec<_> = [1, 2, 3].map(|n| page((40 + n * 40) * 1000)).to_vec();
    assert_eq!(slow.iter().sum::<i64>(), 1, "{slow:?}");
    let mut beeps = Vec::new();
    for minute in [10, 11, 14, 15, 16, 20] {
        client.stop_clock(now + minute * MINUTE);
        beeps.push(shop(&mut client, "LW.EVENT shop beep KEY bot").alerted);
    }
    assert_eq!(beeps, [1, 0, 0, 1, 0, 1]);
}

#[test]
fn kinds_are_words_of_any_case_and_those_of_attempts_are_refused() {
    let server = with_rules();
    let mut client = server.client();
    client.freeze();
    let odd = shop(&mut client, "LW.EVENT shop ODD-Kind.1_X IP 203.0.113.7");
    assert_eq!((odd.says(), odd.alerted), ((1, "odd"), 1));
    assert_eq!(shop(&mut client, "LW.EVENT shop unheard-of IP 203.0.113.8").says(), (0, ""));
    let long = "x".repeat(33);
    for (kind, why) in [
        ("attempt", "kind 'attempt' is counted by LW.ATTEMPT"),
        ("OPEN", "kind 'OPEN' is counted by LW.ATTEMPT"),
        ("", "kind '' is not a word of up to 32 letters"),
        ("a b", "kind 'a b' is not a word"),
        ("caf\u{e9}", r"kind 'caf\xc3\xa9' is not a word"),
        ("a\0", r"kind 'a\x00' is not a word"),
        (&long, "is not a word of up to 32"),
    ] {
        let error = refused(&mut client, &["LW.EVENT", "shop", kind, "IP", "203.0.113.7"]);
        assert!(error.contains(why), "{error}");
    }
    let longest = "x".repeat(32);
    assert!(!client.call(&["LW.EVENT", "shop", &longest, "IP", "203.0.113.7"]).is_error());
}

#[test]
fn what_is_denied_is_never_counted_and_does_not_prolong_the_ban() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    (0..10).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    let banned = client.event("failure IP 203.0.113.7 USER user10");
    for n in 0..50 {
        client.stop_clock(now + n * 1000);
        client.event(&format!("failure IP 203.0.113.7 USER user{n}"));
        client.event("failure IP 203.0.113.7 USER alice");
        client.attempt("IP 203.0.113.7 USER alice");
    }
    client.stop_clock(now);
    assert_eq!(client.check("IP 203.0.113.7").retry_after, banned.retry_after);
    let counts = client.why("USER alice").field("counts").items().to_vec();
    assert!(counts.is_empty(), "{counts:?}");
    client.stop_clock(now + banned.retry_after);
    assert_eq!(client.event("failure IP 203.0.113.7 USER alice").says(), (0, ""));
    assert_eq!(client.why("IP 203.0.113.7 USER alice").field("counts").items().len(), 6);
}

#[test]
fn check_changes_nothing_and_a_missing_guard_allows() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let before = client.footprint();
    assert_eq!(client.check("IP 203.0.113.7 USER alice KEY k DEVICE d").says(), (0, ""));
    assert_eq!(client.footprint(), before);
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    let before = client.footprint();
    for n in 0..100 {
        assert_eq!(client.check(&format!("IP 203.0.113.7 USER user{n}")).retry_after, HOUR);
    }
    assert_eq!(client.footprint(), before);
    assert_eq!(client.guard_info("checks_total"), 101);
    assert_eq!(client.guard_info("checks_denied_total"), 100);
}

#[test]
fn an_event_that_no_rule_counts_changes_nothing() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    let before = client.footprint();
    for line in ["kept-alive IP 203.0.113.7 USER alice", "reset USER alice", "404 KEY k"] {
        assert_eq!(client.event(line).says(), (0, ""));
        assert_eq!(client.footprint(), before, "{line}");
    }
}

#[test]
fn errors_name_the_argument_and_never_show_a_user_a_device_or_a_value() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.event("failure IP 203.0.113.7 USER alice");
    for (line, why) in [
        ("LW.EVENT login failure VALUE hunter2", "neither IP nor USER nor KEY is given"),
        ("LW.CHECK login DEVICE hunter2", "neither IP nor USER nor KEY is given"),
        ("LW.ATTEMPT login VALUE hunter2 DEVICE hunter2", "neither IP nor USER is given"),
        ("LW.ATTEMPT login USER hunter2 USER hunter2", "USER is given twice"),
        ("LW.ATTEMPT login USER hunter2 IP", "IP has no value"),
        ("LW.EVENT login failure USER hunter2 VALUE", "VALUE has no value"),
        ("LW.WHY login USER hunter2 KEY hunter2", "only IP and USER go together"),
        ("LW.LIFT login USER hunter2 ALL", "only IP and USER go together"),
        ("LW.BAN login USER hunter2 BY hunter", "FOR is missing"),
        ("LW.BAN login USER hunter2 KEY hunter FOR 1h", "unknown option 'KEY'"),
        ("LW.ALLOW login USER hunter2 FOR 8d", "FOR is longer than 7 days"),
    ] {
        let error = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert!(error.starts_with("ERR ") && error.contains(why), "{line}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for option in ["USER", "DEVICE", "VALUE"] {
        let error = refused(&mut client, &["LW.ATTEMPT", "login", "IP", "203.0.113.7", option, ""]);
        assert!(error.contains("is empty"), "{option}: {error}");
        assert!(error.to_uppercase().contains(option), "{option}: {error}");
    }
    let error = refused(&mut client, &["LW.ATTEMPT", "login", "USERS", "hunter2"]);
    assert!(error.contains("did you mean USER?") && !error.contains("hunter2"), "{error}");
}
