//! Guards above maxmemory.

use super::server;
use crate::hostile::refused;

#[test]
fn above_maxmemory_calls_judge_and_change_what_exists_and_create_nothing() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    (0..4).for_each(|_| drop(client.attempt("IP 203.0.113.7 USER alice")));
    client.run("LW.BAN login IP 198.51.100.0/24 FOR 1h");
    let (subjects, known) = (client.guard_info("subjects"), client.guard_info("known_users"));
    client.run("CONFIG SET maxmemory 1");
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (0, ""), "the fifth");
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (1, "guess"));
    assert_eq!(client.attempt("IP 198.51.100.1 USER alice").says(), (2, "operator"));
    assert_eq!(client.check("IP 203.0.113.7 USER alice").says(), (1, "guess"));
    assert_eq!(client.guard_info("refused_subjects_total"), 0);
    for n in 0..50 {
        assert_eq!(client.attempt(&format!("IP 203.0.113.9 USER new{n}")).says(), (0, ""));
        assert_eq!(client.event(&format!("failure IP 203.0.113.9 USER new{n}")).says(), (0, ""));
        assert_eq!(client.event(&format!("success IP 203.0.113.9 USER new{n}")).says(), (0, ""));
    }
    assert_eq!((client.guard_info("subjects"), client.guard_info("known_users")), (subjects, known));
    assert!(client.guard_info("refused_subjects_total") >= 150);
    // Another guard is not made.
    assert_eq!(client.run("LW.ATTEMPT login:2 IP 203.0.113.7 USER alice").items()[0].int(), 0);
    assert_eq!(client.run("DBSIZE").int(), 1);
}

#[test]
fn above_maxmemory_operators_can_lift_and_look_but_not_ban() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    client.run("LW.ALLOW login USER alice FOR 1h");
    client.run("CONFIG SET maxmemory 1");
    for line in [
        "LW.BAN login IP 203.0.113.8 FOR 1h",
        "LW.ALLOW login IP 203.0.113.8 FOR 1h",
        "LW.BAN login IP 203.0.113.7 FOR 2h",
    ] {
        let error = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert!(error.starts_with("OOM "), "{error}");
    }
    assert_eq!(client.run("LW.BANS login").items().len(), 1);
    assert_eq!(client.why("IP 203.0.113.7").field("verdict").text(), "deny");
    assert_eq!(client.lift("IP 203.0.113.7"), 1);
    assert_eq!(client.check("IP 203.0.113.7").says(), (0, ""));
    assert_eq!(client.lift("ALL FORGET ALLOWED"), 1);
}

#[test]
fn above_maxmemory_a_rule_challenges_where_it_would_ban() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    (0..10).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    client.run("CONFIG SET maxmemory 1");
    assert_eq!(client.event("failure IP 203.0.113.7 USER last").says(), (1, "stuffing"));
    let kinds = client.audit_kinds();
    let challenge = kinds.iter().find(|(kind, _)| kind == "guard.challenge").unwrap();
    assert_eq!(challenge.1["in_place_of_ban"], "memory");
    client.run("CONFIG SET maxmemory 0");
    client.run("LW.LIFT login ALL FORGET");
    (0..11).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "stuffing"));
}
