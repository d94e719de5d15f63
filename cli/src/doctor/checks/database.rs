//! The database of the audit log, as the program sees it.

use super::super::check::{Check, Look, Outcome};
use super::super::database::{Database, Log, Role, SCHEMA};
use super::super::facts::{DatabaseFacts, Facts, Missing};
use super::super::finding::{Finding, Level};
use super::{duration, found, well};

pub const CHECKS: &[Check] = &[
    Check {
        name: "database",
        about: "the program reaches the database of --database-url-file, and it is recent enough",
        look: Look::Anyway(reached),
    },
    Check {
        name: "database-url",
        about: "that is the database that the servers ship to",
        look: Look::Database(same),
    },
    Check { name: "database-clock", about: "the database's clock is right", look: Look::Database(clock) },
    Check {
        name: "schema",
        about: "the audit table exists, in the version that lockwatch knows",
        look: Look::Database(schema),
    },
    Check {
        name: "database-rights",
        about: "the role of the servers may ship, query and drop old partitions",
        look: Look::Database(rights),
    },
    Check {
        name: "partitions",
        about: "today's and tomorrow's events have a partition",
        look: Look::Database(partitions),
    },
    Check {
        name: "default-partition",
        about: "no events are in a DEFAULT partition",
        look: Look::Database(default),
    },
    Check {
        name: "retention",
        about: "partitions older than audit-retention-days are gone",
        look: Look::Database(retention),
    },
];

fn reached(facts: &Facts) -> Outcome {
    let database = match &facts.database {
        DatabaseFacts::NotAsked => return well(),
        DatabaseFacts::Failed(why) => {
            return found(
                Finding::error(format!("the database can't be asked: {why}"))
                    .why("The other checks of the database could not look.")
                    .todo(
                        "Correct the URL in the file of --database-url-file, or the rights of its role. It \
                         needs LOGIN and CONNECT; USAGE on the schema and SELECT on lockwatch_schema.",
                    ),
            );
        }
        DatabaseFacts::Asked(database) => database,
    };
    if database.version >= 130_000 {
        return well();
    }
    found(
        Finding::warning(format!("the version of PostgreSQL is {}", database.version / 10_000))
            .why("Versions before 13 were never tried.")
            .todo("Upgrade PostgreSQL."),
    )
}

fn same(database: &Database, facts: &Facts) -> Outcome {
    let ours = hosts(&database.label);
    let other = facts.with_module().find(|node| {
        let theirs = node.text("lockwatch_audit_postgres").unwrap_or_default();
        !theirs.is_empty() && hosts(theirs) != ours
    });
    let Some(node) = other else { return well() };
    let theirs = node.text("lockwatch_audit_postgres")?;
    found(
        Finding::note(format!("{} ships to {theirs}, and the program asks {}", node.name, database.label))
            .why(
                "If these are not two names of one database, the other checks of the database say nothing \
                 about the servers'.",
            )
            .todo("Put the URL of the servers' database into the file of --database-url-file."),
    )
}

/// The hosts of a URL without its scheme.
fn hosts(label: &str) -> &str {
    label.split_once("://").map_or(label, |(_, hosts)| hosts)
}

fn clock(database: &Database, _: &Facts) -> Outcome {
    const APART_MS: i64 = 2000;
    if database.ahead_ms.saturating_abs().saturating_sub(database.uncertain_ms) <= APART_MS {
        return well();
    }
    let how = if database.ahead_ms > 0 { "ahead of" } else { "behind" };
    found(
        Finding::warning(format!(
            "the database's clock is {how} that of this program's machine by {}",
            duration(database.ahead_ms.saturating_abs())
        ))
        .why("Partitions are made ahead and dropped by it.")
        .todo("Synchronise both machines by NTP.")
        .shell("timedatectl timesync-status"),
    )
}

/// The table, or that there is none.
fn log(database: &Database) -> Result<&Log, Missing> {
    database.log.as_ref().ok_or_else(|| Missing::because("there is no audit table yet"))
}

fn schema(database: &Database, facts: &Facts) -> Outcome {
    let Some(log) = &database.log else {
        let ships = facts.primaries().any(|node| node.lockwatch("audit_shipped_total").is_ok_and(|n| n > 0));
        let finding = Finding::at(
            if ships { Level::Warning } else { Level::Note },
            format!("the role {} sees no table lockwatch_audit_log in this database", database.role),
        );
        return found(
            finding
                .why("A server makes it at its first connection, which needs CREATE on the schema.")
                .todo("If the servers have shipped events already: is it the right database?"),
        );
    };
    let version = match &log.version {
        Ok(version) => *version,
        Err(why) => {
            let missing =
                format!("the role {} may not read {}.lockwatch_schema: {why}", database.role, log.schema);
            return Err(Missing::because(missing));
        }
    };
    if version == SCHEMA {
        return well();
    }
    if version < SCHEMA {
        return found(
            Finding::warning(format!("the schema has version {version}, and lockwatch needs {SCHEMA}"))
                .why("Shipping waits until a server may change the table.")
                .todo(
                    "Let the servers' role own the table during the upgrade. lockwatch_audit_last_error \
                     says what failed.",
                ),
        );
    }
    found(
        Finding::error(format!("the schema has version {version}, and this program knows it up to {SCHEMA}"))
            .why("A server of an older version stops shipping when it finds a newer schema.")
            .todo("Upgrade lockwatch on every server that ships to this database, and this program."),
    )
}

