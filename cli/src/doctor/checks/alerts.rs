//! Alerts and their endpoints.

use std::collections::BTreeMap;

use super::super::check::{Check, Look, Outcome};
use super::super::facts::Seen;
use super::super::finding::{Finding, Level};
use super::{bytes, duration, found, percent, well};

pub const CHECKS: &[Check] = &[
    Check { name: "webhooks", about: "every webhook endpoint takes alerts", look: Look::Module(webhooks) },
    Check {
        name: "no-webhook",
        about: "alerts that are raised have somewhere to go",
        look: Look::Module(no_webhook),
    },
    Check { name: "alert-queue", about: "alerts do not pile up", look: Look::Module(queue) },
    Check {
        name: "alert-dead-letters",
        about: "no delivery of an alert was given up",
        look: Look::Module(dead),
    },
    Check {
        name: "lost-alerts",
        about: "no alert was lost or refused for want of room",
        look: Look::Module(lost),
    },
];

/// The directive that the error of an endpoint with a private address names.
const ALLOW_PRIVATE: &str = "lockwatch.webhook-allow-private";
/// How long the oldest alert may wait.
const WAIT_MS: i64 = 5 * 60 * 1000;

fn webhooks(node: Seen<'_>) -> Outcome {
    let endpoints = node.info()?.endpoints();
    Ok(endpoints.iter().filter_map(webhook).collect())
}

fn webhook(endpoint: &BTreeMap<&str, &str>) -> Option<Finding> {
    let member = |name: &str| endpoint.get(name).copied().unwrap_or_default();
    let (level, state, why) = match member("state") {
        "failing" => (
            Level::Warning,
            "has failed",
            "The last delivery failed. Each alert is tried ten times and then becomes a dead letter.",
        ),
        "open" => (
            Level::Error,
            "fails again and again, and is tried once a minute",
            "The last ten deliveries or more, of one alert or of several, have failed. Alerts wait, and \
             become dead letters after ten tries.",
        ),
        "disabled" => (
            Level::Error,
            "is turned off because it has answered 410",
            "It gets nothing until it is set again or passes LW.ALERTS TEST.",
        ),
        _ => return None,
    };
    let status = match member("last_status") {
        "" | "0" => String::new(),
        status => format!(", last status {status}"),
    };
    let error = match member("last_error") {
        "" => String::new(),
        // INFO has a blank in place of each comma of the error.
        error => format!(": {}", error.replace("  ", ", ")),
    };
    let seen = format!("{} ({}) {state}{status}{error}", member("url"), member("source"));
    let finding = Finding::at(level, seen).why(why);
    let finding = if error.contains(ALLOW_PRIVATE) {
        finding
            .todo("If this address is the receiver's, allow private addresses, then CONFIG REWRITE. Try it.")
            .redis(format!("CONFIG SET {ALLOW_PRIVATE} yes"))
    } else {
        finding.todo("Repair the receiver, or correct its address, then try it.")
    };
    Some(finding.redis("LW.ALERTS TEST"))
}

fn no_webhook(node: Seen<'_>) -> Outcome {
    let raised = node.lockwatch("alert_raised_total")?;
    if !node.primary || raised == 0 || node.lockwatch("alert_endpoints")? > 0 {
        return well();
    }
    found(
        Finding::warning(format!("alerts since the start: {raised}; endpoints: none"))
            .why(
                "Nobody is told of bursts, stolen tokens and bans. The newest alerts are kept, and the \
                 oldest dropped for them.",
            )
            .todo(
                "Set one (docs/guides/alerts/slack-and-pagerduty.md), then CONFIG REWRITE. A URL that is a \
                 secret belongs into webhook-urls-file.",
            )
            .redis("CONFIG SET lockwatch.webhook-urls-file PATH"),
    )
}

fn queue(node: Seen<'_>) -> Outcome {
    if node.lockwatch("alert_endpoints")? == 0 {
        return well();
    }
    let mut findings = Vec::new();
    for (used, max, shown) in [
        ("alert_queued", "alert_max_events", (|n| format!("{n} alerts")) as fn(i64) -> String),
        ("alert_queued_bytes", "alert_max_bytes", bytes),
    ] {
        let (used, max) = (node.lockwatch(used)?, node.lockwatch(max)?);
        let share = percent(used, max);
        if share < 50 {
            continue;
        }
        let level = if share >= 90 { Level::Error } else { Level::Warning };
        findings.push(
            Finding::at(level, format!("{} of at most {} wait", shown(used), shown(max)))
                .why("When the queue is full, LW.ALERT answers LWFULL, and alerts are lost.")
                .todo("See the check webhooks: the endpoints are away, or too slow for the alerts.")
                .redis("LW.ALERTS LIST COUNT 10"),
        );
    }
    let oldest = node.lockwatch("alert_oldest_ms")?;
    if findings.is_empty() && oldest > WAIT_MS && node.primary && node.info()?.lockwatch("ship") != Some(0) {
        findings.push(
            Finding::warning(format!("the oldest alert has waited for {}", duration(oldest)))
                .why("Somebody should have been told by now.")
                .todo("See the check webhooks: the endpoints are away, or too slow for the alerts.")
                .redis("LW.ALERTS LIST COUNT 10"),
        );
    }
    Ok(findings)
}

fn dead(node: Seen<'_>) -> Outcome {
    let dead = node.lockwatch("alert_dead")?;
    if dead == 0 {
        return well();
    }
    found(
        Finding::warning(format!("alerts with dead letters: {dead}"))
            .why("An endpoint did not take them in ten tries. Nobody was told.")
            .todo("See the reasons, repair the receiver, then LW.ALERTS REPLAY ALL, or DISCARD ALL.")
            .redis("LW.ALERTS DEAD COUNT 10"),
    )
}

fn lost(node: Seen<'_>) -> Outcome {
    let dropped =
        if node.lockwatch("alert_endpoints")? > 0 { node.lockwatch("alert_dropped_total")? } else { 0 };
    let (letters, refused) =
        (node.lockwatch("alert_dead_dropped_total")?, node.lockwatch("alert_refused_total")?);
    if [dropped, letters, refused] == [0; 3] {
        return well();
    }
    found(
        Finding::warning(format!(
            "since the start {dropped} alerts and {letters} dead letters were dropped, and {refused} calls \
             of LW.ALERT were refused"
        ))
        .why("These alerts are lost.")
        .todo(
            "Repair the endpoints, or raise alert-max-events and alert-max-bytes. The counters start anew \
             with the server.",
        )
        .redis("INFO lockwatch_alert"),
    )
}
