//! Attackers that stay below every limit.

use super::people::Site;
use super::{DAY, DAYS, HOUR, MINUTE, START};

const TOOL: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0";

pub(super) fn add(site: &mut Site) {
    let victims = site.accounts.clone();
    spray(site, &victims);
    enumeration(site, &victims);
    scrapers(site);
    stuffing(site, &victims);
    takeovers(site);
}

/// Few addresses try a common password at one account in ten minutes each.
fn spray(site: &mut Site, victims: &[String]) {
    site.group("password spray", true);
    for n in 0..4 {
        let ip = format!("45.{}.12.{}", 130 + n, 40 + n);
        site.member(Some(&ip), None);
        let mut ms = START + n * 2 * HOUR;
        while ms < START + DAYS * DAY {
            let user = site.random.pick(victims).clone();
            site.call(ms, Some(&user), &ip, ("POST", "/login", 401), TOOL);
            ms += 8 * MINUTE + site.random.within(0..=4 * MINUTE as u64) as i64;
        }
    }
}

/// Asks which accounts exist by resetting passwords; one name in eight does.
fn enumeration(site: &mut Site, victims: &[String]) {
    site.group("enumeration", true);
    for n in 0..2 {
        let ip = format!("91.{}.7.3", 200 + n);
        site.member(Some(&ip), None);
        let mut ms = START + DAY + n * HOUR;
        while ms < START + 6 * DAY {
            let is_known = site.chance(0.12);
            let guess = format!("guess{}", site.random.below(100_000));
            let user = if is_known { site.random.pick(victims).clone() } else { guess };
            let status = if is_known { 200 } else { 404 };
            site.call(ms, Some(&user), &ip, ("POST", "/password-reset", status), TOOL);
            ms += site.about(12 * MINUTE);
        }
    }
}

/// Have an account each and copy item by item, with the pauses of a person.
fn scrapers(site: &mut Site) {
    site.group("scraper", true);
    for n in 0..2 {
        let (user, ip) = (site.account("reader"), format!("146.70.{}.8", 50 + n));
        site.member(Some(&ip), Some(&user));
        for day in 0..DAYS {
            let mut ms = START + day * DAY + site.random.within(0..=6 * HOUR as u64) as i64;
            for item in 0..site.about(700) {
                let path = format!("/v1/items/{}", 10_000 * n + 1000 * day + item);
                let status = if site.chance(0.03) { 404 } else { 200 };
                site.call(ms, Some(&user), &ip, ("GET", &path, status), TOOL);
                ms += site.pause(50_000);
            }
        }
    }
}

/// Thirty addresses of a botnet try three leaked passwords a day each, of another person each time.
fn stuffing(site: &mut Site, victims: &[String]) {
    site.group("distributed stuffing", true);
    for n in 0..30 {
        let ip = format!("{}.{}.{}.{}", 101 + n, site.random.below(256), site.random.below(256), 1 + n);
        site.member(Some(&ip), None);
        for day in 0..DAYS {
            for _ in 0..3 {
                let ms = START + day * DAY + site.random.within(0..=DAY as u64) as i64;
                let (user, agent) = (site.random.pick(victims).clone(), site.agent());
                let status = if site.chance(0.02) { 200 } else { 401 };
                site.call(ms, Some(&user), &ip, ("POST", "/login", status), &agent);
            }
        }
    }
}

/// Accounts of people at home, used at night from another country in the second half of the week.
fn takeovers(site: &mut Site) {
    site.group("account takeover", true);
    let homes: Vec<String> = site.accounts.iter().filter(|name| name.starts_with("home")).cloned().collect();
    for n in 0..6 {
        let (user, ip) = (homes[n * 20].clone(), format!("{}.44.{n}.77", 176 + n));
        let agent = site.agent();
        site.member(Some(&ip), Some(&user));
        let nights = 1 + site.random.below(2) as i64;
        for night in 0..nights {
            let mut ms = START + (3 + night + n as i64 % 3) * DAY + 2 * HOUR + site.about(HOUR);
            site.call(ms, Some(&user), &ip, ("POST", "/login", 200), &agent);
            for _ in 0..site.about(25) {
                ms += site.pause(12_000);
                let path = site.page(30);
                site.call(ms, Some(&user), &ip, ("GET", &path, 200), &agent);
            }
        }
    }
}
