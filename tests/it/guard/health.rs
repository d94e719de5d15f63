//! What a guard notices about its site as a whole: that it is broken, or under attack.

use super::{MINUTE, server};
use crate::support::Client;

/// Lets ten users log in in each of twelve minutes. Returns the time afterwards.
#[track_caller]
fn ordinary(client: &mut Client) -> i64 {
    let now = client.freeze();
    for minute in 0..12 {
        client.stop_clock(now + minute * MINUTE);
        succeed(client);
    }
    now + 12 * MINUTE
}

#[track_caller]
fn succeed(client: &mut Client) {
    for n in 0..10 {
        assert_eq!(client.attempt(&format!("IP 198.18.{n}.1 USER good{n}")).verdict, 0);
        assert_eq!(client.event(&format!("success IP 198.18.{n}.1 USER good{n}")).verdict, 0);
    }
}

/// Failures of different users from different networks.
#[track_caller]
fn fail(client: &mut Client, count: usize) -> i64 {
    let mut alerted = 0;
    for n in 0..count {
        client.attempt(&format!("IP 198.51.{n}.1 USER {n}"));
        alerted += client.event(&format!("failure IP 198.51.{n}.1 USER {n}")).alerted;
    }
    alerted
}

#[track_caller]
fn stuff(client: &mut Client, ip: &str) -> super::Verdict {
    (0..10).for_each(|n| drop(client.event(&format!("failure IP {ip} USER {ip}-{n}"))));
    client.event(&format!("failure IP {ip} USER {ip}-last"))
}

fn kinds(client: &mut Client, kind: &str) -> usize {
    client.audit_kinds().iter().filter(|(is, _)| is == kind).count()
}

#[test]
fn while_nobodys_login_succeeds_new_bans_become_challenges() {
    let server = server();
    let mut client = server.client();
    let now = ordinary(&mut client);
    assert_eq!(stuff(&mut client, "203.0.113.1").says(), (2, "stuffing"));
    client.stop_clock(now + MINUTE);
    assert_eq!(fail(&mut client, 30), 1, "one alert");
    assert_eq!(stuff(&mut client, "203.0.113.2").says(), (1, "stuffing"));
    assert_eq!(client.audit_kinds()[0].1["in_place_of_ban"], "broken");
    assert_eq!(kinds(&mut client, "guard.broken"), 1);
    assert_eq!(client.check("IP 203.0.113.1").says(), (2, "stuffing"), "a ban that stands stays");
    client.run("LW.BAN login IP 203.0.113.3 FOR 1h");
    assert_eq!(client.check("IP 203.0.113.3").says(), (2, "operator"));
    // Logins succeed again.
    client.stop_clock(now + 3 * MINUTE);
    succeed(&mut client);
    assert_eq!(stuff(&mut client, "203.0.113.4").says(), (2, "stuffing"));
}

#[test]
fn under_attack_one_alert_is_raised_and_nothing_is_weakened() {
    let server = server();
    let mut client = server.client();
    let now = ordinary(&mut client);
    client.stop_clock(now);
    succeed(&mut client);
    assert_eq!(fail(&mut client, 100), 1);
    assert_eq!((kinds(&mut client, "guard.broken"), kinds(&mut client, "guard.attack")), (0, 1));
    assert_eq!(stuff(&mut client, "203.0.113.2").says(), (2, "stuffing"));
}

#[test]
fn a_site_with_few_logins_can_not_be_brought_to_look_broken() {
    let server = server();
    let mut client = server.client();
    let now = client.freeze();
    for minute in 0..20 {
        client.stop_clock(now + minute * MINUTE);
        client.event(&format!("success IP 198.18.{minute}.1 USER good{minute}"));
    }
    client.stop_clock(now + 25 * MINUTE);
    fail(&mut client, 100);
    assert_eq!(stuff(&mut client, "203.0.113.2").says(), (2, "stuffing"));
    assert_eq!(kinds(&mut client, "guard.broken"), 0);
}
