//! What keeps rules from banning: networks that are never banned, a guard that learns, guard-mode,
//! the cap, and missing rules.

use super::{DAY, HOUR, MINUTE, builder, server, subjects};
use crate::hostile::refused;
use crate::support::{Client, Server};

/// A ban of an address by a rule, unless something prevents it. Returns the last verdict.
#[track_caller]
fn stuff(client: &mut Client, ip: &str) -> super::Verdict {
    (0..10).for_each(|n| drop(client.event(&format!("failure IP {ip} USER {ip}-{n}"))));
    client.event(&format!("failure IP {ip} USER {ip}-last"))
}

#[test]
fn for_private_addresses_rules_of_scope_ip_only_observe() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for ip in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fe80::1", "fd00::1", "::ffff:10.1.2.3"]
    {
        let verdict = stuff(&mut client, ip);
        assert_eq!((verdict.says(), verdict.would), ((0, ""), 2), "{ip}");
        assert_eq!(client.check(&format!("IP {ip}")).would, 2, "{ip}");
    }
    // Other rules, and operators, are not concerned.
    (0..5).for_each(|_| drop(client.attempt("IP 10.1.2.3 USER alice")));
    assert_eq!(client.attempt("IP 10.1.2.3 USER alice").says(), (1, "guess"));
    client.run("LW.BAN login IP 10.1.2.3 FOR 1h");
    assert_eq!(client.check("IP 10.1.2.3").says(), (2, "operator"));
    client.set("guard-never-ban", "203.0.113.0/24");
    assert_eq!(stuff(&mut client, "203.0.113.7").says(), (0, ""));
    assert_eq!(stuff(&mut client, "10.9.9.9").says(), (2, "stuffing"));
}

#[test]
fn an_address_from_which_most_outcomes_come_is_named_as_a_proxy_once() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for n in 0..300 {
        client.event(&format!("success IP 10.0.0.1 USER user{n}"));
        client.event(&format!("success IP 203.0.113.{} USER user{n}", n % 200));
    }
    assert_eq!(client.audit_kinds().len(), 0, "half of them are no majority");
    let alerted: i64 =
        (0..300).map(|n| client.event(&format!("success IP 10.0.0.1 USER user{n}")).alerted).sum();
    assert_eq!(alerted, 1);
    let kinds = client.audit_kinds();
    assert_eq!((kinds.len(), &kinds[0].0[..]), (1, "guard.proxy"));
    assert_eq!(kinds[0].1["subject"], "10.0.0.1");
}

#[test]
fn a_young_guard_challenges_where_it_would_ban() {
    let server = Server::start();
    let mut client = server.client();
    let now = client.freeze();
    let verdict = stuff(&mut client, "203.0.113.7");
    assert_eq!((verdict.says(), verdict.alerted), ((1, "stuffing"), 0));
    let (kind, data) = client.audit_kinds().remove(0);
    assert_eq!((&kind[..], &data["in_place_of_ban"]), ("guard.challenge", &"learning".into()));
    assert_eq!(data["until_ms"], now + 10 * MINUTE);
    // Operators are not concerned.
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    assert_eq!(client.check("IP 203.0.113.9").says(), (2, "operator"));
    client.stop_clock(now + DAY - 1);
    assert_eq!(stuff(&mut client, "203.0.113.8").says(), (1, "stuffing"));
    client.stop_clock(now + DAY);
    assert_eq!(stuff(&mut client, "203.0.113.10").says(), (2, "stuffing"));
    client.set("guard-learn", "2d");
    assert_eq!(stuff(&mut client, "203.0.113.11").says(), (1, "stuffing"));
    assert_eq!(client.check("IP 203.0.113.10").says(), (2, "stuffing"), "a ban that is set stays");
}

#[test]
fn guard_mode_observe_observes_everything() {
    let server = builder().config("lockwatch.guard-mode observe").start();
    let mut client = server.client();
    client.freeze();
    (0..5).for_each(|_| drop(client.attempt("IP 203.0.113.7 USER alice")));
    for _ in 0..20 {
        let verdict = client.attempt("IP 203.0.113.7 USER alice");
        assert_eq!((verdict.says(), verdict.alerted), ((0, ""), 0));
    }
    assert_eq!(client.check("IP 203.0.113.7 USER alice").would, 1);
    assert_eq!(stuff(&mut client, "203.0.113.8").would, 2);
    assert_eq!(client.run("LW.BANS login").items().len(), 0);
    assert_eq!(client.run("LW.BANS login OBSERVED").items().len(), 3);
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    let verdict = client.check("IP 203.0.113.9");
    assert_eq!((verdict.says(), verdict.would), ((0, ""), 2));
    client.set("guard-mode", "enforce");
    assert_eq!(client.check("IP 203.0.113.9").says(), (2, "operator"));
    assert_eq!(client.check("IP 203.0.113.8").says(), (0, ""), "what was observed stays observed");
    assert!(client.audit_kinds().iter().all(|(kind, _)| kind == "guard.ban"));
}

