//! What attackers try in order to get more guesses, each with and without the trick.

use super::super::grammar;
use super::super::judge::Level;
use super::super::rule::Kind;
use super::super::ruleset::RuleSet;
use super::super::value::Ask;
use super::generator::Random;
use super::site::{DAY, HOUR, MINUTE, SECOND, START, Site, address};
use crate::text::time::Span;

fn compare(trick: &str, with: u64, without: u64) {
    println!("| {trick} | {with} | {without} |");
}

fn ask(site: &Site, from: u32, user: &str, value: u64) -> Ask {
    Ask { ip: Some(address(from)), user: Some(site.user(user)), value: Some(value), ..Ask::default() }
}

/// A day of stuffing from `addresses`, each with one guess a second. They begin at once, which trips
/// the cap on new bans, or one every two seconds, which does not.
fn stuffing(addresses: u32, at_once: bool, solves: bool) -> (u64, Site) {
    let (mut site, mut random, mut checked) = (Site::new(), Random::new(2), 0);
    // An address that is held up comes back when that is over.
    let mut next: Vec<_> =
        (0..addresses).map(|n| START + Span(if at_once { 0 } else { u64::from(n) * 2 * SECOND })).collect();
    for second in 0..DAY / SECOND {
        site.now = START + Span(second * SECOND);
        for (from, next) in
            next.iter_mut().enumerate().filter(|(_, next)| **next <= START + Span(second * SECOND))
        {
            let victim = format!("victim{}", random.below(1 << 40));
            let ask = ask(&site, from as u32, &victim, random.next());
            let is_checked = site.guess(&ask, solves);
            checked += u64::from(is_checked);
            if !is_checked {
                let left = site.attempt(&ask, false).enforced.left;
                *next = site.now + left;
            }
        }
    }
    (checked, site)
}

#[test]
fn tripping_the_cap_on_bans_gains_nothing_without_solving_challenges() {
    for (solves, factor) in [(false, 1), (true, 4)] {
        let [with, without] = [true, false].map(|at_once| stuffing(200, at_once, solves));
        compare(&format!("200 addresses trip the cap; challenges solved: {solves}"), with.0, without.0);
        assert!(with.1.record.restrained > 0 && without.1.record.restrained == 0);
        assert!(with.0 <= factor * without.0);
    }
}

/// Guesses at 100 victims from one address for a day, between logins of accounts of the attacker.
fn with_own_accounts(accounts: u64) -> u64 {
    let (mut site, mut random, mut checked) = (Site::new(), Random::new(3), 0);
    for second in 0..DAY / SECOND {
        site.now = START + Span(second * SECOND);
        if accounts > 0 {
            let own = format!("own{}", random.below(accounts));
            let own = ask(&site, 1, &own, 1);
            site.log_in(&own);
        }
        let victim = format!("victim{}", second % 100);
        let ask = ask(&site, 1, &victim, random.next());
        checked += u64::from(site.guess(&ask, false));
    }
    checked
}

#[test]
fn logins_of_accounts_of_ones_own_gain_nothing() {
    let without = with_own_accounts(0);
    for accounts in [1, 30] {
        let with = with_own_accounts(accounts);
        compare(&format!("logins of {accounts} accounts of one's own between guesses"), with, without);
        assert!(with <= without);
    }
}

/// Guesses at one user, once a minute for a week, in `spellings` of the name.
fn spelled(addresses: u64, spellings: u64) -> u64 {
    let (mut site, mut random, mut checked) = (Site::new(), Random::new(4), 0);
    for n in 0..7 * DAY / MINUTE {
        site.now = START + Span(n * MINUTE);
        let name = format!("victim{}", n % spellings);
        let ask = ask(&site, (n % addresses) as u32, &name, random.next());
        checked += u64::from(site.guess(&ask, false));
    }
    checked
}

/// Clients normalise names. Without that, each spelling is another user.
#[test]
fn spelling_a_name_in_128_ways_helps_only_where_names_are_not_normalised() {
    for addresses in [1, 2000] {
        let (with, without) = (spelled(addresses, 128), spelled(addresses, 1));
        compare(&format!("128 spellings, not normalised, from {addresses} addresses"), with, without);
        assert!(without <= 70);
        assert!(addresses > 1 || with <= 7 * 400, "rules on addresses still count it: {with}");
    }
}

