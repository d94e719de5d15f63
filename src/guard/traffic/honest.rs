//! Honest people behind one public address.

use super::people::{People, Tally, World};
use super::site::{DAY, Record, START, Site, days};
use crate::text::time::Span;

fn people(number: u32, give_up: u64) -> People {
    People { number, per_address: number, give_up, with_value: true, with_device: false, seed: 3 }
}

/// What happens to people in their first days at a new site.
fn days_of(people: &People, learn: Span) -> (Tally, Record) {
    let mut site = Site::new();
    site.learn = learn;
    let mut world = World::new(people, site);
    world.work(0..days(7));
    let (tally, record) = (world.tally, world.site.record);
    println!(
        "| {} | {} % | {} | {} | {} | {:.2} % | {:.2} % | {:.2} % |",
        people.number,
        people.give_up / 10,
        if learn == Span(0) { "0" } else { "1d" },
        tally.logins,
        record.bans,
        percent(tally.challenges, &tally),
        percent(tally.delayed, &tally),
        percent(tally.delayed - tally.delayed_first, &tally),
    );
    (tally, record)
}

fn percent(part: u64, tally: &Tally) -> f64 {
    100.0 * part as f64 / tally.logins as f64
}

const GIVE_UP: [u64; 4] = [0, 100, 300, 500];

#[test]
fn nobody_behind_a_shared_address_is_banned_and_few_are_challenged() {
    for (number, give_up) in [200, 1000].into_iter().flat_map(|number| GIVE_UP.map(|part| (number, part))) {
        for learn in [Span(0), Span(DAY)] {
            let (tally, record) = days_of(&people(number, give_up), learn);
            assert_eq!(record.bans, 0);
            // Denials are of pairs that go on failing after they have solved a challenge.
            assert!(tally.denials * 10_000 <= tally.logins, "{tally:?}");
            assert!(percent(tally.challenges, &tally) < 8.0, "{tally:?}");
            assert!(percent(tally.delayed - tally.delayed_first, &tally) < 1.5, "{tally:?}");
            assert_eq!(
                record.alerts,
                record.fired.get("patient").copied().unwrap_or(0),
                "{:?}",
                record.fired
            );
        }
    }
}

/// 1,000 people at a new address, such as a conference's, where nobody has logged in before.
#[test]
fn people_at_a_new_address_are_let_in_by_their_devices() {
    for (with_device, most) in [(true, 0.5), (false, 20.0)] {
        let people = People { with_device, ..people(1000, 100) };
        let mut world = World::new(&people, Site::new());
        world.site.learn = Span(DAY);
        world.work(0..4);
        let before = world.tally.clone();
        world.first_address += 1;
        world.work(4..5);
        let logins = world.tally.logins - before.logins;
        let [denials, delayed] = [world.tally.denials - before.denials, world.tally.delayed - before.delayed];
        let share = 100.0 * delayed as f64 / logins as f64;
        let bans = world.site.record.bans;
        println!(
            "| new address, with_device {with_device} | {logins} logins | {bans} bans | {denials} denials | {share:.2} % delayed |"
        );
        assert!(share <= most && world.site.now > START, "{share}");
    }
}
