//! Known networks and devices of a user, and what success and reset do.

use super::{DAY, HOUR, server};
use crate::support::{Client, Server};

/// Bans 203.0.113.7 by a rule.
#[track_caller]
fn ban_address(client: &mut Client) {
    for n in 0..11 {
        client.event(&format!("failure IP 203.0.113.7 USER victim{n}"));
    }
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "stuffing"));
}

/// Challenges alice by a rule of scope user, from other networks.
#[track_caller]
fn challenge_user(client: &mut Client) {
    for n in 0..11 {
        client.event(&format!("failure IP 198.51.{n}.1 USER alice"));
    }
    assert_eq!(client.check("USER alice").says(), (1, "spray"));
}

fn known_numbers(client: &mut Client) -> (i64, i64) {
    let why = client.why("USER alice");
    (why.field("known_networks").int(), why.field("known_devices").int())
}

fn ready() -> (Server, i64) {
    let server = server();
    let now = server.client().freeze();
    (server, now)
}

#[test]
fn a_known_network_lifts_bans_of_the_address_and_challenges_of_the_user() {
    let (server, _) = ready();
    let mut client = server.client();
    client.event("success IP 203.0.113.99 USER alice");
    ban_address(&mut client);
    challenge_user(&mut client);
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (0, ""));
    assert_eq!(client.attempt("IP 203.0.113.7 USER bob").says(), (2, "stuffing"));
    assert_eq!(client.attempt("IP 198.51.100.7 USER alice").says(), (1, "spray"));
    // Never an operator's ban.
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (2, "operator"));
    client.run("LW.LIFT login IP 203.0.113.7");
    client.run("LW.BAN login USER alice FOR 1h");
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (2, "operator"));
}

#[test]
fn a_known_network_never_lifts_a_pair_rule() {
    let (server, _) = ready();
    let mut client = server.client();
    client.event("success IP 203.0.113.7 USER alice");
    for _ in 0..5 {
        assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (0, ""));
    }
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (1, "guess"));
}

#[test]
fn a_known_device_has_a_pair_of_its_own_and_lifts_what_a_known_network_does() {
    let (server, _) = ready();
    let mut client = server.client();
    client.event("success IP 192.0.2.1 USER alice DEVICE phone");
    ban_address(&mut client);
    challenge_user(&mut client);
    let at_phone = "IP 203.0.113.7 USER alice DEVICE phone";
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice DEVICE other").says(), (2, "stuffing"));
    for _ in 0..5 {
        assert_eq!(client.attempt(at_phone).says(), (0, ""));
    }
    assert_eq!(client.attempt(at_phone).says(), (1, "guess"), "the device's own pair");
    assert_eq!(client.attempt(&at_phone.replace("203.0.113.7", "198.18.0.1")).says(), (1, "guess"));
    let subject = client.why("USER alice").field("challenges").items()[1].field("subject").text();
    assert!(subject.contains(" at device "), "{subject}");
    // The pair of the address is another one. Its network is unknown.
    client.run("LW.LIFT login IP 203.0.113.7");
    client.run("LW.ALLOW login USER alice FOR 1h");
    assert_eq!(client.attempt("IP 203.0.113.7 USER alice").says(), (0, ""));
}

#[test]
fn failures_of_a_known_user_never_count_for_the_address() {
    let (server, _) = ready();
    let mut client = server.client();
    for n in 0..40 {
        client.event(&format!("success IP 203.0.113.7 USER user{n}"));
        client.event(&format!("failure IP 203.0.113.7 USER user{n}"));
        client.event(&format!("mfa IP 203.0.113.7 USER user{n}"));
    }
    assert_eq!(client.check("IP 203.0.113.7").says(), (0, ""));
    for n in 0..11 {
        client.event(&format!("failure IP 203.0.113.7 USER stranger{n}"));
    }
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "stuffing"));
}