fn rights(database: &Database, facts: &Facts) -> Outcome {
    let log = log(database)?;
    let retains = retention_days(facts)? > 0;
    Ok(log.roles.iter().flat_map(|role| of_role(log, role, retains)).collect())
}

fn of_role(log: &Log, role: &Role, retains: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let needed = [
        (role.may_select, format!("SELECT on {}", log.table)),
        (role.may_insert, format!("INSERT on {}", log.table)),
        (role.may_read_version, format!("SELECT on {}.lockwatch_schema", log.schema)),
    ];
    let lacking: Vec<&str> = needed.iter().filter(|(has, _)| !has).map(|(_, right)| right.as_str()).collect();
    if !lacking.is_empty() {
        let mut finding = Finding::error(format!("the role {} lacks {}", role.name, lacking.join(", ")))
            .why("Nothing is shipped without these rights; audit events wait in the journal.")
            .todo("Grant them, as the owner of the table.");
        for right in &lacking {
            finding = finding.sql(format!("GRANT {right} TO {}", role.name));
        }
        findings.push(finding);
    }
    if retains && !role.owns {
        findings.push(
            Finding::warning(format!(
                "audit-retention-days is set, and the role {} does not own {}",
                role.name, log.table
            ))
            .why("Only the owner can drop old partitions, so nothing is ever dropped.")
            .todo(
                "Make the role the owner, or drop partitions by another job and set audit-retention-days 0.",
            )
            .sql(format!("ALTER TABLE {} OWNER TO {}", log.table, role.name)),
        );
    }
    findings
}

fn partitions(database: &Database, _: &Facts) -> Outcome {
    let log = log(database)?;
    // Who may create them creates them when events come.
    let Some(role) = log.roles.iter().find(|role| !(role.may_create && role.owns)) else { return well() };
    let has = |day: fn(&super::super::database::Partition) -> bool| log.partitions.iter().any(day);
    if has(|partition| partition.is_default) {
        return well();
    }
    let (level, day, why) = if !has(|partition| partition.has_today) {
        (Level::Error, "today", "Events wait, and those of other days become dead letters.")
    } else if !has(|partition| partition.has_tomorrow) {
        (Level::Warning, "tomorrow", "Nothing is shipped from midnight UTC on.")
    } else {
        return well();
    };
    found(
        Finding::at(
            level,
            format!("there is no partition for {day}, and the role {} may not make one", role.name),
        )
        .why(why)
        .todo(
            "Let the job that makes partitions run, or make the role the owner of the table and grant it \
             CREATE on the schema.",
        )
        .sql(format!("GRANT CREATE ON SCHEMA {} TO {}", log.schema, role.name)),
    )
}

fn default(database: &Database, _: &Facts) -> Outcome {
    let Some(default) = log(database)?.partitions.iter().find(|partition| partition.is_default) else {
        return well();
    };
    match default.has_rows {
        Some(false) => well(),
        Some(true) => found(
            Finding::warning(format!("the DEFAULT partition {} has rows", default.name))
                .why(
                    "The partition of a day of which it has rows can't be made, so that day's events go \
                     there as well, and the retention does not drop them.",
                )
                .todo(
                    "Move the rows into partitions of their own: \
                     docs/reference/audit-table.md#a-default-partition.",
                )
                .sql(format!(
                    "SELECT \"timestamp\"::date, count(*) FROM {} GROUP BY 1 ORDER BY 1",
                    default.name
                )),
        ),
        None => Err(Missing::because(format!(
            "the role {} may not read the DEFAULT partition {}",
            database.role, default.name
        ))),
    }
}

/// The largest retention of the primaries in days; 0 if none has one.
fn retention_days(facts: &Facts) -> Result<i64, Missing> {
    let mut most = 0;
    for node in facts.primaries() {
        most = most.max(node.directive("lockwatch.audit-retention-days")?.parse().unwrap_or(0));
    }
    Ok(most)
}

fn retention(database: &Database, facts: &Facts) -> Outcome {
    let days = retention_days(facts)?;
    // Only partitions that lockwatch has made are dropped, and it takes until the next connection.
    let is_late = |partition: &&super::super::database::Partition| {
        partition.name.contains("lockwatch_audit_log_") && partition.days_old > days.saturating_add(1)
    };
    let late: Vec<&str> =
        log(database)?.partitions.iter().filter(is_late).map(|it| it.name.as_str()).collect();
    if days == 0 || late.is_empty() {
        return well();
    }
    found(
        Finding::warning(format!(
            "audit-retention-days is {days}, and {} older partitions are still there, such as {}",
            late.len(),
            late[0]
        ))
        .why("Events are kept longer than you have promised.")
        .todo(
            "See the check database-rights: the role must own the table. The retention follows the earlier \
             of the clocks of server and database.",
        )
        .redis("INFO lockwatch_audit"),
    )
}
