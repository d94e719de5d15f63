//! A site where every login fails for ten minutes.

use std::collections::BTreeSet;

use super::people::{People, World};
use super::site::{DAY, HOUR, MINUTE, START, Site};
use crate::text::time::{Span, Timestamp};

const OUTAGE: u64 = 10 * MINUTE;

struct Aftermath {
    bans: u64,
    most_bans_a_minute: usize,
    /// Of logins from half an hour after the outage to the end of the day.
    delayed: u64,
    logins: u64,
    denials: u64,
}

/// An outage from 9:00 on the second day.
fn aftermath(name: &str, people: &People, first_day: u64, learn: Span) -> Aftermath {
    let begin = START + Span(first_day * DAY + 9 * HOUR);
    let mut site = Site::new();
    site.learn = learn;
    let mut world = World::new(people, site);
    world.work(0..first_day);
    world.broken = begin..begin + Span(OUTAGE);
    if first_day == 0 {
        // A new site: everybody comes at once, and again later.
        world.all_log_in(begin..begin + Span(5 * MINUTE));
        world.all_log_in(begin + Span(HOUR)..begin + Span(3 * HOUR));
    } else {
        world.plan(START + Span(first_day * DAY));
    }
    world.run_until(begin);
    let before = world.tally.clone();
    world.run_until(begin + Span(OUTAGE));
    let during = world.tally.clone();
    world.run_until(begin + Span(OUTAGE + 30 * MINUTE));
    let after = world.tally.clone();
    world.run_until(START + Span((first_day + 1) * DAY));
    let record = &world.site.record;
    let aftermath = Aftermath {
        bans: record.bans,
        most_bans_a_minute: record.bans_of_minute.values().map(BTreeSet::len).max().unwrap_or(0),
        delayed: world.tally.delayed - after.delayed,
        logins: world.tally.logins - after.logins,
        denials: world.tally.denials - after.denials,
    };
    let late = world.tally.last_delay.unwrap_or(Timestamp(0)) - (begin + Span(OUTAGE));
    println!(
        "| {name} | {} | {} | {} of {} | {} of {} | {} of {} | {} min | {:?}",
        aftermath.bans,
        aftermath.most_bans_a_minute,
        during.delayed - before.delayed,
        during.logins - before.logins,
        after.delayed - during.delayed,
        after.logins - during.logins,
        aftermath.delayed,
        aftermath.logins,
        late.0 / MINUTE,
        record.fired,
    );
    aftermath
}

fn people(number: u32, per_address: u32, with_value: bool) -> People {
    People { number, per_address, give_up: 0, with_value, with_device: false, seed: 5 }
}

#[test]
fn an_outage_bans_nobody_who_has_logged_in_before() {
    for (number, per_address) in [(3000, 1), (1000, 1000)] {
        for with_value in [true, false] {
            let name = format!("{number} people, {per_address} an address, VALUE: {with_value}");
            let people = people(number, per_address, with_value);
            let aftermath = aftermath(&name, &people, 1, Span(DAY));
            assert_eq!(aftermath.bans, 0);
            assert!(aftermath.delayed * 50 <= aftermath.logins && aftermath.denials == 0);
        }
    }
}

/// The worst case: nobody is known, the site has no history that shows that it is broken, and it
/// does not learn.
#[test]
fn an_outage_of_a_new_site_bans_at_most_sixty_networks_a_minute() {
    let people = people(12_000, 40, false);
    let aftermath = aftermath("12,000 people, 40 an address, new site", &people, 0, Span(0));
    assert!((1..=60).contains(&aftermath.most_bans_a_minute));
    assert!(aftermath.delayed * 50 <= aftermath.logins);
}

#[test]
fn an_outage_while_the_site_learns_bans_nobody() {
    let people = people(12_000, 40, false);
    assert_eq!(aftermath("12,000 people, 40 an address, learning", &people, 0, Span(DAY)).bans, 0);
}
