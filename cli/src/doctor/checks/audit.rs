//! The audit log, as the servers see it.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::Seen;
use super::super::finding::{Finding, Level};
use super::{bytes, count, duration, found, percent, well};

pub const CHECKS: &[Check] = &[
    Check {
        name: "ship",
        about: "alerts and audit events are not held back (ship yes)",
        look: Look::Module(ship),
    },
    Check { name: "postgres", about: "the servers reach their database", look: Look::Module(postgres) },
    Check {
        name: "audit-lag",
        about: "no audit event waits longer than audit-lag-alert",
        look: Look::Module(lag),
    },
    Check { name: "journal-size", about: "the journal has room", look: Look::Module(journal) },
    Check { name: "refused-events", about: "no audit event was refused", look: Look::Module(refused) },
    Check { name: "audit-dead-letters", about: "Postgres refuses no audit event", look: Look::Module(dead) },
];

/// Where shipping stops until dead letters are dealt with.
const MAX_DEAD: i64 = 1000;

fn ship(node: Seen<'_>) -> Outcome {
    if node.info()?.lockwatch("ship") != Some(0) {
        return well();
    }
    let waiting = node.lockwatch("alert_queued")?.saturating_add(node.lockwatch("audit_pending")?);
    found(
        Finding::warning(format!("ship is no; {waiting} alerts and audit events wait"))
            .why(
                "All alerts and audit events are held back. That is right on a copy of another server's \
                 data, which would otherwise send that server's alerts and events again, and wrong \
                 everywhere else.",
            )
            .todo(
                "On a copy: leave it, and stop the copy when you have looked. Elsewhere turn it on, then \
                 CONFIG REWRITE.",
            )
            .redis("CONFIG SET lockwatch.ship yes"),
    )
}

fn has_database(node: Seen<'_>) -> Result<bool, super::super::facts::Missing> {
    Ok(!node.text("lockwatch_audit_postgres")?.is_empty())
}

fn postgres(node: Seen<'_>) -> Outcome {
    let state = node.lockwatch("audit_state_number")?;
    if !has_database(node)? || state < 4 {
        return well();
    }
    let (name, error) = (node.text("lockwatch_audit_state")?, node.text("lockwatch_audit_last_error")?);
    let error = if error.is_empty() { String::new() } else { format!(": {error}") };
    let level = if state == 5 { Level::Error } else { Level::Warning };
    found(
        Finding::at(
            level,
            format!("shipping to {} is {name}{error}", node.text("lockwatch_audit_postgres")?),
        )
        .why(
            "There is no usable connection to Postgres although one is wanted. Audit events wait in the \
             journal; when that is full, LW.AUDIT answers LWFULL.",
        )
        .todo(
            "Is Postgres up and reachable from the server, are user, password and rights in the file of \
             postgres-url-file right? docs/guides/audit/postgres.md. After a change of the file:",
        )
        .redis("LW.RELOAD"),
    )
}

fn lag(node: Seen<'_>) -> Outcome {
    let lag = node.lockwatch("audit_lag_ms")?;
    let limit = match node.directive("lockwatch.audit-lag-alert")? {
        text if text.ends_with("ms") => text.trim_end_matches("ms").parse::<i64>().unwrap_or(0),
        text => text.parse::<i64>().unwrap_or(300).saturating_mul(1000),
    };
    // 0 turns the alert off, not the fault.
    let limit = if limit == 0 { 300_000 } else { limit };
    if !has_database(node)? || !node.primary || lag <= limit {
        return well();
    }
    found(
        Finding::error(format!(
            "the oldest audit event has waited for {}; waiting: {}",
            duration(lag),
            count(node.lockwatch("audit_pending")?, "event")
        ))
        .why("The journal fills, and a crash without persistence loses what waits.")
        .todo(
            "See the checks postgres and audit-dead-letters. If both are well, Postgres takes fewer events \
             a second than are recorded: docs/guides/operate/size.md.",
        )
        .redis("INFO lockwatch_audit"),
    )
}

fn journal(node: Seen<'_>) -> Outcome {
    if !has_database(node)? {
        return well();
    }
    let mut findings = Vec::new();
    for (used, max, shown) in [
        ("audit_events", "audit_max_events", (|n| format!("{n} events")) as fn(i64) -> String),
        ("audit_bytes", "audit_max_bytes", bytes),
    ] {
        let (used, max) = (node.lockwatch(used)?, node.lockwatch(max)?);
        let share = percent(used, max);
        if share < 50 {
            continue;
        }
        let level = if share >= 90 { Level::Error } else { Level::Warning };
        findings.push(
            Finding::at(level, format!("the journal holds {} of at most {}", shown(used), shown(max)))
                .why("Events with LIMITED are refused from half on, all others when it is full.")
                .todo(
                    "See the check postgres. To bridge a longer outage, raise audit-max-events and \
                     audit-max-bytes: docs/guides/operate/size.md.",
                )
                .redis("CONFIG SET lockwatch.audit-max-events NUMBER lockwatch.audit-max-bytes BYTES"),
        );
    }
    Ok(findings)
}

fn refused(node: Seen<'_>) -> Outcome {
    let (gap, refused) = (node.lockwatch("audit_gap")?, node.lockwatch("audit_refused_total")?);
    if gap > 0 {
        return found(
            Finding::error(format!(
                "audit events are being refused now: {gap} since the journal became full, {refused} since \
                 the start"
            ))
            .why("These events are lost. An event of the kind gap will say how many.")
            .todo("See the checks postgres, journal-size and memory.")
            .redis("INFO lockwatch_audit"),
        );
    }
    if refused == 0 {
        return well();
    }
    found(
        Finding::note(format!("{refused} audit events were refused since the start"))
            .why("The journal was full, or the server was above 63/64 of maxmemory. There is room again.")
            .todo("Events of the kind gap say when.")
            .redis("LW.AUDITLOG QUERY KIND gap COUNT 10"),
    )
}

fn dead(node: Seen<'_>) -> Outcome {
    let dead = node.lockwatch("audit_dead")?;
    if dead == 0 {
        return well();
    }
    let (level, why) = if dead >= MAX_DEAD {
        (Level::Error, "Nothing is shipped any more until there is room for dead letters.")
    } else {
        (
            Level::Warning,
            "Postgres refuses these events. At 1000 of them, or 8 MiB, nothing is shipped any more.",
        )
    };
    found(
        Finding::at(level, format!("dead letters of the audit log: {dead}"))
            .why(why)
            .todo(
                "See the reasons, repair the table or its rights, then LW.AUDITLOG REPLAY ALL, or DISCARD \
                 ALL.",
            )
            .redis("LW.AUDITLOG DEAD COUNT 10"),
    )
}
