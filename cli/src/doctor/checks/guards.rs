//! Guards.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Seen, asked};
use super::super::finding::Finding;
use super::super::time::now_ms;
use super::{bytes, duration, found, percent, well};

pub const CHECKS: &[Check] = &[
    Check { name: "guard-mode", about: "guards enforce their rules", look: Look::Module(mode) },
    Check {
        name: "guard-restrained",
        about: "no guard turns bans into challenges",
        look: Look::Module(restrained),
    },
    Check { name: "guard-refused", about: "guards count everybody", look: Look::Module(refused) },
    Check {
        name: "guard-size",
        about: "there is room for more bans and subjects in a guard",
        look: Look::Module(size),
    },
    Check {
        name: "guard-alerts",
        about: "no guard was lost or has filled up, and none bans a proxy",
        look: Look::Module(alerts),
    },
    Check {
        name: "outcomes",
        about: "the application reports the outcomes of attempts",
        look: Look::Module(outcomes),
    },
    Check { name: "lifted-bans", about: "few bans have to be lifted", look: Look::Module(lifted) },
];

/// The number of bans and allow entries of a guard.
const MAX_BANS: i64 = 10_000;
/// How old an alert may be to be reported.
const RECENT_MS: i64 = 24 * 3600 * 1000;

fn mode(node: Seen<'_>) -> Outcome {
    if node.lockwatch("guard_observes")? == 0 {
        return well();
    }
    found(
        Finding::warning("guard-mode is observe")
            .why(
                "No rule challenges or bans, and operators' bans do not hold either. Replies only say what \
                 the verdict would be.",
            )
            .todo(
                "When you have seen what the rules would do (docs/guides/guard/tune.md), enforce them. \
                 Then CONFIG REWRITE.",
            )
            .redis("CONFIG SET lockwatch.guard-mode enforce"),
    )
}

fn restrained(node: Seen<'_>) -> Outcome {
    let guards = node.lockwatch("guard_restrained")?;
    if guards == 0 {
        return well();
    }
    found(
        Finding::warning(format!("guards in which new bans become challenges: {guards}"))
            .why(
                "There are more than 60 new bans a minute, the budget for bans is full, or the login seems \
                 broken. Attackers who pass challenges are not banned.",
            )
            .todo("The alerts guard.capped, guard.full and guard.broken say which.")
            .redis("LW.ALERTS RECENT COUNT 20"),
    )
}

fn refused(node: Seen<'_>) -> Outcome {
    let refused = node.lockwatch("guard_refused_subjects_total")?;
    if refused == 0 {
        return well();
    }
    found(
        Finding::warning(format!("{refused} subjects were not added since the start"))
            .why(
                "Attackers were not counted, and guesses of new pairs passed: the server was above \
                 maxmemory, or a budget of guard-max-bytes was full.",
            )
            .todo(
                "See the check memory; raise maxmemory or guard-max-bytes. The counter starts anew with \
                 the server.",
            )
            .redis("CONFIG SET lockwatch.guard-max-bytes 40mb"),
    )
}

/// INFO has sums over all guards, so a single guard is judged only if it is the only one, or if
/// even the average is near the limit.
fn size(node: Seen<'_>) -> Outcome {
    let guards = node.lockwatch("guards")?;
    if guards <= 0 {
        return well();
    }
    let each = if guards == 1 { "the guard has" } else { "the guards have on average" };
    let mut findings = Vec::new();
    let bans = node.lockwatch("guard_bans")? / guards;
    if percent(bans, MAX_BANS) >= 80 {
        findings.push(
            Finding::warning(format!("{each} {bans} of at most {MAX_BANS} bans and allow entries"))
                .why(
                    "When a guard is full, new bans become challenges, and LW.BAN and LW.ALLOW answer \
                     LWFULL.",
                )
                .todo("Ban networks instead of addresses, lift what is over, and shorten what is long.")
                .redis("LW.BANS KEY COUNT 20"),
        );
    }
    let (held, max) = (node.lockwatch("guard_bytes")? / guards, node.directive("lockwatch.guard-max-bytes")?);
    let max = max.parse::<i64>().unwrap_or(0);
    // Without bans, seven eighths are the most that a guard takes.
    if max > 0 && percent(held, max) >= 80 {
        findings.push(
            Finding::warning(format!("{each} {} of at most {}", bytes(held), bytes(max)))
                .why(
                    "In a full guard the users who were seen the longest ago are forgotten, and so are \
                     small counts.",
                )
                .todo("Raise guard-max-bytes on every server, then CONFIG REWRITE.")
                .redis(format!("CONFIG SET lockwatch.guard-max-bytes {}", max.saturating_mul(2))),
        );
    }
    Ok(findings)
}

fn alerts(node: Seen<'_>) -> Outcome {
    let (alerts, now) = (asked(&node.answers.alerts)?, now_ms());
    let mut findings = Vec::new();
    for (kind, what, todo) in [
        (
            "guard.lost",
            "a guard was deleted, evicted or flushed, with its bans and known users",
            "If nobody meant that: is maxmemory-policy noeviction, and who may call DEL and FLUSHALL?",
        ),
        (
            "guard.full",
            "the budget for bans of a guard was full",
            "Ban networks instead of addresses, or raise guard-max-bytes.",
        ),
        (
            "guard.proxy",
            "most outcomes of a guard come from one private address",
            "The application passes the address of its proxy. Let it read the client's: \
             docs/guides/limit/behind-a-proxy.md.",
        ),
        (
            "guard.broken",
            "the login of a guard seemed broken",
            "Do logins work? While successes are missing, new bans become challenges.",
        ),
    ] {
        let newest = alerts.iter().filter(|alert| alert.kind == kind).map(|alert| alert.at_ms).max();
        let Some(ago) = newest.map(|at| now.saturating_sub(at)).filter(|ago| *ago < RECENT_MS) else {
            continue;
        };
        findings.push(
            Finding::warning(format!("{kind} was raised {} ago", duration(ago.max(0) / 1000 * 1000)))
                .why(format!("It means that {what}."))
                .todo(todo)
                .redis("LW.ALERTS RECENT COUNT 20"),
        );
    }
    Ok(findings)
}

fn outcomes(node: Seen<'_>) -> Outcome {
    let (admitted, outcomes) =
        (node.lockwatch("guard_attempts_admitted_total")?, node.lockwatch("guard_outcomes_total")?);
    if admitted < 100 || percent(outcomes, admitted) >= 50 {
        return well();
    }
    found(
        Finding::warning(format!(
            "{outcomes} outcomes were reported of {admitted} admitted attempts since the start"
        ))
        .why(
            "Without LW.EVENT the rules that count failures never fire, and users who log in rightly are \
             challenged in the end.",
        )
        .todo(
            "Let the application send success, failure, unknown, password or mfa after each admitted \
             attempt: docs/guides/guard/login.md.",
        ),
    )
}

fn lifted(node: Seen<'_>) -> Outcome {
    let (lifted, bans) = (node.lockwatch("guard_lifted_total")?, node.lockwatch("guard_bans_total")?);
    if lifted < 20 || percent(lifted, bans.max(1)) < 10 {
        return well();
    }
    found(
        Finding::note(format!(
            "{lifted} bans, challenges and allow entries were lifted since the start, and rules have made \
             {bans} bans"
        ))
        .why("Rules hit the innocent.")
        .todo(
            "Find the rule by LW.WHY and lockwatch_guard_<guard>/<rule>, and let it observe first: \
             docs/guides/guard/tune.md.",
        ),
    )
}
