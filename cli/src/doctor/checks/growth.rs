//! What grows while the program watches (`--watch`).

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Seen, asked};
use super::super::finding::{Finding, Level};
use super::{duration, well};

pub const CHECKS: &[Check] = &[Check {
    name: "growth",
    about: "with --watch: counters of faults that grow meanwhile",
    look: Look::Module(growth),
}];

/// A counter of the module, how bad it is if it grows, and why.
type Counter = (&'static str, Level, &'static str);

const COUNTERS: &[Counter] = &[
    ("panics_total", Level::Error, "the module has a bug that is met again and again; the log says where"),
    ("token_forged_total", Level::Error, "somebody knows the refresh secret: replace it at once"),
    ("audit_refused_total", Level::Error, "audit events are lost: the journal is full, or memory"),
    ("alert_dropped_total", Level::Error, "alerts are lost: there is no room"),
    ("alert_dead_dropped_total", Level::Error, "dead letters of alerts are lost"),
    ("alert_refused_total", Level::Error, "LW.ALERT answers LWFULL"),
    (
        "guard_refused_subjects_total",
        Level::Error,
        "attackers are not counted: memory, or a budget of guard-max-bytes",
    ),
    ("audit_dead_total", Level::Warning, "Postgres refuses rows: LW.AUDITLOG DEAD"),
    ("alert_dead_total", Level::Warning, "endpoints do not take alerts: LW.ALERTS DEAD"),
    ("alert_retried_total", Level::Warning, "deliveries fail and are repeated: see the check webhooks"),
    ("audit_retries_total", Level::Warning, "shipping fails and is repeated: lockwatch_audit_last_error"),
    (
        "audit_expired_total",
        Level::Warning,
        "events older than audit-retention-days are not stored: old events, or a clock",
    ),
    (
        "token_reused_total",
        Level::Warning,
        "refresh tokens are used twice: stolen, or a client keeps old ones",
    ),
    (
        "token_rolled_forward_total",
        Level::Warning,
        "tokens are ahead of the store: are two servers in use at once?",
    ),
    (
        "token_busy_total",
        Level::Warning,
        "too many calls wait for RSA signatures: sign with EdDSA, or raise sign-threads",
    ),
    ("ratelimit_clock_steps_total", Level::Warning, "the clock steps back: slew it"),
    ("burst_clock_steps_total", Level::Warning, "the clock steps back: slew it"),
    ("lease_missed_total", Level::Note, "holders renew or release too late"),
    ("guard_lifted_total", Level::Note, "support lifts bans: rules hit the innocent"),
    (
        "guard_bans_restrained_total",
        Level::Note,
        "bans become challenges: the guard learns, or see the check guard-restrained",
    ),
    (
        "token_evicted_total",
        Level::Note,
        "sessions end to make room for newer ones: a client logs in instead of refreshing",
    ),
];

/// Counters of the server itself.
const SERVER: &[Counter] = &[
    ("evicted_keys", Level::Error, "keys are evicted: limits start anew, guards forget, tokens are gone"),
    ("rejected_connections", Level::Warning, "clients are refused: maxclients"),
];

fn growth(node: Seen<'_>) -> Outcome {
    let Some((later, time)) = &node.answers.later else { return well() };
    let (before, later) = (node.info()?, asked(later)?);
    let own = COUNTERS.iter().map(|counter| (format!("lockwatch_{}", counter.0), counter));
    let servers = SERVER.iter().map(|counter| (counter.0.to_owned(), counter));
    let mut findings = Vec::new();
    for (field, (_, level, why)) in own.chain(servers) {
        let grown = later.number(&field).unwrap_or(0).saturating_sub(before.number(&field).unwrap_or(0));
        // Without an endpoint the oldest alerts are dropped, as intended.
        let is_meant =
            field == "lockwatch_alert_dropped_total" && before.lockwatch("alert_endpoints") == Some(0);
        if grown > 0 && !is_meant {
            let time = duration(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
            findings.push(
                Finding::at(*level, format!("{field} has grown by {grown} in {time}"))
                    .why(format!("It grows while {why}."))
                    .todo("docs/reference/info.md describes the field.")
                    .redis("INFO lockwatch"),
            );
        }
    }
    findings.extend(stalled(node, before, later));
    Ok(findings)
}

/// Events are recorded, and none is shipped.
fn stalled(node: Seen<'_>, before: &crate::info::Info, later: &crate::info::Info) -> Option<Finding> {
    let grown =
        |name: &str| later.lockwatch(name).unwrap_or(0).saturating_sub(before.lockwatch(name).unwrap_or(0));
    let has_database = later.text("lockwatch_audit_postgres").is_some_and(|hosts| !hosts.is_empty());
    let is_stalled = has_database
        && node.primary
        && grown("audit_appended_total") > 0
        && grown("audit_shipped_total") == 0;
    is_stalled.then(|| {
        Finding::error(format!(
            "{} audit events were recorded, and none was shipped",
            grown("audit_appended_total")
        ))
        .why("The journal fills.")
        .todo("See the checks ship, postgres and audit-dead-letters.")
        .redis("INFO lockwatch_audit")
    })
}
