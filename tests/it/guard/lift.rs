//! LW.LIFT.

use super::{MINUTE, server, subjects};
use crate::hostile::refused;
use crate::support::{Client, Server};

/// Two addresses that are banned by a rule, a user that is banned by another, a challenged pair, and
/// an operator's bans and allow entries.
fn prepared() -> Server {
    let server = server();
    let mut client = server.client();
    client.freeze();
    for ip in ["203.0.113.7", "203.0.113.8"] {
        (0..11).for_each(|n| drop(client.event(&format!("failure IP {ip} USER {ip}-{n}"))));
    }
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    client.run("LW.BAN login IP 203.0.113.0/24 FOR 1h");
    client.run("LW.ALLOW login IP 203.0.113.9 FOR 1h");
    (0..6).for_each(|_| drop(client.event("mfa USER alice")));
    (0..6).for_each(|_| drop(client.attempt("IP 198.51.100.1 USER bob")));
    client.run("LW.BAN login USER bob FOR 1h");
    client.run("LW.BAN login KEY order FOR 1h");
    server
}

fn bans(client: &mut Client) -> usize {
    client.run("LW.BANS login").items().len()
}

#[test]
fn an_address_is_lifted_from_the_bans_of_exactly_it() {
    let server = prepared();
    let mut client = server.client();
    let before = bans(&mut client);
    assert_eq!(client.lift("IP 203.0.113.7"), 2, "by the rule and by the operator");
    assert_eq!(bans(&mut client), before - 2);
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "operator"), "of its block");
    assert_eq!(client.lift("IP 203.0.113.0/24"), 2, "the block, and the other address in it");
    assert_eq!(client.check("IP 203.0.113.8").says(), (0, ""));
    assert_eq!(client.lift("IP 203.0.113.9"), 0, "an allow entry stays");
    assert_eq!(client.lift("IP 203.0.113.9 ALLOWED"), 1);
    assert_eq!(client.guard_info("lifted_total"), 5);
}

#[test]
fn a_user_is_lifted_with_all_its_pairs_and_a_pair_alone() {
    let server = prepared();
    let mut client = server.client();
    assert_eq!(client.lift("IP 198.51.100.1 USER bob"), 1);
    assert_eq!(client.why("USER bob").field("challenges").items().len(), 0);
    assert_eq!(client.check("USER bob").says(), (2, "operator"));
    assert_eq!(client.lift("USER bob"), 1);
    assert_eq!(client.check("IP 198.51.100.1 USER bob").says(), (0, ""));
    (0..6).for_each(|_| drop(client.attempt("IP 198.51.100.2 USER bob")));
    (0..6).for_each(|_| drop(client.attempt("IP 198.51.100.3 USER bob")));
    assert_eq!(client.lift("USER bob"), 2);
    assert_eq!(client.lift("KEY order"), 1);
    assert_eq!(client.lift("USER nobody"), 0);
}

#[test]
fn a_hash_names_the_user_or_key_that_lw_bans_shows() {
    let server = prepared();
    let mut client = server.client();
    let bans = client.run("LW.BANS login");
    let mut hashes: Vec<_> = bans.items().iter().map(|ban| ban.field("hash")).collect();
    hashes.retain(|hash| **hash != crate::support::Value::Nil);
    assert_eq!(hashes.len(), 3);
    for hash in hashes {
        assert!(client.lift(&format!("HASH {}", hash.text())) >= 1);
    }
    for subject in ["USER alice", "USER bob", "KEY order", "IP 198.51.100.1 USER bob"] {
        assert_eq!(client.check(subject).says(), (0, ""), "{subject}");
    }
    for bad in ["0123456789abcde", "0123456789abcdeg", "0123456789abcdef0", "+123456789abcdef", ""] {
        let error = refused(&mut client, &["LW.LIFT", "login", "HASH", bad]);
        assert!(error.contains("is not 16 hexadecimal digits"), "{error}");
    }
}

