//! What an attempt and its outcome do, by the built-in rules.

use super::super::address::Block;
use super::super::bans::Source;
use super::super::judge::Level::{Allow, Challenge, Deny};
use super::super::lift::{Extent, Targets};
use super::super::rule::Tag;
use super::site::{Call, Site, block, call, ip};

const BUILT_IN: &str = super::super::builtin::TEXT;
const MINUTE: u64 = 60_000;

#[test]
fn of_parallel_attempts_exactly_the_capacity_passes() {
    let mut site = Site::new(BUILT_IN);
    let levels: Vec<_> = (0..20).map(|_| site.tries(call("203.0.113.7", 1))).collect();
    assert_eq!(levels[..5], [Allow; 5]);
    assert_eq!(levels[5..], [Challenge; 15]);
    assert_eq!(site.tries(call("203.0.113.8", 1)), Allow, "it is another pair");
}

#[test]
fn a_challenged_attempt_without_solved_writes_nothing() {
    let mut site = Site::new(BUILT_IN);
    (0..6).for_each(|_| drop(site.attempt(call("203.0.113.7", 1))));
    let before = site.bytes();
    assert_eq!(site.tries(call("203.0.113.7", 1)), Challenge);
    assert!(!site.wrote);
    assert_eq!(site.bytes(), before);
}

#[test]
fn a_pair_that_goes_on_after_a_solved_challenge_is_denied() {
    let mut site = Site::new(BUILT_IN);
    let call = call("203.0.113.7", 1);
    (0..6).for_each(|_| drop(site.attempt(call)));
    let levels: Vec<_> = (0..7).map(|_| site.tries(call.solved())).collect();
    assert_eq!(levels, [Allow, Allow, Allow, Allow, Allow, Deny, Deny]);
    let decision = site.attempt(call.solved());
    assert_eq!((decision.judged.enforced.rule.as_deref(), site.wrote), (Some("guess"), false));
    site.now += 15 * MINUTE;
    assert_eq!(site.tries(call), Allow);
}

#[test]
fn an_allow_entry_of_a_user_does_not_soften_the_denial_of_a_pair() {
    let mut site = Site::new(BUILT_IN);
    let call = call("203.0.113.7", 1);
    (0..6).for_each(|_| drop(site.attempt(call)));
    (0..6).for_each(|_| drop(site.attempt(call.solved())));
    assert_eq!(site.level(call), Deny);
    site.set(super::site::user(1), Source::Allow, MINUTE);
    (0..6).for_each(|_| assert_eq!(site.tries(call), Allow));
    site.now += MINUTE;
    assert_eq!(site.level(call), Deny);
}

#[test]
fn a_stale_password_is_charged_once_and_fails_once() {
    let mut site = Site::new(BUILT_IN);
    for n in 0..100 {
        assert_eq!(site.fails(call("203.0.113.7", 1).value(1)), Allow);
        assert_eq!(site.wrote, n == 0 || site.wrote);
        site.now += MINUTE;
    }
    for value in 10..14 {
        site.fails(call("203.0.113.7", 1).value(value));
    }
    (0..100).for_each(|_| assert_eq!(site.fails(call("203.0.113.7", 1).value(10)), Allow));
    // The first value is no longer among the last four.
    assert_eq!(site.fails(call("203.0.113.7", 1).value(1)), Allow);
    assert_eq!(site.fails(call("203.0.113.7", 1).value(2)), Challenge);
}

#[test]
fn a_success_takes_its_user_out_of_the_sets_of_its_address() {
    let fail = |site: &mut Site, user| site.event("failure", call("203.0.113.7", user)).judged.enforced.level;
    let mut site = Site::new(BUILT_IN);
    (0..10).for_each(|user| assert_eq!(fail(&mut site, user), Allow));
    site.event("success", call("203.0.113.7", 3));
    assert_eq!(fail(&mut site, 3), Allow, "a known user does not count");
    assert_eq!(fail(&mut site, 10), Allow);
    assert_eq!(fail(&mut site, 11), Deny);
}

#[test]
fn second_factors_that_are_wrong_count_although_the_password_is_the_same() {
    let mut site = Site::new(BUILT_IN);
    let call = call("203.0.113.7", 1).value(1);
    site.attempt(call);
    let levels: Vec<_> = (0..6).map(|_| site.event("mfa", call).judged.enforced.level).collect();
    assert_eq!(levels, [Allow, Allow, Allow, Allow, Allow, Deny]);
}

#[test]
fn a_success_of_a_free_key_empties_its_counts_and_no_more() {
    let mut site = Site::new("login r key 404 1 leak 1d ban 1m enforce");
    let call = Call { key: Some(1), ..Call::default() };
    let ban = |site: &mut Site| {
        site.event("404", call);
        site.event("404", call).judged.enforced.left.0
    };
    assert_eq!(ban(&mut site), MINUTE);
    site.now += MINUTE;
    site.event("404", call);
    site.event("success", call);
    assert_eq!(ban(&mut site), 2 * MINUTE, "the strike is remembered");
}

#[test]
fn calls_during_a_ban_do_not_lengthen_it() {
    let mut site = Site::new("login r ip attempt 2 leak 1m ban 10m enforce");
    let known = call("203.0.113.7", 1);
    site.event("success", known);
    (0..3).for_each(|_| drop(site.attempt(call("203.0.113.7", 2))));
    assert_eq!(site.level(call("203.0.113.7", 2)), Deny);
    site.now += 5 * MINUTE;
    for _ in 0..20 {
        assert_eq!(site.tries(known), Allow, "a known user is let in");
        assert_eq!(site.tries(call("203.0.113.7", 3)), Deny);
    }
    site.now += 5 * MINUTE;
    assert_eq!(site.tries(call("203.0.113.7", 3)), Allow);
}

