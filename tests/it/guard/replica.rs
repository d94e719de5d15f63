//! Replicas hold what their primary holds, whatever their own rules and clocks are.

use super::calls::{assert_equal, make, other_rules};
use super::{DAY, HOUR, builder};
use crate::support::{Random, Server, wait_until};

/// Directives of the primary that change while calls are made.
const DIRECTIVES: &[(&str, &[&str])] = &[
    ("guard-mode", &["observe", "enforce", "enforce"]),
    ("guard-learn", &["0", "0", "1d"]),
    ("guard-never-ban", &["10.0.0.0/8", "203.0.113.0/31", ""]),
];

#[test]
fn a_replica_with_other_rules_equals_its_primary_whatever_the_clock_does() {
    let primary = builder().config("lockwatch.guard-max-bytes 1mb").start();
    let replica =
        other_rules().config("appendonly yes").config("aof-use-rdb-preamble no").replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let sub = Server::builder().replica_of(&replica).start();
    replica.wait_for_replica(&sub);
    let (mut client, mut random) = (primary.client(), Random::new());
    replica.client().stop_clock(1);
    // Far in the future, so that no key expires by the server's own clock.
    let mut now = client.time_ms() + 10 * DAY;
    for round in 0..120 {
        now += match random.below(6) {
            0 => -(random.within(0..=20_000) as i64),
            1 if random.one_in(2) => random.within(0..=3_600_000) as i64,
            _ => random.within(0..=6_000) as i64,
        };
        client.stop_clock(now);
        make(&mut client, &mut random, 100);
        if random.one_in(4) {
            let (directive, values) = random.pick(DIRECTIVES);
            let value: &&str = random.pick(values);
            client.set(directive, value);
        }
        if round % 10 == 9 {
            primary.wait_for_replica(&replica);
            replica.wait_for_replica(&sub);
            assert_equal(&primary, &replica);
            assert_equal(&primary, &sub);
        }
    }
    let fired = ["bans_total", "attempts_challenged_total", "attempts_denied_total", "lifted_total"];
    let fired = fired.map(|name| client.guard_info(name));
    eprintln!("bans, challenged, denied, lifted: {fired:?}");
    assert!(fired.iter().all(|number| *number > 0), "{fired:?}");
    let late = other_rules().replica_of(&primary).start();
    primary.wait_for_replica(&late);
    assert_equal(&primary, &late);
    // The replica's own AOF holds the same.
    replica.client().wait_for_aof_rewrite();
    let alone = other_rules().config("appendonly yes").data_dir(replica.into_data()).start();
    assert_equal(&primary, &alone);
}

#[test]
fn what_goes_to_make_room_goes_on_replicas_too() {
    let primary = builder().config("lockwatch.guard-max-bytes 1mb").start();
    let replica = other_rules().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.freeze();
    let mut lines = Vec::new();
    for n in 0..6000 {
        lines.push(format!("LW.EVENT login failure IP 11.0.{}.{} USER fails{n}", n / 250, n % 250));
        lines.push(format!("LW.EVENT login success IP 12.0.{}.{} USER known{n}", n / 250, n % 250));
    }
    client.run_all(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (subjects, known) = (client.guard_info("subjects"), client.guard_info("known_users"));
    assert!(subjects < 12_000 && known < 6000, "{subjects} subjects, {known} known users");
    assert!(client.guard_info("bytes") < 1 << 20);
    primary.wait_for_replica(&replica);
    assert_equal(&primary, &replica);
    let mut there = replica.client();
    for name in ["bans", "subjects", "known_users"] {
        assert_eq!(there.guard_info(name), client.guard_info(name), "{name}");
    }
}

#[test]
fn bans_and_counts_stand_on_a_promoted_replica() {
    let mut primary = builder().start();
    let replica = builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    client.run("LW.ALLOW login IP 198.51.100.7 FOR 1h");
    (0..11).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    (0..5).for_each(|_| drop(client.attempt("IP 203.0.113.8 USER alice")));
    client.event("success IP 203.0.113.7 USER known DEVICE d");
    primary.wait_for_replica(&replica);
    primary.kill();
    let mut client = replica.client();
    assert!(client.run("LW.ATTEMPT login USER alice").error().starts_with("READONLY"));
    assert!(client.run("LW.LIFT login ALL").error().starts_with("READONLY"));
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "stuffing"), "a replica answers LW.CHECK");
    client.run("REPLICAOF NO ONE");
    assert_eq!(client.attempt("IP 198.51.100.1 USER alice").says(), (2, "operator"));
    assert_eq!(client.attempt("IP 198.51.100.7 USER alice").says(), (0, ""));
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (2, "stuffing"));
    assert_eq!(client.attempt("IP 203.0.113.7 USER known").says(), (0, ""));
    assert_eq!(client.attempt("IP 203.0.113.8 USER alice").says(), (1, "guess"), "the sixth attempt");
    assert_eq!(client.lift("ALL"), 3);
}