#[test]
fn the_eight_newest_networks_and_devices_are_known_for_90_days() {
    let (server, now) = ready();
    let mut client = server.client();
    for n in 0..12 {
        client.stop_clock(now + n * HOUR);
        client.event(&format!("success IP 198.51.{n}.1 USER alice DEVICE d{n}"));
    }
    assert_eq!(known_numbers(&mut client), (8, 8));
    client.stop_clock(now + 90 * DAY + 9 * HOUR);
    assert_eq!(known_numbers(&mut client), (2, 2));
    client.stop_clock(now + 90 * DAY + 11 * HOUR);
    assert_eq!(known_numbers(&mut client), (0, 0));
}

#[test]
fn a_success_empties_its_pair_and_gives_one_attempt_back_to_the_user() {
    let (server, _) = ready();
    let mut client = server.client();
    let pair = "IP 203.0.113.7 USER alice";
    (0..5).for_each(|_| drop(client.attempt(pair)));
    assert_eq!(client.attempt(pair).says(), (1, "guess"));
    let units = |client: &mut Client| {
        let why = client.why("USER alice");
        let counts = why.field("counts").items().to_vec();
        let account = counts.iter().find(|count| count.field("rule").text() == "account");
        account.unwrap().field("units").int()
    };
    // The sixth attempt was charged as well: its own charge fired the rule of the pair.
    assert_eq!(units(&mut client), 6);
    client.event(&format!("success {pair}"));
    assert_eq!(units(&mut client), 5);
    for _ in 0..5 {
        assert_eq!(client.attempt(pair).says(), (0, ""), "the challenge and the counts are gone");
    }
    assert_eq!(units(&mut client), 10);
}

#[test]
fn a_success_takes_its_user_out_of_the_sets_of_its_address_and_changes_nothing_else() {
    let (server, _) = ready();
    let mut client = server.client();
    for n in 0..10 {
        client.event(&format!("failure IP 203.0.113.7 USER user{n}"));
    }
    client.event("success IP 203.0.113.7 USER user3");
    assert_eq!(client.event("failure IP 203.0.113.7 USER next").says(), (0, ""), "the tenth user again");
    let units: Vec<_> = client.why("IP 203.0.113.7").field("counts").items().to_vec();
    let of = |rule: &str| units.iter().find(|count| count.field("rule").text() == rule).unwrap();
    assert_eq!(of("stuffing").field("units").int(), 10);
    assert_eq!(of("brute").field("units").int(), 11, "no failure is taken back");
    assert_eq!(client.event("failure IP 203.0.113.7 USER last").says(), (2, "stuffing"));
    assert_eq!(client.event("success IP 203.0.113.7 USER user4").says(), (0, ""), "it is known now");
    assert_eq!(client.check("IP 203.0.113.7").says(), (2, "stuffing"), "no ban is lifted");
}

#[test]
fn password_and_mfa_are_no_success() {
    let (server, _) = ready();
    let mut client = server.client();
    let pair = "IP 203.0.113.7 USER alice";
    (0..6).for_each(|_| drop(client.attempt(pair)));
    client.event(&format!("password {pair} DEVICE d"));
    client.event(&format!("mfa {pair} DEVICE d"));
    assert_eq!(client.check(pair).says(), (1, "guess"));
    assert_eq!(known_numbers(&mut client), (0, 0));
}

#[test]
fn reset_forgets_known_networks_and_empties_the_user_and_its_pairs() {
    let (server, _) = ready();
    let mut client = server.client();
    client.event("success IP 203.0.113.7 USER alice DEVICE phone");
    client.event("success IP 203.0.113.7 USER bob DEVICE phone");
    (0..6).for_each(|_| drop(client.attempt("IP 198.18.0.1 USER alice")));
    challenge_user(&mut client);
    client.event("reset USER alice");
    assert_eq!(known_numbers(&mut client), (0, 0));
    assert_eq!(client.attempt("IP 198.18.0.1 USER alice").says(), (0, ""));
    assert_eq!(client.check("USER alice").says(), (0, ""));
    assert_eq!(client.why("USER bob").field("known_devices").int(), 1);
    let counts = client.why("USER alice");
    assert_eq!(counts.field("counts").items().len(), 2, "of the attempt after it: {counts:?}");
    assert_eq!(client.guard_info("outcomes_total"), 13);
    assert_eq!(client.guard_info("events_total"), 1);
}
