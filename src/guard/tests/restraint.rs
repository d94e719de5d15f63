//! When new bans become challenges, and what is reported once.

use super::super::incident::What;
use super::super::judge::Level::{Allow, Challenge, Deny};
use super::super::never_ban::NeverBan;
use super::site::{Site, call};
use crate::text::time::Span;

const TRAP: &str =
    "login trap ip 404 each ban 1h enforce\nlogin r pair attempt 9 leak 1m challenge 1m enforce";
const MINUTE: u64 = 60_000;

fn count(site: &Site, what: What) -> usize {
    site.incidents.iter().filter(|one| **one == what).count()
}

#[test]
fn a_young_guard_challenges_where_it_would_ban() {
    let mut site = Site { learn: Span(MINUTE), ..Site::new(TRAP) };
    site.now += MINUTE - 1;
    let verdict = site.event("404", call("203.0.113.7", 1)).judged.enforced;
    assert_eq!((verdict.level, verdict.left.0, verdict.strikes), (Challenge, 60 * MINUTE, 0));
    site.now += 1;
    assert_eq!(site.event("404", call("203.0.113.8", 1)).judged.enforced.level, Deny);
    assert_eq!(site.incidents, [What::Challenge, What::Ban]);
}

#[test]
fn the_sixty_first_network_of_a_minute_is_challenged_and_standing_bans_stay() {
    let mut site = Site::new(TRAP);
    let trap = |site: &mut Site, n: u32, last: u8| {
        site.event("404", call(&format!("203.0.{n}.{last}"), n)).judged.enforced.level
    };
    assert!((0..60).all(|n| trap(&mut site, n, 1) == Deny));
    assert_eq!(trap(&mut site, 60, 1), Challenge);
    assert_eq!(count(&site, What::Capped), 1);
    assert_eq!(trap(&mut site, 7, 2), Deny, "its network was banned already");
    assert!((0..60).all(|n| site.level(call(&format!("203.0.{n}.1"), 1)) == Deny));
    site.now += MINUTE;
    assert_eq!(trap(&mut site, 61, 1), Deny);
}

/// An hour with these numbers of logins a minute.
fn hour(site: &mut Site, successes: u64, failures: u64) {
    (0..60).for_each(|_| minute(site, successes, failures));
}

fn minute(site: &mut Site, successes: u64, failures: u64) {
    let total = successes + failures;
    for n in 0..total {
        let call = call("198.51.100.1", (site.now / 1000) as u32);
        site.attempt(call);
        let kind = if n * successes / total == (n + 1) * successes / total { "failure" } else { "success" };
        site.event(kind, call);
        site.now += MINUTE / total;
    }
}

#[test]
fn on_a_broken_site_new_bans_become_challenges() {
    let mut site = Site::new(TRAP);
    hour(&mut site, 30, 5);
    assert_eq!(site.event("404", call("203.0.113.1", 1)).judged.enforced.level, Deny);
    assert_eq!((count(&site, What::Broken), count(&site, What::Attack)), (0, 0));
    minute(&mut site, 0, 35);
    minute(&mut site, 0, 35);
    assert!(count(&site, What::Broken) > 0);
    assert_eq!(site.event("404", call("203.0.114.1", 1)).judged.enforced.level, Challenge);
    assert_eq!(site.level(call("203.0.113.1", 1)), Deny, "standing bans stay");
}

#[test]
fn an_attack_is_reported_and_weakens_nothing() {
    let mut site = Site::new(TRAP);
    hour(&mut site, 30, 5);
    minute(&mut site, 30, 60);
    minute(&mut site, 30, 60);
    assert!(count(&site, What::Attack) > 0 && count(&site, What::Broken) == 0);
    assert_eq!(site.event("404", call("203.0.113.1", 1)).judged.enforced.level, Deny);
}

#[test]
fn a_proxy_is_named_and_never_banned_by_a_rule() {
    let never_ban = NeverBan::parse(b"10.0.0.0/8").unwrap();
    let mut site = Site { never_ban, ..Site::new(super::super::builtin::TEXT) };
    for n in 0..100 {
        let decision = site.event("failure", call("10.0.0.1", n));
        assert_eq!(decision.judged.enforced.level, Allow);
        assert_eq!(count(&site, What::Proxy), usize::from(n >= 50));
    }
    assert_eq!(site.event("failure", call("10.0.0.1", 0)).judged.would.level, Deny);
}

#[test]
fn a_denied_failure_says_nothing_about_the_site() {
    let mut site = Site::new(TRAP);
    hour(&mut site, 30, 1);
    site.event("404", call("203.0.113.1", 1));
    (0..1000).for_each(|n| drop(site.event("failure", call("203.0.113.1", n))));
    minute(&mut site, 30, 1);
    assert_eq!(count(&site, What::Attack), 0);
}

#[test]
fn what_the_cap_restrains_grows_like_a_ban() {
    let mut site = Site::new(TRAP);
    let victim = call("203.0.200.1", 1);
    let mut restrained = Vec::new();
    for round in 0..3 {
        (0..60).for_each(|n| drop(site.event("404", call(&format!("9.{round}.{n}.1"), n))));
        let verdict = site.event("404", victim).judged.enforced;
        // While it is challenged it grows no further.
        (0..5).for_each(|_| drop(site.event("404", victim)));
        restrained.push((verdict.level, verdict.left.0 / MINUTE));
        site.now += verdict.left.0;
    }
    assert_eq!(restrained, [(Challenge, 60), (Challenge, 120), (Challenge, 240)]);
}

#[test]
fn one_user_alone_does_not_raise_the_averages() {
    let mut site = Site::new(TRAP);
    for _ in 0..60 * 30 {
        site.attempt(call("198.51.100.1", 1));
        site.event("success", call("198.51.100.1", 1));
        site.now += MINUTE / 30;
    }
    minute(&mut site, 0, 35);
    minute(&mut site, 0, 35);
    assert_eq!(count(&site, What::Broken), 0);
}
