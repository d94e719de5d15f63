//! Budgets: what an attacker can fill, and what that must not displace.

use super::super::bans::{MOST, Source};
use super::super::edit::Limits;
use super::super::incident::What;
use super::super::judge::Level::{Allow, Challenge, Deny};
use super::site::{Call, Site, block, call};

const BUILT_IN: &str = super::super::builtin::TEXT;
const HOUR: u64 = 3_600_000;
const SMALL: Limits = Limits { max_bytes: 1 << 20, may_create: true };

fn address(n: u32) -> String {
    if n.is_multiple_of(3) {
        format!("2001:{:x}:{:x}:1::1", n >> 8, n & 255)
    } else {
        format!("9.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)
    }
}

/// Checks that each table keeps to its budget.
#[track_caller]
fn check(site: &Site) {
    let (guard, all) = (&site.guard, site.limits.max_bytes);
    // One subject may be added to a table that has just room for it.
    let slack = 8192;
    assert!(guard.bans.size() <= all / 8 + slack, "{}", guard.bans.size());
    assert!(guard.known.size() <= all / 4 + slack, "{}", guard.known.size());
    assert!(guard.places.size() <= all / 16 * 5 + slack, "{}", guard.places.size());
    assert!(guard.people.size() <= all / 16 * 5 + slack, "{}", guard.people.size());
}

#[test]
fn junk_displaces_no_ban_no_challenge_no_known_user_and_no_nearly_full_count() {
    let mut site = Site { limits: SMALL, ..Site::new(BUILT_IN) };
    let (known, target, attacker) = (call("198.51.100.1", 1), call("198.51.100.2", 2), "198.51.100.3");
    site.event("success", known);
    (0..6).for_each(|_| drop(site.attempt(target)));
    (0..11).for_each(|user| drop(site.event("failure", call(attacker, 10 + user))));
    (0..20).for_each(|n| assert!(site.set(block(&format!("198.18.{n}.0/24")), Source::Operator, HOUR)));
    let close = "198.51.100.4";
    (0..10).for_each(|user| drop(site.event("failure", call(close, 30 + user))));
    for n in 0..20_000 {
        let junk = call(&address(n), 1000 + n).value(n);
        assert_eq!(site.fails(junk), Allow);
        if n % 1000 == 0 {
            check(&site);
        }
    }
    check(&site);
    assert!(site.guard.size() <= site.limits.max_bytes);
    assert!(site.guard.acquaintance(&known.ask(), crate::text::time::Timestamp(site.now)).is_known);
    assert_eq!(site.level(target), Challenge);
    assert_eq!(site.level(call(attacker, 99)), Deny);
    assert!((0..20).all(|n| site.level(call(&format!("198.18.{n}.7"), 99)) == Deny));
    assert_eq!(site.event("failure", call(close, 50)).judged.enforced.level, Deny);
}

#[test]
fn under_a_flood_most_of_the_budget_is_used_and_new_subjects_are_counted() {
    let mut site = Site { limits: SMALL, ..Site::new(BUILT_IN) };
    let mut lowest = usize::MAX;
    for n in 0..20_000 {
        site.fails(call(&address(n), 1000 + n));
        if n > 5_000 {
            lowest = lowest.min(site.guard.people.size()).min(site.guard.places.size());
        }
    }
    assert!(lowest > SMALL.max_bytes / 16 * 4, "{lowest}");
    let late = call("198.51.100.9", 7);
    (0..5).for_each(|_| assert_eq!(site.tries(late), Allow));
    assert_eq!(site.tries(late), Challenge);
}

#[test]
fn of_known_users_the_least_recently_used_go() {
    let mut site = Site { limits: SMALL, ..Site::new(BUILT_IN) };
    for n in 0..20_000 {
        site.now += 1;
        site.event("success", call(&address(n), n));
        if n % 100 == 0 {
            site.event("success", call("198.51.100.1", 1_000_000));
        }
    }
    check(&site);
    let now = crate::text::time::Timestamp(site.now);
    assert!(site.guard.acquaintance(&call("198.51.100.1", 1_000_000).ask(), now).is_known);
    assert!(site.guard.acquaintance(&call(&address(19_999), 19_999).ask(), now).is_known);
    assert!(!site.guard.acquaintance(&call(&address(0), 0).ask(), now).is_known);
}

#[test]
fn observed_entries_take_no_room_of_bans() {
    let mut site = Site::new("login seen ip 404 each ban 1h observe\nlogin r ip mfa each ban 1h enforce");
    for n in 0..20_000 {
        site.event("404", call(&format!("9.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255), n));
    }
    check(&site);
    for n in 0..10_000 {
        assert!(
            site.set(block(&format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)), Source::Operator, HOUR),
            "{n}"
        );
    }
    check(&site);
    assert!(!site.set(block("11.0.0.1"), Source::Operator, HOUR));
}

#[test]
fn when_there_are_too_many_bans_new_ones_become_challenges_until_some_end() {
    let mut site = Site::new("login r ip 404 each ban 1h enforce");
    for n in 0..MOST {
        let target = block(&format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255));
        assert!(site.set(target, Source::Operator, if n < 100 { HOUR } else { 2 * HOUR }));
    }
    assert_eq!(site.event("404", call("203.0.113.1", 1)).judged.enforced.level, Challenge);
    assert_eq!(site.incidents, [What::Challenge, What::Full]);
    assert_eq!(site.level(call("10.0.0.7", 1)), Deny);
    site.now += HOUR;
    let banned = (0..200)
        .filter(|n| site.event("404", call(&format!("203.0.{n}.2"), 1)).judged.enforced.level == Deny);
    assert!(banned.count() > 0);
}

#[test]
fn above_maxmemory_what_is_counted_already_takes_effect_and_nothing_is_added() {
    let mut site = Site::new(
        "login r ip 404 3 leak 1h ban 1h enforce\nlogin p pair attempt 3 leak 1h challenge 1h enforce",
    );
    let (old, new) = (call("203.0.113.1", 1), call("203.0.113.2", 2));
    for _ in 0..3 {
        site.attempt(old);
        site.event("404", Call { user: None, ..old });
    }
    site.limits.may_create = false;
    let size = site.guard.size();
    (0..9).for_each(|_| assert_eq!(site.tries(new), Allow));
    assert!(site.guard.size() <= size);
    assert_eq!(site.tries(old), Challenge);
    assert_eq!(site.event("404", Call { user: None, ..old }).judged.enforced.level, Challenge);
    assert_eq!(
        site.incidents,
        [What::Challenge, What::Challenge],
        "no alert says that there are too many bans"
    );
}

#[test]
fn in_a_full_table_a_rule_that_fires_still_has_an_effect() {
    let mut site = Site { limits: SMALL, ..Site::new("login r ip 404 1 leak 1d challenge 1d enforce") };
    for n in 0..20_000 {
        let from = call(&format!("9.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255), 1);
        // A new subject may find no room. One that is counted is challenged.
        site.event("404", from);
        let is_counted = site.guard.places.contains(&from.ask().place().unwrap());
        let level = site.event("404", from).judged.enforced.level;
        assert_eq!(level, if is_counted { Challenge } else { Allow });
    }
    check(&site);
}

#[test]
fn lifting_all_of_a_large_guard_is_one_step() {
    use super::super::lift::{Extent, Targets};
    let mut site = Site::new(BUILT_IN).with_replica();
    for n in 0..20_000 {
        site.fails(call(&address(n), n % 3));
        site.fails(call(&address(n), n));
    }
    site.lift(&Targets::All, Extent { forget: true, allowed: true });
    assert!(site.guard.is_empty());
}

#[test]
fn what_is_challenged_stays_while_counts_make_room() {
    let mut site = Site { limits: SMALL, ..Site::new("login r ip 404 2 leak 1d challenge 1h enforce") };
    let challenged: Vec<_> = (0..200).map(|n| call(&format!("198.51.100.{n}"), 1)).collect();
    challenged.iter().for_each(|from| (0..3).for_each(|_| drop(site.event("404", *from))));
    // Each of them is half full.
    (0..20_000).for_each(|n| drop(site.event("404", call(&address(n), 1))));
    check(&site);
    assert!(challenged.iter().all(|from| site.level(*from) == Challenge));
}

#[test]
fn sets_that_grow_keep_to_the_budget() {
    let mut site = Site { limits: SMALL, ..Site::new("login r ip 404 64 values leak 1d alert enforce") };
    for value in 0..60 {
        for n in 0..1000 {
            let from = call(&format!("9.0.{}.{}", n >> 8, n & 255), 1).value(value);
            site.event("404", from);
        }
        check(&site);
    }
}

#[test]
fn where_all_are_challenged_a_new_attacker_is_challenged_too() {
    let mut site = Site { limits: SMALL, ..Site::new("login r ip 404 1 leak 1d challenge 1d enforce") };
    (0..10_000).for_each(|n| (0..2).for_each(|_| drop(site.event("404", call(&address(n), 1)))));
    let late = call("198.51.100.1", 1);
    let tries = (1..500).find(|_| site.event("404", late).judged.enforced.level == Challenge);
    assert!(tries.is_some_and(|tries| tries < 100), "{tries:?}");
}
