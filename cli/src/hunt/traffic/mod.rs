//! A week of a log with known attackers, for tests and for the figures in the documentation.
//!
//! It is written without regard to the features, and the same for a seed on every machine.

mod attackers;
mod honest;
mod people;

use lockwatch_test_support::Random;
use people::Site;

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const DAYS: i64 = 7;
/// Monday, 2 March 2026, 00:00 UTC.
pub const START: i64 = 1_772_409_600_000;

/// One event of the log.
#[derive(Clone, Debug)]
pub struct Call {
    pub ms: i64,
    pub user: Option<String>,
    pub ip: String,
    pub method: &'static str,
    pub path: String,
    pub status: i16,
    pub agent: String,
}

/// A group of addresses and users that do one thing together.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: &'static str,
    pub is_attack: bool,
    /// As `lockwatch hunt` shows them.
    pub ips: Vec<String>,
    /// Users that belong to the group: of attackers those whose account is used, not those that are
    /// only guessed at.
    pub users: Vec<String>,
}

pub struct Log {
    /// In order of time.
    pub calls: Vec<Call>,
    pub groups: Vec<Group>,
}

pub fn week(seed: u64) -> Log {
    let mut site =
        Site { random: Random::seeded(seed), calls: Vec::new(), groups: Vec::new(), accounts: Vec::new() };
    honest::add(&mut site);
    attackers::add(&mut site);
    site.calls.sort_by_key(|call| call.ms);
    site.calls.retain(|call| (START..START + DAYS * DAY).contains(&call.ms));
    Log { calls: site.calls, groups: site.groups }
}
