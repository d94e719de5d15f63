//! Six applications that repeat an old password every 30 seconds, behind the address of 200 people.

use super::super::value::Ask;
use super::people::{People, Tally, World};
use super::site::{DAY, SECOND, START, Site, address, days};
use crate::text::time::Span;

const APPLICATIONS: usize = 6;
const PEOPLE: People =
    People { number: 200, per_address: 200, give_up: 100, with_value: true, with_device: false, seed: 7 };

/// What happens to the people, and how many calls of the applications are challenged or denied.
fn week(applications: usize, with_value: bool, are_known: bool) -> (Tally, u64, u64) {
    let mut world = World::new(&PEOPLE, Site::new());
    let ask = |site: &Site, n: usize| Ask {
        ip: Some(address(1000)),
        user: Some(site.user(&format!("application{n}"))),
        value: with_value.then(|| site.value(&format!("old{n}"))),
        ..Ask::default()
    };
    let asks: Vec<_> = (0..applications).map(|n| ask(&world.site, n)).collect();
    if are_known {
        asks.iter().for_each(|ask| assert!(world.site.log_in(ask)));
    }
    let (mut calls, mut held_up) = (0, 0);
    for day in 0..days(5) {
        let midnight = START + Span(day * DAY);
        if day % 7 < 5 {
            world.plan(midnight);
        }
        for tick in 0..DAY / (30 * SECOND) {
            world.run_until(midnight + Span(tick * 30 * SECOND));
            for ask in &asks {
                calls += 1;
                held_up += u64::from(!world.site.guess(ask, false));
            }
        }
    }
    assert_eq!(world.site.record.bans, 0);
    let (tally, record) = (world.tally, world.site.record);
    println!(
        "| {applications} applications, VALUE: {with_value}, known: {are_known} | {calls} | {held_up} | {} of {} | {:?}",
        tally.delayed, tally.logins, record.fired
    );
    (tally, calls, held_up)
}

#[test]
fn applications_with_a_stale_password_harm_nobody_else() {
    let (alone, ..) = week(0, true, true);
    for (with_value, are_known) in [(true, true), (true, false), (false, true), (false, false)] {
        let (tally, calls, held_up) = week(APPLICATIONS, with_value, are_known);
        assert_eq!(tally.denials, alone.denials);
        assert_eq!(tally.delayed, alone.delayed);
        if with_value {
            assert_eq!(held_up, 0);
        } else {
            assert!(held_up * 100 > calls * 95, "{held_up} of {calls}");
        }
    }
}