#[test]
fn above_60_new_bans_a_minute_further_ones_become_challenges() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for n in 0..60 {
        assert_eq!(stuff(&mut client, &format!("198.51.{n}.1")).says(), (2, "stuffing"), "{n}");
    }
    // Addresses of one network count once.
    assert_eq!(stuff(&mut client, "198.51.0.2").says(), (2, "stuffing"));
    let capped = stuff(&mut client, "198.51.60.1");
    assert_eq!((capped.says(), capped.alerted), ((1, "stuffing"), 1));
    assert_eq!(stuff(&mut client, "198.51.61.1").alerted, 0, "one alert");
    assert_eq!(client.check("IP 198.51.0.1").says(), (2, "stuffing"), "standing bans stay");
    assert_eq!(client.guard_info("bans_restrained_total"), 2);
    assert_eq!(client.guard_info("restrained"), 1);
    let kinds = client.audit_kinds();
    assert_eq!(kinds.iter().filter(|(kind, _)| kind == "guard.capped").count(), 1);
    assert_eq!(kinds[0].1["in_place_of_ban"], "capped");
    client.stop_clock(now + MINUTE);
    assert_eq!(stuff(&mut client, "198.51.62.1").says(), (2, "stuffing"));
}

#[test]
fn a_guard_holds_ten_thousand_bans_and_then_challenges() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    let bans: Vec<_> =
        (0..10_000).map(|n| format!("LW.BAN login IP 198.{}.{}.0/24 FOR 1h", n / 256, n % 256)).collect();
    let bans: Vec<_> = bans.iter().map(String::as_str).collect();
    assert!(client.run_all(&bans).iter().all(|answer| answer.int() == now + HOUR));
    let error = refused(&mut client, &["LW.BAN", "login", "IP", "203.0.113.7", "FOR", "1h"]);
    assert!(error.starts_with("LWFULL the guard holds as many bans"), "{error}");
    assert_eq!(client.until("LW.BAN login IP 198.0.0.0/24 FOR 2h"), now + 2 * HOUR, "not a new one");
    let full = stuff(&mut client, "203.0.113.7");
    assert_eq!((full.says(), full.alerted), ((1, "stuffing"), 1));
    assert_eq!(client.audit_kinds()[0].0, "guard.full");
    client.stop_clock(now + HOUR);
    client.until("LW.BAN login IP 203.0.113.9 FOR 1h");
    assert_eq!(stuff(&mut client, "203.0.113.8").says(), (2, "stuffing"), "ended bans make room");
    assert_eq!(subjects(&client.run("LW.BANS login")).len(), 3);
}

#[test]
fn a_key_without_rules_is_refused_with_the_nearest_name() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for line in [
        "LW.ATTEMPT logn IP 203.0.113.7",
        "LW.EVENT logn failure IP 203.0.113.7",
        "LW.CHECK logn IP 203.0.113.7",
        "LW.BAN logn IP 203.0.113.7 FOR 1h",
        "LW.ALLOW logn IP 203.0.113.7 FOR 1h",
        "LW.LIFT logn IP 203.0.113.7",
        "LW.BANS logn",
        "LW.WHY logn IP 203.0.113.7",
        "LW.RULES logn",
    ] {
        let error = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert_eq!(error, "LWNORULE there are no rules for 'logn', did you mean login?", "{line}");
    }
    for key in ["{login}", "shop:{login}", ""] {
        let error = refused(&mut client, &["LW.CHECK", key, "IP", "203.0.113.7"]);
        assert!(error.starts_with("LWNORULE "), "{error}");
    }
    for key in ["login", "lw:login", "login:{t7}", "lw:login:{t7}", "login{t7}", "a:b:http"] {
        assert!(!client.call(&["LW.CHECK", key, "IP", "203.0.113.7"]).is_error(), "{key}");
    }
}

#[test]
fn at_most_ten_audit_events_of_challenges_a_second_and_the_rest_in_one_summary() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for n in 0..30 {
        for _ in 0..6 {
            client.attempt(&format!("IP 203.0.113.{n} USER user{n}"));
        }
    }
    let kinds = client.audit_kinds();
    assert_eq!(kinds.iter().filter(|(kind, _)| kind == "guard.challenge").count(), 10);
    assert!(client.audit_log("LOCAL").iter().all(|event| event.rate_limit_hit && !event.anomaly_detected));
    client.stop_clock(now + MINUTE);
    client.attempt("IP 203.0.113.200 USER next");
    let (kind, data) = client.audit_kinds().remove(0);
    assert_eq!((&kind[..], &data["count"], &data["from_ms"]), ("guard.summary", &20.into(), &now.into()));
}