#[test]
fn only_changes_are_replicated() {
    let primary = builder().start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.freeze();
    (0..6).for_each(|_| drop(client.attempt("IP 203.0.113.7 USER alice")));
    client.run("LW.BAN login USER bob FOR 1h");
    primary.wait_for_replica(&replica);
    let applied = |server: &Server| {
        let stats = server.info("commandstats").fields;
        let of = stats.iter().find(|(name, _)| name.eq_ignore_ascii_case("cmdstat_lw._guard"));
        of.unwrap().1.split(',').next().unwrap_or_default().to_owned()
    };
    let before = applied(&replica);
    assert_eq!(before, "calls=7");
    for _ in 0..20 {
        for line in [
            "LW.ATTEMPT login IP 203.0.113.7 USER alice",
            "LW.ATTEMPT login USER bob SOLVED",
            "LW.CHECK login USER carol",
            "LW.EVENT login unheard-of USER carol",
            "LW.EVENT login reset USER carol",
            "LW.LIFT login USER carol",
            "LW.LIFT http ALL",
            "LW.BANS login",
            "LW.WHY login USER alice",
        ] {
            assert!(!client.run(line).is_error(), "{line}");
        }
    }
    primary.wait_for_replica(&replica);
    assert_eq!(applied(&replica), before);
    assert_equal(&primary, &replica);
}

#[test]
fn an_expiry_that_was_set_by_hand_is_the_same_on_replicas() {
    let primary = builder().config("appendonly yes").config("aof-use-rdb-preamble no").start();
    let replica = other_rules().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    client.freeze();
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    let expires = client.run("PEXPIRETIME login").int();
    for line in ["PERSIST login", "EXPIRE login 9999"] {
        client.run(line);
        client.attempt("IP 203.0.113.8 USER alice");
        assert_ne!(client.run("PEXPIRETIME login").int(), expires, "{line}");
        primary.wait_for_replica(&replica);
        assert_equal(&primary, &replica);
    }
    client.run("PERSIST login");
    client.run("BGREWRITEAOF");
    client.wait_for_aof_rewrite();
    let before = super::calls::state(&mut client);
    assert_eq!(client.run("DEBUG LOADAOF").text(), "OK");
    assert!(super::calls::state(&mut client) == before);
    // A change that makes the guard live longer sets it again, everywhere.
    client.run("LW.BAN login IP 203.0.113.9 FOR 365d");
    assert!(client.run("PEXPIRETIME login").int() > expires);
    primary.wait_for_replica(&replica);
    assert_equal(&primary, &replica);
}

#[test]
fn a_writable_replica_neither_alerts_nor_records() {
    let primary = builder().start();
    let replica = builder().config("replica-read-only no").replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = replica.client();
    (0..11).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "stuffing"));
    assert!(client.audit_kinds().is_empty() && client.alert_types().is_empty());
}

#[test]
fn a_guard_expires_when_nothing_in_it_matters() {
    let primary = builder().start();
    let replica = other_rules().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let now = client.freeze();
    client.attempt("IP 203.0.113.7 USER alice");
    let expires = |client: &mut crate::support::Client| client.run("PEXPIRETIME login").int();
    let brief = expires(&mut client);
    assert!((now + 30 * DAY..=now + 30 * DAY + HOUR).contains(&brief), "{}", brief - now);
    client.run("LW.BAN login IP 203.0.113.7 FOR 60d");
    let long = expires(&mut client);
    assert!((now + 60 * DAY..=now + 60 * DAY + HOUR).contains(&long), "{}", long - now);
    client.event("success IP 203.0.113.7 USER alice");
    let known = expires(&mut client);
    assert!((now + 90 * DAY..=now + 90 * DAY + HOUR).contains(&known), "{}", known - now);
    primary.wait_for_replica(&replica);
    assert_equal(&primary, &replica);
    client.run("PEXPIRE login 1");
    wait_until("it expires on both", || {
        client.run("EXISTS login").int() == 0 && replica.client().run("DBSIZE").int() == 0
    });
}
