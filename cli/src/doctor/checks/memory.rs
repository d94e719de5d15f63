//! Memory and eviction.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Asked, Seen};
use super::super::finding::{Finding, Level};
use super::{bytes, count, found, percent, well};

pub const CHECKS: &[Check] = &[
    Check { name: "eviction", about: "maxmemory-policy is noeviction", look: Look::Module(eviction) },
    Check { name: "maxmemory", about: "maxmemory is set", look: Look::Module(maxmemory) },
    Check { name: "memory", about: "the memory in use is well below maxmemory", look: Look::Module(memory) },
];

fn eviction(node: Seen<'_>) -> Outcome {
    let (policy, evicted) = (node.text("maxmemory_policy")?, node.number("evicted_keys")?);
    if policy == "noeviction" || policy.is_empty() {
        return well();
    }
    let (guards, stores) = (node.lockwatch("guards")?, node.lockwatch("token_stores")?);
    let limited = node.number("maxmemory")? > 0;
    // Without maxmemory nothing is evicted yet; limits alone start anew, which some accept.
    let level = if limited && (guards > 0 || stores > 0) { Level::Error } else { Level::Warning };
    let seen = format!(
        "maxmemory-policy is {policy}, with {} and {}; evicted since the start: {}",
        count(guards, "guard"),
        count(stores, "token store"),
        count(evicted, "key")
    );
    found(
        Finding::at(level, seen)
            .why(
                "Each guard and each token store is one key with an expiry, which volatile-* and allkeys-* \
                 may choose. An evicted guard forgets every ban and every known network, an evicted token \
                 store logs everybody out, and an evicted limit starts anew.",
            )
            .todo(
                "Use noeviction, and give lockwatch a server of its own if the other keys are a cache. \
                 Then CONFIG REWRITE.",
            )
            .redis("CONFIG SET maxmemory-policy noeviction"),
    )
}

fn maxmemory(node: Seen<'_>) -> Outcome {
    if node.number("maxmemory")? > 0 {
        return well();
    }
    let total = node.number("total_system_memory")?;
    found(
        Finding::warning(format!(
            "maxmemory is 0; {} are in use, and the machine has {}",
            bytes(node.number("used_memory")?),
            bytes(total)
        ))
        .why(
            "Without a limit the kernel ends the server when the machine has no memory left, instead of \
             the server refusing a call.",
        )
        .todo(
            "Set what keys, journal and tokens need, with room to spare (docs/guides/operate/size.md): at \
             most about half of the machine, because saving takes memory, too. For example:",
        )
        .redis("CONFIG SET maxmemory 2gb"),
    )
}

/// The memory that counts, and its limit. Buffers of replicas and of the AOF do not count.
fn used(node: Seen<'_>) -> Asked<(i64, i64)> {
    let used = node.number("used_memory")?.saturating_sub(node.number("mem_not_counted_for_evict")?);
    Ok((used, node.number("maxmemory")?))
}

fn memory(node: Seen<'_>) -> Outcome {
    let (used, max) = used(node)?;
    if max <= 0 || percent(used, max) < 90 {
        return well();
    }
    let (level, why) = if used >= max {
        (
            Level::Error,
            "Above maxmemory LW.RATELIMIT, LW.BURST, LW.BAN and LW.ISSUE answer OOM, guards count nobody \
             new, so that guesses of new pairs pass, and alerts and audit events are refused.",
        )
    } else if used > max / 64 * 63 {
        (Level::Error, "Above 63/64 of maxmemory alerts and audit events are refused with LWFULL.")
    } else {
        (
            Level::Warning,
            "Above 63/64 of maxmemory alerts and audit events are refused; above all of it limits fail \
             with OOM.",
        )
    };
    let seen = format!("{} of {} are in use, {} %", bytes(used), bytes(max), percent(used, max));
    found(
        Finding::at(level, seen)
            .why(why)
            .todo(
                "Raise maxmemory, or find out what grows: lockwatch_*_bytes in INFO lockwatch, MEMORY \
                 STATS for the rest. A key that contains something that changes with each request is a \
                 usual cause.",
            )
            .redis("INFO lockwatch"),
    )
}
