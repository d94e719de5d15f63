//! The retention: which days are kept, and dropping the partitions of the others.
//!
//! What it destroys cannot be brought back, so it goes by the earlier of two clocks, this server's
//! and that of Postgres. One clock that is days ahead then costs no event.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::text::time::Timestamp;

use super::day::Day;
use super::link::{Failure, Link, begin};
use super::partitions::Partitions;
use super::schema::LOCK;
use super::sqlstate::SqlState;

/// The clock of Postgres, in Unix milliseconds.
const CLOCK: &str = "SELECT (extract(epoch FROM now()) * 1000)::bigint";

/// How long dropping a partition waits for the table. Other statements on the table wait as long.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = 500";

/// No further partition is dropped after this time. Shipping waits until then.
const TURN: Duration = Duration::from_millis(100);

/// The number of days before today that are kept; 0 for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention(pub i64);

impl Retention {
    /// The oldest day that is kept at `now`; `None` for all.
    fn oldest(self, now: Timestamp) -> Option<Day> {
        let days = u64::try_from(self.0).ok().filter(|days| *days > 0)?;
        Some(Day(Day::of(now).0.saturating_sub(days)))
    }

    /// The oldest day that is kept by the earlier of both clocks; `None` for all.
    pub(crate) async fn oldest_kept(self, link: &Link) -> Result<Option<Day>, Failure> {
        let here = Timestamp::from_system_clock();
        if self.oldest(here).is_none() {
            return Ok(None);
        }
        let there = Timestamp(u64::try_from(link.number(CLOCK).await?).unwrap_or(0));
        Ok(self.oldest(here.min(there)))
    }

    /// Like [`Retention::oldest_kept`], but asks Postgres only if one of `times` is too old by this
    /// server's clock: without that, none is.
    pub(crate) async fn oldest_stored(
        self,
        link: &Link,
        mut times: impl Iterator<Item = Timestamp>,
    ) -> Result<Option<Day>, Failure> {
        let oldest = self.oldest(Timestamp::from_system_clock());
        if times.all(|at| oldest.is_none_or(|oldest| Day::of(at) >= oldest)) {
            return Ok(None);
        }
        self.oldest_kept(link).await
    }
}

/// Drops the partitions that are too old, in turns between which events are shipped.
#[derive(Default)]
pub(crate) struct Sweep {
    /// The partitions that could not be dropped, which the following turns leave alone.
    failed: BTreeSet<Day>,
    /// The first failure.
    failure: Option<Failure>,
}

/// The result of a turn.
pub(crate) enum Swept {
    /// There are more to drop.
    Partly,
    /// What could be dropped is dropped. Holds the first failure.
    Wholly(Option<Failure>),
}

impl Sweep {
    /// Drops partitions, the oldest first, until the turn is over. Each is a transaction of its
    /// own, so that few locks are held, and those for a short time.
    pub(crate) async fn turn(
        &mut self,
        link: &Link,
        partitions: &mut Partitions,
        retention: Retention,
    ) -> Result<Swept, Failure> {
        let tables = match retention.oldest_kept(link).await? {
            Some(oldest) => tables_before(link, oldest).await?,
            None => Vec::new(),
        };
        // Each turn tries at least one, however slow Postgres is.
        let (began, mut has_tried) = (Instant::now(), false);
        for (day, table) in tables {
            if self.failed.contains(&day) {
                continue;
            }
            if std::mem::replace(&mut has_tried, true) && began.elapsed() >= TURN {
                return Ok(Swept::Partly);
            }
            partitions.dropped(day);
            match drop_table(link, &table).await {
                // The table is in use. So it may be for the next one.
                Err(failure) if failure.is(SqlState::LOCK_NOT_AVAILABLE) => return Err(failure),
                Err(failure) if failure.state.is_some() => {
                    link.run("ROLLBACK").await?;
                    // Otherwise another server was faster.
                    if !failure.is(SqlState::UNDEFINED_TABLE) {
                        self.failed.insert(day);
                        self.failure.get_or_insert(failure);
                    }
                }
                dropped => dropped?,
            }
        }
        self.failed.clear();
        Ok(Swept::Wholly(self.failure.take()))
    }
}

/// The partitions of days before `oldest` and their names in SQL, the oldest first. A partition of
/// an operator's that begins on such a day but holds later ones is none of them, whatever its name.
async fn tables_before(link: &Link, oldest: Day) -> Result<Vec<(Day, String)>, Failure> {
    let seconds = oldest.0.saturating_mul(86_400);
    let sql = format!(
        "SELECT c.relname::text, c.oid::regclass::text FROM pg_inherits i JOIN pg_class c \
         ON c.oid = i.inhrelid WHERE i.inhparent = 'lockwatch_audit_log'::regclass AND \
         (regexp_match(pg_get_expr(c.relpartbound, c.oid), $$TO \\('([^']+)'\\)$$))[1]::timestamptz \
         <= to_timestamp({seconds})"
    );
    let rows = link.query(&sql, &[]).await?;
    let mut tables = Vec::new();
    for row in rows {
        let (name, table): (&str, String) = (row.try_get(0)?, row.try_get(1)?);
        tables.extend(Day::of_table(name).filter(|day| *day < oldest).map(|day| (day, table)));
    }
    tables.sort();
    Ok(tables)
}

async fn drop_table(link: &Link, table: &str) -> Result<(), Failure> {
    link.run(&format!(
        "{}; {LOCK_TIMEOUT}; {LOCK}; ALTER TABLE lockwatch_audit_log DETACH PARTITION {table}; \
         DROP TABLE {table}; COMMIT",
        begin("")
    ))
    .await
}
