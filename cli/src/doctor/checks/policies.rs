//! Limits and leases.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Seen, asked};
use super::super::finding::Finding;
use super::{found, percent, well};
use crate::sum::sum;

pub const CHECKS: &[Check] = &[
    Check {
        name: "denied-calls",
        about: "most calls of the limiter are admitted",
        look: Look::Module(denied),
    },
    Check { name: "top-keys", about: "LW.TOP keeps counts", look: Look::Module(top_keys) },
    Check {
        name: "cl-throttle",
        about: "CL.THROTTLE is lockwatch's, if it is turned on",
        look: Look::Module(throttle),
    },
    Check { name: "leases", about: "leases are released, and renewed in time", look: Look::Module(leases) },
];

fn denied(node: Seen<'_>) -> Outcome {
    let total = |names: [&str; 3]| {
        names.iter().map(|name| node.lockwatch(name)).collect::<Result<Vec<_>, _>>().map(sum)
    };
    let calls = total(["ratelimit_calls_total", "mratelimit_calls_total", "cell_calls_total"])?;
    let denied = total(["ratelimit_denied_total", "mratelimit_denied_total", "cell_denied_total"])?;
    if calls < 1000 || percent(denied, calls) < 50 {
        return well();
    }
    found(
        Finding::note(format!("{denied} of {calls} calls of the limiter were denied since the start"))
            .why("An attack, a broken client, or a limit that is too low.")
            .todo("See whose calls they are.")
            .redis("LW.TOP COUNT 10"),
    )
}

fn top_keys(node: Seen<'_>) -> Outcome {
    if node.directive("lockwatch.top-keys")? != "0" {
        return well();
    }
    found(
        Finding::note("top-keys is 0")
            .why("LW.TOP, and so lockwatch top and web, can't say who is being limited.")
            .todo("A key takes at most about 0.5 KB.")
            .redis("CONFIG SET lockwatch.top-keys 100"),
    )
}

fn throttle(node: Seen<'_>) -> Outcome {
    if node.directive("lockwatch.cl-throttle")? != "yes" {
        return well();
    }
    let owner = asked(&node.answers.throttle)?;
    if owner == "lockwatch" || owner.is_empty() {
        return well();
    }
    found(
        Finding::warning(format!("cl-throttle is yes, and CL.THROTTLE belongs to the module {owner}"))
            .why(
                "That module was loaded before lockwatch and keeps the name. Its keys are of another type \
                 if it is not redis-cell, and lockwatch counts none of its calls.",
            )
            .todo(
                "Remove the other module and restart the server. To move from redis-cell: \
                 docs/guides/migrate/redis-cell.md.",
            )
            .redis("MODULE LIST"),
    )
}

fn leases(node: Seen<'_>) -> Outcome {
    let mut findings = Vec::new();
    let (acquired, live) = (node.lockwatch("lease_acquired_total")?, node.lockwatch("lease_leases")?);
    let ended = node.lockwatch("lease_released_total")?.saturating_add(node.lockwatch("lease_closed_total")?);
    let over = acquired.saturating_sub(live);
    if over >= 100 && percent(ended, over) < 50 {
        findings.push(
            Finding::note(format!("{ended} of {over} leases that ended since the start were released"))
                .why("Holders crash, or forget to release: the others wait for the ttl.")
                .todo("Release in a finally block, or use ONCLOSE: docs/guides/limit/concurrency.md."),
        );
    }
    let repeated = node.lockwatch("lease_repeated_total")?;
    if repeated >= 100 && percent(repeated, acquired) >= 50 {
        findings.push(
            Finding::note(format!(
                "{acquired} leases were taken since the start, and {repeated} calls repeated one"
            ))
            .why("Clients lose replies, or use an id twice: then two believe that they hold the lease.")
            .todo("Make a new id for each lease, and look at the clients' timeouts."),
        );
    }
    let (renewed, missed) = (node.lockwatch("lease_renewed_total")?, node.lockwatch("lease_missed_total")?);
    if missed >= 100 && percent(missed, sum([renewed, ended, missed])) >= 10 {
        findings.push(
            Finding::note(format!(
                "{missed} calls of LW.RENEW and LW.RELEASE since the start came for a lease that had ended"
            ))
            .why("While a holder works without its lease, others have its place.")
            .todo("Renew earlier, at a third of the ttl, or use a longer ttl."),
        );
    }
    Ok(findings)
}
