//! The partitions of the log, one for each UTC day, created as events need them.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::day::Day;
use super::link::{Failure, Link, begin};
use super::schema::{LOCK, LOCK_TIMEOUT};
use super::sqlstate::SqlState;
use super::status;

/// The days whose events have a partition to go to.
#[derive(Default)]
pub struct Partitions {
    known: BTreeSet<Day>,
    /// The days whose events go to the DEFAULT partition, which was reported.
    in_default: BTreeSet<Day>,
}

/// Failures to create a partition that may last for ever while there is a DEFAULT partition: it has
/// rows of the day; looking for such rows takes too long; the user may not create tables.
const LASTING: [SqlState; 3] =
    [SqlState::CHECK_VIOLATION, SqlState::QUERY_CANCELED, SqlState::INSUFFICIENT_PRIVILEGE];

impl Partitions {
    /// Creates the partition of `day`, unless it exists. If there is a DEFAULT partition and the
    /// one of `day` cannot be created, the events of `day` go to the DEFAULT partition.
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
            Err(failure) if LASTING.iter().any(|state| failure.is(*state)) => {
                link.run("ROLLBACK").await?;
                if link.number(DEFAULT_PARTITIONS).await? == 0 {
                    return Err(failure);
                }
                self.report_default(day, &failure);
            }
            created => created?,
        }
        self.known.insert(day);
        Ok(())
    }

    /// Reports each day once, although each new connection tries again to create the partition.
    fn report_default(&mut self, day: Day, failure: &Failure) {
        if !self.in_default.insert(day) {
            return;
        }
        let why = if failure.is(SqlState::CHECK_VIOLATION) {
            "it has rows of that day".to_owned()
        } else {
            format!("the day's own can't be created: {}", failure.reason)
        };
        status::uses_default_partition(&format!(
            "audit events of {} go to the DEFAULT partition of lockwatch_audit_log, because {why}. They are \
             stored once as ever, but audit-retention-days does not drop them. How to give the \
             day a partition of its own is in docs/guides/audit/postgres.md, \"A DEFAULT partition\"",
            day.date()
        ));
    }

    /// Partitions may be gone: a row belonged to none, or the connection is a new one.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// The partition of `day` is gone.
    pub(crate) fn dropped(&mut self, day: Day) {
        self.known.remove(&day);
    }
}

const DEFAULT_PARTITIONS: &str = "SELECT count(*) FROM pg_partitioned_table \
     WHERE partrelid = 'lockwatch_audit_log'::regclass AND partdefid <> 0";

/// Creates a table and then attaches it, so that neither this nor a reader or writer of the log
/// waits for the other.
async fn create(link: &Link, day: Day) -> Result<(), Failure> {
    let (table, from, to) = (day.table(), day.date(), day.next().date());
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
