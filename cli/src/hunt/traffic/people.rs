//! What honest people and attackers have in common: sessions, pauses, paths.

use lockwatch_test_support::Random;

use super::{Call, Group, MINUTE};

pub(super) struct Site {
    pub(super) random: Random,
    pub(super) calls: Vec<Call>,
    pub(super) groups: Vec<Group>,
    /// All users, at whom attackers guess.
    pub(super) accounts: Vec<String>,
}

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/143.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/18.2",
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/146.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1) Mobile Safari",
    "Mozilla/5.0 (Linux; Android 16) Chrome/143.0 Mobile",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/143.0",
];

const PAGES: [&str; 14] = [
    "/v1/me",
    "/v1/items",
    "/v1/orders",
    "/v1/cart",
    "/v1/search",
    "/v1/messages",
    "/v1/settings",
    "/v1/invoices",
    "/v1/reports",
    "/v1/projects",
    "/v1/teams",
    "/v1/files",
    "/v1/help",
    "/v1/notifications",
];

impl Site {
    pub(super) fn group(&mut self, name: &'static str, is_attack: bool) {
        self.groups.push(Group { name, is_attack, ips: Vec::new(), users: Vec::new() });
    }

    /// Puts an address and a user into the newest group.
    pub(super) fn member(&mut self, ip: Option<&str>, user: Option<&str>) {
        let Some(group) = self.groups.last_mut() else { return };
        group.ips.extend(ip.map(str::to_owned));
        group.users.extend(user.map(str::to_owned));
    }

    pub(super) fn account(&mut self, what: &str) -> String {
        let name = format!("{what}-{}", self.accounts.len());
        self.accounts.push(name.clone());
        name
    }

    pub(super) fn agent(&mut self) -> String {
        (*self.random.pick(&AGENTS)).into()
    }

    /// A home address of its own.
    pub(super) fn home(&mut self, n: usize) -> String {
        format!("{}.{}.{}.{}", 80 + n % 7, self.random.below(256), n % 256, 1 + self.random.below(254))
    }

    pub(super) fn fraction(&mut self) -> f64 {
        (self.random.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.fraction() < share
    }

    /// A pause of a person with this median: most are near it, some much longer.
    pub(super) fn pause(&mut self, median_ms: i64) -> i64 {
        let normal: f64 = (0..6).map(|_| self.fraction() - 0.5).sum::<f64>() * 1.4;
        (median_ms as f64 * normal.exp()) as i64 + 200
    }

    /// About `mean`, between half and one and a half of it.
    pub(super) fn about(&mut self, mean: i64) -> i64 {
        (mean as f64 * (0.5 + self.fraction())) as i64
    }

    /// A page, some far more often than others; a third of them about one of many things.
    pub(super) fn page(&mut self, things: usize) -> String {
        let weight = self.fraction();
        let page = PAGES[((weight * weight) * PAGES.len() as f64) as usize];
        if self.chance(0.35) { format!("{page}/{}", self.random.below(things)) } else { page.into() }
    }

    pub(super) fn call(
        &mut self,
        ms: i64,
        user: Option<&str>,
        ip: &str,
        what: (&'static str, &str, i16),
        agent: &str,
    ) {
        let (method, path, status) = what;
        self.calls.push(Call {
            ms,
            user: user.map(str::to_owned),
            ip: ip.into(),
            method,
            path: path.into(),
            status,
            agent: agent.into(),
        });
    }

    /// A person's visit: perhaps a login (one in 15 with a wrong password first), then pages.
    pub(super) fn visit(&mut self, from: i64, calls: i64, user: &str, ip: &str, agent: &str) -> i64 {
        let mut ms = from;
        if self.chance(0.4) {
            while self.chance(0.07) {
                self.call(ms, Some(user), ip, ("POST", "/login", 401), agent);
                ms += self.pause(8_000);
            }
            self.call(ms, Some(user), ip, ("POST", "/login", 200), agent);
        }
        for _ in 0..calls {
            ms += self.pause(15_000);
            let path = self.page(30);
            let luck = self.fraction();
            let status = if luck < 0.012 {
                404
            } else if luck < 0.017 {
                403
            } else {
                200
            };
            self.call(ms, Some(user), ip, ("GET", &path, status), agent);
        }
        ms
    }

    /// Visits between two hours of a day, about `calls` calls in all.
    pub(super) fn shift(
        &mut self,
        day: i64,
        hours: (i64, i64),
        calls: i64,
        user: &str,
        ip: &str,
        agent: &str,
    ) {
        let (from, to) = (day + hours.0 * 60 * MINUTE, day + hours.1 * 60 * MINUTE);
        let mut left = self.about(calls);
        let mut ms = from + self.random.within(0..=90 * MINUTE as u64) as i64;
        while left > 0 && ms < to {
            let now = self.about(8).min(left);
            ms = self.visit(ms, now, user, ip, agent) + self.pause(40 * MINUTE);
            left -= now;
        }
    }
}
