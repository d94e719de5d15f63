//! How bans grow, through the decision as a whole.

use super::super::grammar;
use super::super::judge::Level;
use super::super::rule::Kind;
use super::super::ruleset::RuleSet;
use super::super::value::Ask;
use super::site::{DAY, SECOND, Site, address};
use crate::text::time::Span;

/// Bans an address `count` times, each time right after the ban before. Returns how long the bans
/// last, in seconds.
fn bans(rule: &str, count: usize) -> Vec<u64> {
    let rules = grammar::parse(rule.as_bytes()).unwrap();
    let mut site = Site::with_rules(RuleSet::new(rules.into(), None));
    let ask = Ask { ip: Some(address(1)), ..Ask::default() };
    let ban = || {
        let banned = site.event(&Kind::Failure, &ask).enforced;
        assert_eq!(banned.level, Level::Deny);
        let during = site.attempt(&ask, true).enforced;
        assert_eq!((during.level, during.left), (Level::Deny, banned.left));
        site.now = site.now + banned.left;
        assert_eq!(site.attempt(&ask, false).enforced.level, Level::Allow);
        banned.left.0 / SECOND
    };
    std::iter::repeat_with(ban).take(count).collect()
}

#[test]
fn bans_grow_as_in_the_table_of_fail2ban() {
    let table = [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, 153_600, 307_200, 614_400];
    assert_eq!(bans("login brute ip failure each ban 10m enforce", table.len()), table);
    let day = DAY / SECOND;
    let capped = bans("login brute ip failure each ban 10m max 1d enforce", 10);
    assert_eq!(capped[7..], [76_800, day, day]);
    println!("| bans of 10 minutes, in seconds | {table:?} |");
}

#[test]
fn good_conduct_is_forgiven_strike_by_strike() {
    let rules = grammar::parse(b"login brute ip failure each ban 10m enforce").unwrap();
    let mut site = Site::with_rules(RuleSet::new(rules.into(), None));
    let ask = Ask { ip: Some(address(1)), ..Ask::default() };
    let mut ban_after = |pause: u64| {
        site.now = site.now + Span(pause);
        let ban = site.event(&Kind::Failure, &ask).enforced;
        site.now = site.now + ban.left;
        (ban.strikes, ban.left.0 / SECOND)
    };
    let bans = [0, 0, 0, DAY - 1, 3 * DAY, 30 * DAY].map(&mut ban_after);
    assert_eq!(bans, [(0, 600), (1, 1200), (2, 2400), (3, 4800), (1, 1200), (0, 600)]);
}
