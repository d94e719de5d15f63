//! Honest traffic, with habits that look like those of attackers now and then.

use super::people::Site;
use super::{DAY, DAYS, HOUR, MINUTE, START};

pub(super) fn add(site: &mut Site) {
    offices(site);
    homes(site);
    night_shift(site);
    travellers(site);
    power_users(site);
    api_clients(site);
    stale_passwords(site);
    probes(site);
    crawlers(site);
    visitors(site);
}

fn days() -> impl Iterator<Item = (i64, bool)> {
    (0..DAYS).map(|day| (START + day * DAY, day % 7 >= 5))
}

/// Three offices of 40 people behind an address each, on weekdays.
fn offices(site: &mut Site) {
    site.group("office", false);
    for office in 0..3 {
        let ip = format!("198.51.{}.7", 100 + office);
        site.member(Some(&ip), None);
        for _ in 0..40 {
            let (user, agent) = (site.account("office"), site.agent());
            site.member(None, Some(&user));
            for (day, _) in days().filter(|(_, weekend)| !weekend) {
                site.shift(day, (7, 17), 35, &user, &ip, &agent);
            }
        }
    }
}

/// People at home, a third of them by IPv6, and some on the way by a carrier's shared addresses.
fn homes(site: &mut Site) {
    site.group("home", false);
    let carrier: Vec<String> = (0..5).map(|n| format!("100.128.{n}.{}", 10 + n)).collect();
    carrier.iter().for_each(|ip| site.member(Some(ip), None));
    for n in 0..150 {
        let (user, agent) = (site.account("home"), site.agent());
        let v6 = n % 3 == 0;
        let home = if v6 { format!("2001:db8:{:x}:1::/64", 0x100 + n) } else { site.home(n) };
        site.member(Some(&home), Some(&user));
        let goes_out = site.chance(0.4);
        for (day, _) in days() {
            if site.chance(0.2) {
                continue;
            }
            let ip = if v6 {
                format!("2001:db8:{:x}:1::{:x}", 0x100 + n, site.random.below(65535))
            } else {
                home.clone()
            };
            site.shift(day, (16, 23), 18, &user, &ip, &agent);
            if goes_out {
                let ip = site.random.pick(&carrier).clone();
                site.shift(
                    day,
                    (8, 15),
                    5,
                    &user,
                    &ip,
                    "Mozilla/5.0 (Linux; Android 16) Chrome/143.0 Mobile",
                );
            }
        }
    }
}

fn night_shift(site: &mut Site) {
    site.group("night shift", false);
    for n in 0..25 {
        let (user, agent, ip) = (site.account("night"), site.agent(), site.home(300 + n));
        site.member(Some(&ip), Some(&user));
        for (day, _) in days() {
            if site.chance(0.7) {
                site.shift(day, (21, 29), 30, &user, &ip, &agent);
            }
        }
    }
}

/// People who fly to another time zone in the middle of the week.
fn travellers(site: &mut Site) {
    site.group("traveller", false);
    for n in 0..5 {
        let (user, agent) = (site.account("traveller"), site.agent());
        let (home, hotel) = (site.home(350 + n), format!("185.{}.{n}.9", 20 + n));
        site.member(Some(&home), Some(&user));
        site.member(Some(&hotel), None);
        for (day, _) in days() {
            let (ip, hours) = if day < START + 3 * DAY { (&home, (9, 20)) } else { (&hotel, (0, 10)) };
            site.shift(day, hours, 25, &user, ip, &agent);
        }
    }
}

/// People with much to do, from three addresses and two devices.
fn power_users(site: &mut Site) {
    site.group("power user", false);
    for n in 0..8 {
        let user = site.account("power");
        let ips = [site.home(400 + n), site.home(420 + n), format!("198.51.{}.7", 100 + n % 3)];
        let agents = [site.agent(), site.agent()];
        ips[..2].iter().for_each(|ip| site.member(Some(ip), None));
        site.member(None, Some(&user));
        for (day, _) in days() {
            for (ip, hours) in ips.iter().zip([(6, 10), (18, 24), (10, 18)]) {
                let agent = site.random.pick(&agents).clone();
                site.shift(day, hours, 150, &user, ip, &agent);
            }
        }
    }
}

/// Programs of customers that call at a steady rate day and night.
fn api_clients(site: &mut Site) {
    site.group("API client", false);
    for n in 0..12 {
        let (user, ip) = (site.account("api"), site.home(500 + n));
        site.member(Some(&ip), Some(&user));
        let every = site.random.within(2..=8) as i64 * MINUTE;
        let mut ms = START + site.about(every);
        while ms < START + DAYS * DAY {
            let path = if n % 2 == 0 { "/v1/orders".into() } else { site.page(200) };
            let status = if site.chance(0.003) { 429 } else { 200 };
            site.call(ms, Some(&user), &ip, ("GET", &path, status), "python-requests/2.33");
            ms += every + site.random.within(0..=5_000) as i64;
        }
    }
}

/// A phone that goes on with a password that its owner has changed.
fn stale_passwords(site: &mut Site) {
    site.group("stale password", false);
    for n in 0..10 {
        let (user, agent, ip) = (site.account("stale"), site.agent(), site.home(550 + n));
        site.member(Some(&ip), Some(&user));
        for (day, _) in days() {
            site.shift(day, (16, 23), 15, &user, &ip, &agent);
        }
        let changed = START + site.random.within(1..=5) as i64 * DAY;
        let mut ms = changed;
        while ms < changed + 2 * DAY {
            site.call(ms, Some(&user), &ip, ("POST", "/login", 401), "Mail/3 CFNetwork");
            ms += 15 * MINUTE + site.random.within(0..=20_000) as i64;
        }
    }
}

fn probes(site: &mut Site) {
    site.group("monitoring probe", false);
    for n in 0..3 {
        let ip = format!("192.0.2.{}", 10 + n);
        site.member(Some(&ip), None);
        let mut ms = START + n * 7_000;
        while ms < START + DAYS * DAY {
            site.call(ms, None, &ip, ("GET", "/health", 200), "Uptime/2.0");
            ms += MINUTE + site.random.within(0..=300) as i64;
        }
    }
}

/// Search engines, which look at much and meet old links.
fn crawlers(site: &mut Site) {
    site.group("search engine", false);
    for n in 0..2 {
        let ip = format!("66.249.66.{}", 20 + n);
        site.member(Some(&ip), None);
        let mut ms = START;
        while ms < START + DAYS * DAY {
            let (path, status) = (site.page(3000), if site.chance(0.06) { 404 } else { 200 });
            site.call(ms, None, &ip, ("GET", &path, status), "Mozilla/5.0 (compatible; Searchbot/2.1)");
            ms += site.pause(4 * MINUTE);
        }
    }
}

/// People without an account who look around once or twice.
fn visitors(site: &mut Site) {
    site.group("visitor", false);
    for n in 0..80 {
        let (ip, agent) = (site.home(600 + n), site.agent());
        site.member(Some(&ip), None);
        for _ in 0..1 + site.random.below(3) {
            let mut ms = START + site.random.below(DAYS as usize) as i64 * DAY + 8 * HOUR;
            ms += site.random.within(0..=14 * HOUR as u64) as i64;
            for _ in 0..2 + site.random.below(12) {
                let (path, status) = (site.page(100), if site.chance(0.05) { 404 } else { 200 });
                site.call(ms, None, &ip, ("GET", &path, status), &agent);
                ms += site.pause(20_000);
            }
        }
    }
}
