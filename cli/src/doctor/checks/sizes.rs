//! Fixed limits of the module.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::Seen;
use super::super::finding::{Finding, Level};
use super::percent;

pub const CHECKS: &[Check] = &[
    Check {
        name: "policy-count",
        about: "there is room for more policies and overrides",
        look: Look::Module(policies),
    },
    Check { name: "lease-count", about: "there is room for more leases", look: Look::Module(leases) },
];

/// What has a fixed limit: the field, the limit, what it is called, what happens at the limit.
type Limit = (&'static str, i64, &'static str);

fn near(node: Seen<'_>, limits: &[Limit], why: &str, todo: &str, command: &str) -> Outcome {
    let mut findings = Vec::new();
    for (field, max, what) in limits {
        let used = node.lockwatch(field)?;
        let share = percent(used, *max);
        if share >= 90 {
            let level = if share >= 100 { Level::Error } else { Level::Warning };
            findings.push(
                Finding::at(level, format!("{used} of at most {max} {what}"))
                    .why(why)
                    .todo(todo)
                    .redis(command),
            );
        }
    }
    Ok(findings)
}

fn policies(node: Seen<'_>) -> Outcome {
    near(
        node,
        &[("policies", 1000, "policies"), ("policies_overrides", 1000, "overrides of policies")],
        "At the limit LW.POLICY SET answers LWFULL: a new customer or limit can't be set.",
        "Delete what is not used. An override for a prefix ('plan-free-*') does the work of many.",
        "LW.POLICY LIST",
    )
}

fn leases(node: Seen<'_>) -> Outcome {
    let mut findings = near(
        node,
        &[("lease_onclose_leases", 100_000, "leases that end when their connection closes")],
        "At the limit LW.ACQUIRE with ONCLOSE answers LWFULL.",
        "Use a ttl and LW.RENEW instead of ONCLOSE, or spread the keys over several servers.",
        "INFO lockwatch_lease",
    )?;
    // INFO has the sum over all keys, which says something about one key only if there is one.
    if node.lockwatch("lease_keys")? == 1 {
        findings.extend(near(
            node,
            &[("lease_leases", 65_536, "leases in the only key")],
            "At the limit LW.ACQUIRE answers LWFULL for this key.",
            "Spread the holders over several keys, or release leases instead of letting them end by their \
             ttl.",
            "INFO lockwatch_lease",
        )?);
    }
    Ok(findings)
}
