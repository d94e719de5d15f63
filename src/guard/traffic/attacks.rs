//! Attacks with wrong passwords only, on a quiet site.
//!
//! The clock goes on from guess to guess at a fixed pace. Guesses that are denied are not made up
//! for. An attacker either can't solve challenges, or solves each one at once.

use super::super::value::Ask;
use super::generator::Random;
use super::site::{DAY, HOUR, MINUTE, Record, SECOND, Site, address, days, shown};
use crate::text::time::Span;

/// Who guesses at whom: `addresses` take turns, and so do `users`.
pub(super) struct Attack {
    pub name: &'static str,
    pub addresses: u32,
    pub users: u32,
    /// The time between two guesses.
    pub pause: u64,
}

const A: Attack =
    Attack { name: "1 address, 500 users, 1 a second", addresses: 1, users: 500, pause: SECOND };
const B: Attack =
    Attack { name: "1 address, 1 user, every 3 minutes", addresses: 1, users: 1, pause: 3 * MINUTE };
const C: Attack = Attack {
    name: "400 addresses, 2,000 users, each address hourly",
    addresses: 400,
    users: 2000,
    pause: HOUR / 400,
};
const D: Attack =
    Attack { name: "2,000 addresses, 1 user, 1 a minute", addresses: 2000, users: 1, pause: MINUTE };
const E: Attack =
    Attack { name: "1 address, 1 user, every 15 minutes", addresses: 1, users: 1, pause: 15 * MINUTE };

impl Attack {
    /// Returns how many passwords were checked.
    pub(super) fn run(&self, site: &mut Site, solves: bool) -> u64 {
        let mut random = Random::new(1);
        let users: Vec<_> = (0..self.users).map(|n| site.user(&format!("user{n}"))).collect();
        let (begin, mut checked) = (site.now, 0);
        for n in 0..self.guesses() {
            site.now = begin + Span(n * self.pause);
            let (addresses, people) = (u64::from(self.addresses), u64::from(self.users));
            // In each round another address guesses at a user.
            let user = users[((n + n / people) % people) as usize];
            let ip = Some(address((n % addresses) as u32));
            let ask = Ask { ip, user: Some(user), value: Some(random.next()), ..Ask::default() };
            checked += u64::from(site.guess(&ask, solves));
        }
        checked
    }

    /// How many guesses there would be without a guard.
    pub(super) fn guesses(&self) -> u64 {
        days(7) * DAY / self.pause
    }
}

struct Outcome {
    /// How many passwords were checked.
    checked: u64,
    /// The same for an attacker who solves challenges.
    solved: u64,
    record: Record,
}

fn outcome(attack: &Attack) -> Outcome {
    let mut site = Site::new();
    let checked = attack.run(&mut site, false);
    let solved = attack.run(&mut Site::new(), true);
    let record = site.record;
    println!(
        "| {} | {} | {} | {} | {checked} | {solved} |",
        attack.name,
        shown(&record.alert),
        shown(&record.restriction),
        attack.guesses(),
    );
    Outcome { checked, solved, record }
}

/// Checks that an attack is noticed and answered in time, and how many passwords are checked at
/// most: without solving challenges, and with solving them.
fn check(attack: &Attack, alert: u64, restriction: u64, checked: u64, solved: u64) {
    let outcome = outcome(attack);
    let within = |first: &Option<(Span, String)>, most| first.as_ref().is_some_and(|(at, _)| at.0 <= most);
    assert!(within(&outcome.record.alert, alert), "{:?}", outcome.record.alert);
    assert!(within(&outcome.record.restriction, restriction), "{:?}", outcome.record.restriction);
    assert!(outcome.checked <= checked && outcome.solved <= solved, "{}", attack.name);
}

#[test]
fn stuffing_from_one_address_is_banned_within_eleven_seconds() {
    check(&A, 10 * SECOND, 10 * SECOND, 500, 450);
}

#[test]
fn slow_guessing_is_challenged_within_hours_and_raises_an_alert_within_days() {
    check(&B, 4 * DAY, 30 * MINUTE, 300, 700);
    check(&E, 4 * DAY, 150 * MINUTE, 300, 600);
}

/// No count of an address tells this from 1,000 people who mistype their names: the networks that
/// guess at one user do.
#[test]
fn hourly_guesses_from_400_addresses_raise_an_alert_within_three_days() {
    check(&C, 60 * HOUR, 60 * HOUR, C.guesses() * 8 / 10, C.guesses());
}

#[test]
fn guessing_from_2000_addresses_is_challenged_within_ten_minutes() {
    check(&D, 10 * MINUTE, 10 * MINUTE, 300, D.guesses());
}
