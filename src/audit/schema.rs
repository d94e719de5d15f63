//! The schema in the database: migrations, and the partitions of the log, one for each UTC day.
//!
//! A change of the schema holds an advisory lock until its transaction ends, so that servers that
//! start together make it once.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use crate::text::time::Timestamp;

use super::link::{Failure, Link, begin};
use super::sqlstate::SqlState;

/// In order: the first one creates version 1.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_audit_log.sql")];

const VERSION: &str = "SELECT coalesce(max(version), 0)::bigint FROM lockwatch_schema";

/// For changes that nothing waits for, but that hold up others while they wait.
const SHORT_LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = 500";

/// The number of the advisory lock is the first eight bytes of "lockwatch".
const LOCK: &str = "SELECT pg_advisory_xact_lock(7813586407094480995)";

/// How long a change of the schema waits for the table. Other statements on the table wait as long.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = 5000";

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u64);

impl Day {
    /// The last day whose end has a year of four digits: 9999-12-30.
    const LAST: Self = Self(2_932_895);

    pub fn of(at: Timestamp) -> Self {
        Self(at.0 / 86_400_000)
    }

    /// `2026-11-27`.
    fn date(self) -> String {
        Timestamp(self.0.saturating_mul(86_400_000)).date()
    }

    /// The name of its partition.
    fn table(self) -> String {
        format!("lockwatch_audit_log_{}", self.date().replace('-', ""))
    }

    /// The day whose partition has that name.
    fn of_table(name: &str) -> Option<Self> {
        let digits = name.strip_prefix("lockwatch_audit_log_").filter(|digits| digits.len() == 8)?;
        let date = format!("{}-{}-{}T00:00:00Z", digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?);
        let moment = humantime::parse_rfc3339(&date).ok()?;
        Some(Self(moment.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs() / 86_400))
    }
}

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

/// The days whose partitions are known to exist.
#[derive(Default)]
pub struct Partitions {
    known: BTreeSet<Day>,
}

impl Partitions {
    /// Creates the partition of `day`, unless it exists.
    pub async fn ensure(&mut self, link: &Link, day: Day) -> Result<(), Failure> {
        // Only a damaged file has an event after that day. It is refused for want of a partition.
        if day > Day::LAST || self.known.contains(&day) {
            return Ok(());
        }
        match create(link, day).await {
            // Somebody has partitioned the table in another way, or was faster.
            Err(failure)
                if failure.is(SqlState::INVALID_OBJECT_DEFINITION)
                    || failure.is(SqlState::DUPLICATE_TABLE) =>
            {
                link.run("ROLLBACK").await?;
            }
            created => created?,
        }
        self.known.insert(day);
        Ok(())
    }

    /// Partitions may be gone: a row belonged to none.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// Drops the partitions of days before `first`. Goes by the clock of Postgres if that is
    /// behind: a clock here that is far ahead must not cost the log.
    pub async fn drop_before(&mut self, link: &Link, first: Day, today: Day) -> Result<(), Failure> {
        let there = link.number("SELECT (extract(epoch FROM now()) * 1000)::bigint").await?;
        let there = Day::of(Timestamp(u64::try_from(there).unwrap_or(0)));
        let first = Day(first.0.saturating_sub(today.0.saturating_sub(there.0)));
        let tables = link
            .query(
                "SELECT c.relname::text, c.oid::regclass::text FROM pg_inherits i JOIN pg_class c \
                 ON c.oid = i.inhrelid WHERE i.inhparent = 'lockwatch_audit_log'::regclass",
                &[],
            )
            .await?;
        for row in tables {
            let (Ok(name), Ok(table)) = (row.try_get::<_, &str>(0), row.try_get::<_, &str>(1)) else {
                continue;
            };
            let Some(day) = Day::of_table(name).filter(|day| *day < first) else { continue };
            self.known.remove(&day);
            let dropped = link
                .run(&format!(
                    "{}; {SHORT_LOCK_TIMEOUT}; {LOCK}; ALTER TABLE lockwatch_audit_log DETACH PARTITION {table}; \
                     DROP TABLE {table}; COMMIT",
                    begin("")
                ))
                .await;
            match dropped {
                // Another server was faster.
                Err(failure) if failure.is(SqlState::UNDEFINED_TABLE) => link.run("ROLLBACK").await?,
                dropped => dropped?,
            }
        }
        Ok(())
    }
}

/// Creates a table and then attaches it, so that neither this nor a reader or writer of the log
/// waits for the other.
async fn create(link: &Link, day: Day) -> Result<(), Failure> {
    let (table, from, to) = (day.table(), day.date(), Day(day.0 + 1).date());
    let attached = link
        .query(
            "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'lockwatch_audit_log'::regclass \
             AND inhrelid = to_regclass($1))",
            &[(&table, Type::TEXT)],
        )
        .await?;
    if attached.first().is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    link.run(&format!(
        "{}; {LOCK_TIMEOUT}; {LOCK}; \
         CREATE TABLE {table} (LIKE lockwatch_audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE); \
         ALTER TABLE lockwatch_audit_log ATTACH PARTITION {table} FOR VALUES FROM ('{from} 00:00:00+00') TO ('{to} 00:00:00+00'); \
         COMMIT",
        begin("")
    ))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_utc_s_and_reads_back() {
        let day = Day::of(Timestamp(1_764_201_599_999));
        assert_eq!(
            (day.date().as_str(), day.table().as_str()),
            ("2025-11-26", "lockwatch_audit_log_20251126")
        );
        assert_eq!(Day(day.0 + 1), Day::of(Timestamp(1_764_201_600_000)));
        for day in [Day(0), Day(10_957), Day(11_016), Day(20_000), Day(40_000)] {
            assert_eq!(Day::of_table(&day.table()), Some(day), "{}", day.table());
        }
        for name in [
            "lockwatch_audit_log_2025112",
            "lockwatch_audit_log_20251399",
            "other_20251126",
            "lockwatch_audit_log_x",
        ] {
            assert_eq!(Day::of_table(name), None, "{name}");
        }
    }
}
