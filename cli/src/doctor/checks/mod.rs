//! All checks. Each file has those of one subject, and a list of them.

mod access;
mod alerts;
mod audit;
mod clock;
mod cluster;
mod database;
mod equal;
mod growth;
mod guards;
mod load;
mod memory;
mod persistence;
mod policies;
mod replication;
mod server;
mod sizes;
#[cfg(test)]
mod tests;
mod tokens;

use super::check::{Check, Outcome};

/// In the order of `--list`.
const ALL: &[&[Check]] = &[
    server::CHECKS,
    access::CHECKS,
    memory::CHECKS,
    persistence::CHECKS,
    clock::CHECKS,
    load::CHECKS,
    replication::CHECKS,
    cluster::CHECKS,
    equal::CHECKS,
    tokens::CHECKS,
    guards::CHECKS,
    policies::CHECKS,
    alerts::CHECKS,
    audit::CHECKS,
    database::CHECKS,
    sizes::CHECKS,
    growth::CHECKS,
];

pub fn all() -> impl Iterator<Item = &'static Check> {
    ALL.iter().copied().flatten()
}

/// The check whose errors are reported whichever checks were chosen: others can't look at a server
/// that does not answer.
pub const REACHABLE: &str = "reachable";

/// Nothing was found.
fn well() -> Outcome {
    Ok(Vec::new())
}

/// One thing was found.
fn found(finding: super::finding::Finding) -> Outcome {
    Ok(vec![finding])
}

/// `1 guard`, `2 guards`
fn count(number: i64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A number of bytes for people.
fn bytes(number: i64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (number as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A number of milliseconds for people.
fn duration(ms: i64) -> String {
    let time = std::time::Duration::from_millis(ms.unsigned_abs());
    let time = if ms >= 10_000 { std::time::Duration::from_secs(time.as_secs()) } else { time };
    humantime::format_duration(time).to_string()
}

/// `part` of `whole` in percent, rounded down.
fn percent(part: i64, whole: i64) -> i64 {
    if whole <= 0 { 0 } else { part.saturating_mul(100) / whole }
}