/// Guesses at one user every three minutes for three hours, between which junk names come from a
/// botnet, a few from each address. Returns the guesses that are checked, and the site.
fn with_junk(junk: u64) -> (u64, Site) {
    let (mut site, mut random, mut checked) = (Site::new(), Random::new(5), 0);
    site.limits.max_bytes = 1 << 20;
    for n in 0..50 {
        let friend = ask(&site, 3, &format!("friend{n}"), 1);
        assert!(site.log_in(&friend));
    }
    for n in 0..3 * HOUR / (3 * MINUTE) {
        site.now = START + Span(n * 3 * MINUTE);
        let guess = ask(&site, 1, "victim", random.next());
        checked += u64::from(site.guess(&guess, false));
        for _ in 0..junk {
            let name = format!("junk{}", random.next());
            let from = 10 + random.below(50_000) as u32;
            let ask = ask(&site, from, &name, random.next());
            if site.is_let_through(&ask, false) {
                site.event(&Kind::Unknown, &ask);
            }
        }
    }
    (checked, site)
}

#[test]
fn a_flood_of_junk_names_displaces_neither_counts_nor_known_people() {
    let (without, _) = with_junk(0);
    for junk in [100, 2000] {
        let (with, site) = with_junk(junk);
        assert!(with <= 3 * without);
        compare(&format!("{junk} junk names from a botnet between two guesses"), with, without);
        assert!(site.guard.size() <= 1 << 20, "{}", site.guard.size());
        let is_known =
            |n| site.guard.acquaintance(&ask(&site, 3, &format!("friend{n}"), 1), site.now).is_known;
        assert!((0..50).all(is_known));
    }
}

/// Guesses of a day, once a second, that are let through. Without outcomes, the application does not
/// report any, because the connection is reset, and the attacker sees no answer.
fn guesses(users: u64, with_outcomes: bool) -> u64 {
    let (mut site, mut random, mut checked) = (Site::new(), Random::new(6), 0);
    for n in 0..DAY / SECOND {
        site.now = START + Span(n * SECOND);
        let ask = ask(&site, 1, &format!("victim{}", n % users), random.next());
        let is_checked =
            if with_outcomes { site.guess(&ask, false) } else { site.is_let_through(&ask, false) };
        checked += u64::from(is_checked);
    }
    checked
}

#[test]
fn attempts_without_an_outcome_are_counted() {
    for (users, most_in_ten_minutes) in [(1, 5), (500, 31)] {
        let (with, without) = (guesses(users, false), guesses(users, true));
        compare(&format!("reset connections, {users} users"), with, without);
        assert!(with <= most_in_ten_minutes * DAY / (10 * MINUTE), "{with}");
    }
}

#[test]
fn a_pair_rule_on_failures_that_fires_again_after_a_solved_challenge_denies() {
    let mut site = Site::new();
    let mut guess = |n: u64| {
        site.now = START + Span(n * 10 * MINUTE);
        let ask = ask(&site, 1, "victim", n);
        let before = site.attempt(&ask, false).enforced.level;
        assert_eq!(site.guess(&ask, true), before < Level::Deny);
        before
    };
    let levels: Vec<_> = (0..23).map(&mut guess).collect();
    let of = |level| levels.iter().filter(|of| **of == level).count();
    assert_eq!([Level::Allow, Level::Challenge, Level::Deny].map(of), [11, 11, 1]);
}

#[test]
fn failures_of_attempts_from_before_a_challenge_do_not_deny() {
    let rules = grammar::parse(b"login slip pair failure each challenge 10m enforce").unwrap();
    let mut site = Site::with_rules(RuleSet::new(rules.into(), None));
    let asks = [1, 2].map(|value| ask(&site, 1, "ann", value));
    assert!(asks.iter().all(|ask| site.is_let_through(ask, false)));
    let levels = asks.map(|ask| site.event(&Kind::Failure, &ask).enforced.level);
    assert_eq!(levels, [Level::Challenge; 2]);
}
