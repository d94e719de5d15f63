//! What a restart or a crash would lose.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Asked, Seen};
use super::super::finding::Finding;
use super::{count, found, well};

pub const CHECKS: &[Check] = &[
    Check {
        name: "persistence",
        about: "what must survive a restart is in an RDB file or an AOF",
        look: Look::Module(persistence),
    },
    Check {
        name: "appendfsync",
        about: "the AOF is flushed to disk at least once a second",
        look: Look::Module(appendfsync),
    },
    Check {
        name: "last-save",
        about: "the last RDB save, AOF write and AOF rewrite succeeded",
        look: Look::Server(last_save),
    },
    Check {
        name: "journal",
        about: "alerts and audit events survive a restart (journal yes)",
        look: Look::Module(journal),
    },
];

fn has_aof(node: Seen<'_>) -> Asked<bool> {
    Ok(node.number("aof_enabled")? == 1)
}

fn persistence(node: Seen<'_>) -> Outcome {
    if has_aof(node)? {
        return well();
    }
    let saves = !node.directive("save")?.is_empty();
    let keeps_journal = node.lockwatch("journal")? == 1;
    let (stores, guards) = (node.lockwatch("token_stores")?, node.lockwatch("guards")?);
    let events = node.lockwatch("audit_appended_total")?;
    let fix = |finding: Finding| {
        finding
            .todo(
                "Turn on the AOF, then CONFIG REWRITE. If the limits may start anew after a restart and \
                 there is nothing else, set journal no instead (docs/guides/operate/persistence.md).",
            )
            .redis("CONFIG SET appendonly yes")
    };
    if !saves && (keeps_journal || stores > 0 || guards > 0) {
        return found(fix(Finding::warning("neither an AOF nor RDB saves are configured").why(
            "A restart or crash loses everything: limits, bans, tokens (everybody logs in again), and \
             alerts and audit events that were not delivered.",
        )));
    }
    if saves && (stores > 0 || guards > 0 || events > 0) {
        let seen = format!(
            "only RDB saves are configured, with {}, {} and {} since the start",
            count(stores, "token store"),
            count(guards, "guard"),
            count(events, "audit event")
        );
        return found(fix(Finding::warning(seen).why(
            "A crash loses the writes since the last save, of minutes to an hour: revoked sessions live \
             again, bans end, audit events are missing.",
        )));
    }
    well()
}

fn appendfsync(node: Seen<'_>) -> Outcome {
    if !has_aof(node)? || node.directive("appendfsync")? != "no" {
        return well();
    }
    found(
        Finding::warning("appendfsync is no")
            .why(
                "The kernel decides when the AOF reaches the disk, usually after 30 seconds. A crash of \
                 the machine loses that much.",
            )
            .todo(
                "Use everysec, or always for an audit log that may lose nothing that was answered. Then \
                 CONFIG REWRITE.",
            )
            .redis("CONFIG SET appendfsync everysec"),
    )
}

fn last_save(node: Seen<'_>) -> Outcome {
    let mut findings = Vec::new();
    for (field, what) in [
        ("rdb_last_bgsave_status", "RDB save"),
        ("aof_last_write_status", "write to the AOF"),
        ("aof_last_bgrewrite_status", "rewrite of the AOF"),
    ] {
        let status = node.text(field)?;
        if status == "ok" || status.is_empty() || (field.starts_with("aof") && !has_aof(node)?) {
            continue;
        }
        findings.push(
            Finding::error(format!("the last {what} failed: {field} is {status}"))
                .why(
                    "A crash would lose more than you think. With stop-writes-on-bgsave-error, or while \
                     the AOF can't be written, the server refuses all writes with MISCONF.",
                )
                .todo(
                    "The server's log says why: a full disk, missing rights on dir, or no memory for a \
                     child process (vm.overcommit_memory).",
                )
                .redis("BGSAVE"),
        );
    }
    Ok(findings)
}

fn journal(node: Seen<'_>) -> Outcome {
    if node.info()?.lockwatch("journal") != Some(0) {
        return well();
    }
    let events =
        node.lockwatch("audit_appended_total")?.saturating_add(node.lockwatch("alert_raised_total")?);
    if events == 0
        && node.text("lockwatch_audit_postgres")?.is_empty()
        && node.lockwatch("alert_endpoints")? == 0
    {
        return well();
    }
    found(
        Finding::warning(format!(
            "journal is no, and there were {events} alerts and audit events since the start"
        ))
        .why(
            "Those that were not delivered yet are lost at a restart, and a replica that is synchronised \
             anew does not get them.",
        )
        .todo(
            "Set lockwatch.journal yes in redis.conf, also on the loadmodule line if it is there, and \
             restart the server. CONFIG SET can't change it.",
        ),
    )
}