#[test]
fn all_lifts_everything_but_allow_entries() {
    let server = prepared();
    let mut client = server.client();
    assert_eq!(client.lift("ALL"), 8);
    assert_eq!(bans(&mut client), 0);
    assert_eq!(subjects(&client.run("LW.BANS login ALLOWED")), ["203.0.113.9"]);
    assert_eq!(client.lift("ALL"), 0);
    assert_eq!(client.run("EXISTS login").int(), 1);
    assert_eq!(client.lift("ALL FORGET ALLOWED"), 1);
    assert_eq!(client.run("EXISTS login").int(), 1, "its age matters still");
    for name in ["bans", "subjects", "known_users"] {
        assert_eq!(client.guard_info(name), 0, "{name}");
    }
    assert_eq!(client.lift("ALL FORGET ALLOWED"), 0);
}

#[test]
fn strikes_stay_unless_forgotten() {
    let server = server();
    let mut client = server.client();
    let mut now = client.freeze();
    let mut ban = |client: &mut Client| {
        // So that the failures of earlier bans have leaked.
        now += 5 * MINUTE;
        client.stop_clock(now);
        (0..10).for_each(|n| drop(client.event(&format!("failure IP 203.0.113.7 USER user{n}"))));
        client.event("failure IP 203.0.113.7 USER user10").strikes
    };
    assert_eq!(ban(&mut client), 0);
    client.lift("IP 203.0.113.7");
    assert_eq!(ban(&mut client), 1);
    client.lift("IP 203.0.113.0/24");
    assert_eq!(ban(&mut client), 2);
    client.lift("IP 203.0.113.7 FORGET");
    assert_eq!(client.why("IP 203.0.113.7").field("counts").items().len(), 0);
    assert_eq!(ban(&mut client), 0);
    client.lift("IP 203.0.0.0/16 FORGET");
    assert_eq!(ban(&mut client), 0);
}

#[test]
fn forget_erases_a_person() {
    let server = server();
    let mut client = server.client();
    client.freeze();
    client.event("success IP 203.0.113.7 USER alice DEVICE phone");
    client.event("failure IP 203.0.113.8 USER alice VALUE v");
    client.attempt("IP 203.0.113.9 USER alice DEVICE phone");
    (0..6).for_each(|_| drop(client.event("mfa USER alice")));
    client.run("LW.ALLOW login USER alice FOR 1h");
    assert_eq!(client.lift("USER alice FORGET ALLOWED"), 2);
    let why = client.why("USER alice");
    for list in ["entries", "challenges", "counts"] {
        assert_eq!(why.field(list).items().len(), 0, "{list}");
    }
    assert_eq!((why.field("known_networks").int(), why.field("known_devices").int()), (0, 0));
    assert_eq!(client.guard_info("known_users"), 0);
}

#[test]
fn who_was_lifted_can_be_challenged_again_only_by_new_events() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    let pair = "IP 203.0.113.7 USER alice";
    (0..6).for_each(|_| drop(client.attempt(pair)));
    assert_eq!(client.lift(pair), 1);
    for _ in 0..5 {
        assert_eq!(client.attempt(pair).says(), (0, ""));
    }
    assert_eq!(client.attempt(pair).says(), (1, "guess"));
    client.stop_clock(now + 15 * MINUTE);
    assert_eq!(client.lift(pair), 0, "a challenge that has ended is not counted");
}

#[test]
fn subjects_that_do_not_go_together_are_refused() {
    let server = prepared();
    let mut client = server.client();
    for (args, why) in [
        ("FORGET ALLOWED", "no subject is given: IP, USER, KEY or HASH"),
        ("USER a KEY k", "only IP and USER go together"),
        ("IP 203.0.113.7 KEY k", "only IP and USER go together"),
        ("IP 203.0.113.7 USER a KEY k", "only IP and USER go together"),
        ("HASH 0123456789abcdef ALL", "only IP and USER go together"),
        ("ALL IP 203.0.113.7", "only IP and USER go together"),
        ("IP 203.0.113.0/24 USER a", "is not an IP address"),
        ("ALL ALL", "ALL is given twice"),
        ("ALL FORGETS", "did you mean FORGET?"),
        ("ALL BY", "BY has no value"),
    ] {
        let line = format!("LW.LIFT login {args}");
        let error = refused(&mut client, &line.split(' ').collect::<Vec<_>>());
        assert!(error.contains(why), "{error}");
    }
}
