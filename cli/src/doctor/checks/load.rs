//! How busy the servers are.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Seen, asked};
use super::super::finding::{Finding, Level};
use super::{duration, found, percent, well};
use crate::info::Info;

pub const CHECKS: &[Check] = &[
    Check {
        name: "latency",
        about: "the server answers at once, and the commands of hot paths take microseconds",
        look: Look::Server(latency),
    },
    Check {
        name: "slow-deliveries",
        about: "Postgres and the webhook endpoints answer quickly",
        look: Look::Module(deliveries),
    },
    Check { name: "connections", about: "there is room for more clients", look: Look::Server(connections) },
];

const SLOW_MS: i64 = 100;
const VERY_SLOW_MS: i64 = 500;
/// A hot command that takes longer than this on average, in microseconds.
const HOT_MICROS: f64 = 1000.0;
/// Averages of fewer calls say nothing.
const MIN_CALLS: i64 = 100;
const HOT: &[&str] = &[
    "lw.ratelimit",
    "lw.mratelimit",
    "lw.peek",
    "lw.burst",
    "lw.audit",
    "lw.acquire",
    "lw.attempt",
    "lw.event",
    "lw.check",
    "lw.verify",
];

fn latency(node: Seen<'_>) -> Outcome {
    let took = i64::try_from(asked(&node.answers.clock)?.round_trip.as_millis()).unwrap_or(i64::MAX);
    let mut findings = Vec::new();
    if took >= SLOW_MS {
        let level = if took >= VERY_SLOW_MS { Level::Error } else { Level::Warning };
        findings.push(
            Finding::at(
                level,
                format!("a call that does nothing took {} (the median of five)", duration(took)),
            )
            .why(
                "Every request of the application waits as long for its limit. Either the server's one \
                 thread is busy, or the network is slow.",
            )
            .todo(
                "Compare with a client on the server's machine. If that is slow too, look for slow \
                 commands (KEYS, large ranges, scripts) and for swapping.",
            )
            .redis("SLOWLOG GET 10"),
        );
    }
    findings.extend(hot(node)?);
    Ok(findings)
}

/// Commands of hot paths that take long.
fn hot(node: Seen<'_>) -> Outcome {
    let mut findings = Vec::new();
    for name in HOT {
        let line = node.text(&format!("cmdstat_{name}"))?;
        let stats = Info::members(line);
        let calls = stats.get("calls").and_then(|calls| calls.parse::<i64>().ok()).unwrap_or(0);
        let micros = stats.get("usec_per_call").and_then(|time| time.parse::<f64>().ok()).unwrap_or(0.0);
        if calls >= MIN_CALLS && micros >= HOT_MICROS {
            findings.push(
                Finding::warning(format!(
                    "{} took {micros:.0} us on average of {calls} calls",
                    name.to_uppercase()
                ))
                .why("It should take some microseconds. All other clients of the server wait meanwhile.")
                .todo(
                    "Is the machine out of CPU, or swapping? If not, please report it, with INFO \
                     everything.",
                ),
            );
        }
    }
    Ok(findings)
}

/// More than a tenth of the durations are longer than a second.
fn deliveries(node: Seen<'_>) -> Outcome {
    const SECOND: &str = "le_1000";
    let mut findings = Vec::new();
    for (field, what, todo) in [
        (
            "lockwatch_audit_ship_ms",
            "batches for Postgres",
            "Look at the database's disk and locks, and at the network.",
        ),
        (
            "lockwatch_alert_delivery_ms",
            "deliveries to endpoints",
            "Let the receiver answer first and work afterwards.",
        ),
    ] {
        let members = Info::members(node.text(field)?);
        let member = |name: &str| members.get(name).and_then(|n| n.parse::<i64>().ok());
        let (Some(all), Some(quick)) = (member("count"), member(SECOND)) else { continue };
        let slow = all.saturating_sub(quick);
        if all >= 20 && percent(slow, all) >= 10 {
            findings.push(
                Finding::note(format!("{slow} of {all} {what} took more than a second"))
                    .why("If more comes than is taken, the queue fills until calls are refused.")
                    .todo(todo)
                    .redis("INFO lockwatch"),
            );
        }
    }
    Ok(findings)
}

fn connections(node: Seen<'_>) -> Outcome {
    let (clients, max) = (node.number("connected_clients")?, node.number("maxclients")?);
    if max > 0 && percent(clients, max) >= 90 {
        return found(
            Finding::warning(format!("{clients} clients are connected, and maxclients is {max}"))
                .why(
                    "Further clients are refused: their requests go on without a limit, or fail, as they \
                     are configured.",
                )
                .todo(
                    "Raise maxclients, or find the application that does not share or close its \
                     connections.",
                )
                .redis("CLIENT LIST"),
        );
    }
    let rejected = node.number("rejected_connections")?;
    if rejected == 0 {
        return well();
    }
    found(
        Finding::note(format!(
            "{rejected} connections were refused since the start, because maxclients ({max}) was reached"
        ))
        .why("Those clients could not ask for a limit.")
        .todo("Raise maxclients, or find the application that does not share or close its connections."),
    )
}
