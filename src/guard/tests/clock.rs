//! A clock that steps back.

use super::super::bans::Source;
use super::super::judge::Level;
use super::site::{Site, block, call, free_key, user};

const HOUR: u64 = 3_600_000;
const BUILT_IN: &str = super::super::builtin::TEXT;

#[test]
fn a_ban_lasts_no_longer_when_the_clock_steps_back() {
    let call = super::site::Call { key: Some(1), ..call("203.0.113.7", 1) };
    for target in [block("203.0.113.7"), block("203.0.113.0/24"), user(1), free_key(1)] {
        let mut site = Site::new(BUILT_IN).with_replica();
        site.set(target, Source::Operator, 600_000);
        site.now -= HOUR;
        assert_eq!(site.attempt(call).judged.enforced.left.0, 600_000);
        assert!(site.wrote);
        assert_eq!(site.tries(call), Level::Deny);
        assert!(!site.wrote, "it has moved already");
        site.now += 599_999;
        assert_eq!(site.tries(call), Level::Deny);
        site.now += 1;
        assert_eq!(site.tries(call), Level::Allow, "{target}");
        assert_eq!(site.replica.as_ref().map(super::site::bytes), Some(site.bytes()));
    }
}

#[test]
fn an_allow_entry_lasts_no_longer_when_the_clock_steps_back() {
    let mut site = Site::new(BUILT_IN);
    site.set(block("203.0.113.0/24"), Source::Operator, 24 * HOUR);
    site.set(block("203.0.113.7"), Source::Allow, 600_000);
    site.now -= HOUR;
    assert_eq!(site.tries(call("203.0.113.7", 1)), Level::Allow);
    site.now += 600_000;
    assert_eq!(site.tries(call("203.0.113.7", 1)), Level::Deny);
}

#[test]
fn a_challenge_lasts_no_longer_when_the_clock_steps_back() {
    for (rule, kind) in [("pair", "attempt"), ("user", "attempt"), ("ip", "attempt")] {
        for from in ["203.0.113.7", "2001:db8::1"] {
            let file = format!("login r {rule} {kind} 1 leak 1d challenge 10m enforce");
            let mut site = Site::new(&file);
            let call = call(from, 1);
            (0..9).for_each(|_| drop(site.attempt(call.solved())));
            let level = site.tries(call);
            assert_ne!(level, Level::Allow);
            site.now -= HOUR;
            assert_eq!(site.tries(call), level, "{rule} {from}");
            site.now += 600_000;
            assert_eq!(site.level(call), Level::Allow, "{rule} {from}");
        }
    }
}

#[test]
fn a_clock_that_steps_back_admits_no_more() {
    let mut site = Site::new(BUILT_IN);
    let call = call("203.0.113.7", 1);
    (0..5).for_each(|_| assert_eq!(site.tries(call), Level::Allow));
    site.now -= HOUR;
    assert_eq!(site.tries(call), Level::Challenge);
}

#[test]
fn a_rules_ban_of_a_key_lasts_no_longer_when_the_clock_steps_back() {
    let mut site = Site::new("login r key 404 each ban 10m enforce");
    let call = super::site::Call { key: Some(1), ..Default::default() };
    site.event("404", call);
    site.now -= HOUR;
    assert_eq!(site.event("other", call).judged.enforced.level, Level::Deny);
    site.now += 600_000;
    assert_eq!(site.level(call), Level::Allow);
}