#[test]
fn failures_during_a_ban_write_nothing() {
    let mut site = Site::new(BUILT_IN);
    site.event("success", call("203.0.113.9", 5));
    site.set(block("203.0.113.7"), Source::Operator, MINUTE);
    for kind in ["failure", "unknown", "mfa", "404"] {
        assert_eq!(site.event(kind, call("203.0.113.7", 1)).judged.enforced.level, Deny);
        assert!(!site.wrote, "{kind}");
    }
}

#[test]
fn one_event_does_not_ban_a_whole_48() {
    let mut site = Site::new("login trap ip 404 each ban 1h enforce");
    site.event("404", call("2001:db8:1:1::1", 1));
    assert_eq!(site.level(call("2001:db8:1:1::2", 1)), Deny);
    assert_eq!(site.level(call("2001:db8:1:2::1", 1)), Allow);
}

#[test]
fn a_48_is_challenged_after_four_times_the_number() {
    let mut site = Site::new("login r ip attempt 2 leak 1h challenge 1h enforce");
    for n in 0..8 {
        assert_eq!(site.tries(call(&format!("2001:db8:1:{n}::1"), n)), Allow);
    }
    assert_eq!(site.tries(call("2001:db8:1:99::1", 9)), Challenge);
    assert_eq!(site.tries(call("2001:db8:2:1::1", 9)), Allow);
}

#[test]
fn lifting_a_48_lifts_the_challenges_in_it() {
    let mut site = Site::new("login r ip attempt 1 leak 1h challenge 1h enforce");
    for from in ["2001:db8:1:1::1", "2001:db8:2:1::1"] {
        (0..2).for_each(|_| drop(site.attempt(call(from, 1))));
        assert_eq!(site.level(call(from, 1)), Challenge);
    }
    let targets = Targets::Block(Block::read(b"2001:db8:1::/48").unwrap());
    assert_eq!(site.lift(&targets, Extent::default()), 1);
    assert_eq!(site.level(call("2001:db8:1:1::1", 1)), Allow);
    assert_eq!(site.level(call("2001:db8:2:1::1", 1)), Challenge);
}

#[test]
fn a_known_device_has_a_pair_of_its_own() {
    let mut site = Site::new(BUILT_IN);
    let own = Call { device: Some(1), ..call("203.0.113.7", 1) };
    let other = Call { device: Some(2), ..call("203.0.113.7", 1) };
    site.event("success", own);
    (0..9).for_each(|_| drop(site.attempt(other)));
    assert_eq!((site.level(other), site.level(own)), (Challenge, Allow));
    let abroad = Call { ip: Some(ip("198.51.100.1")), ..own };
    (0..6).for_each(|_| drop(site.attempt(abroad)));
    assert_eq!(site.level(own), Challenge, "the device brings its counts along");
    site.event("success", own);
    assert_eq!((site.level(own), site.level(other)), (Allow, Challenge));
}

#[test]
fn strikes_double_a_ban_up_to_its_maximum() {
    let mut site = Site::new("login r ip 404 1 leak 1h ban 10m max 1h enforce");
    let mut lasts = Vec::new();
    for _ in 0..5 {
        site.event("404", call("203.0.113.7", 1));
        let verdict = site.event("404", call("203.0.113.7", 1)).judged.enforced;
        lasts.push((verdict.left.0 / MINUTE, verdict.strikes));
        site.now += verdict.left.0;
    }
    assert_eq!(lasts, [(10, 0), (20, 1), (40, 2), (60, 3), (60, 4)]);
    let state = site.guard.places.iter().next().unwrap().1;
    assert_eq!(state.strikes(Tag::of("r")).at(crate::text::time::Timestamp(site.now)), 5);
}

#[test]
fn strikes_that_are_forgiven_stay_forgiven() {
    const DAY: u64 = 24 * 60 * MINUTE;
    let mut site = Site::new("login r ip 404 each ban 10m enforce");
    let mut ban = |wait: u64| {
        site.now += wait;
        let verdict = site.event("404", call("203.0.113.7", 1)).judged.enforced;
        site.now += verdict.left.0;
        verdict.strikes
    };
    assert_eq!([0, 0, 0, DAY, 3 * DAY, 0].map(&mut ban), [0, 1, 2, 2, 0, 1]);
}

#[test]
fn a_challenge_is_not_shortened_by_a_rules_file() {
    let mut site = Site::new("login r pair attempt 1 leak 1d challenge 1h enforce");
    let call = call("203.0.113.7", 1);
    (0..2).for_each(|_| drop(site.attempt(call)));
    site.rules = Site::new("login r pair attempt 1 leak 1d challenge 1m enforce").rules;
    (0..2).for_each(|_| drop(site.attempt(call.solved())));
    site.now += 59 * MINUTE;
    assert_ne!(site.level(call), Allow);
}

#[test]
fn failures_of_a_pair_after_a_solved_challenge_deny_it() {
    let mut site = Site::new("login r pair failure 2 leak 1h challenge 1h enforce");
    let call = call("203.0.113.7", 1);
    (0..3).for_each(|_| drop(site.event("failure", call)));
    assert_eq!(site.level(call), Challenge);
    for _ in 0..3 {
        assert_eq!(site.tries(call.solved()), Allow);
        site.event("failure", call);
    }
    assert_eq!(site.tries(call.solved()), Deny);
}
