//! The schema in the database: migrations.
//!
//! A change of the schema holds an advisory lock until its transaction ends, so that servers that
//! start together make it once.

use super::link::{Failure, Link, begin};
use super::sqlstate::SqlState;

/// In order: the first one creates version 1.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_audit_log.sql")];

const VERSION: &str = "SELECT coalesce(max(version), 0)::bigint FROM lockwatch_schema";

/// The number of the advisory lock is the first eight bytes of "lockwatch".
pub(crate) const LOCK: &str = "SELECT pg_advisory_xact_lock(7813586407094480995)";

/// How long a change of the schema waits for the table. Other statements on the table wait as long.
pub(crate) const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = 5000";

/// Brings the schema to the version that this lockwatch needs.
pub async fn migrate(link: &Link) -> Result<(), Failure> {
    if version(link).await? == Some(MIGRATIONS.len()) {
        return Ok(());
    }
    link.run(&format!(
        "{}; {LOCK_TIMEOUT}; {LOCK}; CREATE TABLE IF NOT EXISTS lockwatch_schema (version integer PRIMARY KEY, \
         applied_at timestamptz NOT NULL DEFAULT now())",
        begin("")
    ))
    .await?;
    // Another server may have made a part of it.
    let from = known(link.number(VERSION).await?)?;
    for (i, migration) in MIGRATIONS.iter().enumerate().skip(from) {
        link.run(migration).await?;
        link.run(&format!("INSERT INTO lockwatch_schema (version) VALUES ({})", i + 1)).await?;
    }
    link.run("COMMIT").await
}

/// The version of the schema; `None` if there is none yet.
async fn version(link: &Link) -> Result<Option<usize>, Failure> {
    match link.number(VERSION).await {
        Ok(version) => known(version).map(Some),
        Err(failure) if failure.is(SqlState::UNDEFINED_TABLE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Refuses a version that this lockwatch does not know.
fn known(version: i64) -> Result<usize, Failure> {
    let latest = MIGRATIONS.len();
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > latest {
        return Err(Failure::other(format!(
            "the schema in the database is of version {version}, and this lockwatch knows it up to {latest}: upgrade lockwatch"
        )));
    }
    Ok(version)
}
