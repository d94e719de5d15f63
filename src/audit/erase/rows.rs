//! Deletes the rows of a user in Postgres: one partition after the other, some rows at a time, so
//! that no statement takes long, holds many locks or needs much memory.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::types::Type;

use super::super::insert::MAX_ESCAPED;
use super::super::link::{Failure, Link};
use super::super::sqlstate::SqlState;

/// The rows to delete: those of a user, but not the events recorded after the command.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// As LW.AUDIT records it.
    pub user: String,
    /// Events of this epoch with a higher number than `through` were recorded after the command.
    pub epoch: u64,
    pub through: u64,
}

/// The maximum number of rows that one statement deletes.
const ROWS: u64 = 1000;

/// The tables that hold rows of the log, and whether this role may delete from each. It reads the
/// catalog alone, because a query of the log itself locks every partition.
const TABLES: &str = "WITH RECURSIVE part (id) AS (\
     SELECT to_regclass('lockwatch_audit_log')::oid \
     UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN part ON i.inhparent = part.id) \
     SELECT c.oid::regclass::text, \
     has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'DELETE') \
     FROM part JOIN pg_class c ON c.oid = part.id WHERE c.relkind <> 'p' ORDER BY c.relname";

/// The names of the tables, quoted. Fails if this role may not delete from one of them.
pub(crate) async fn tables(link: &Link) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for row in link.query(TABLES, &[]).await? {
        // A partition that is dropped at this moment has no privileges.
        let may_delete: Option<bool> = row.try_get(1)?;
        if may_delete == Some(false) {
            return Err(Failure::other(
                "the role of the URL lacks SELECT or DELETE on a partition of lockwatch_audit_log",
            ));
        }
        names.push(row.try_get(0)?);
    }
    Ok(names)
}

/// Deletes `rows` and adds to `deleted` how many there were. Stops early, with an error, once
/// `ends` is set.
pub(crate) async fn delete(
    link: &Link,
    rows: &Rows,
    ends: &AtomicBool,
    deleted: &mut u64,
) -> Result<(), Failure> {
    let user = link.encoding().text(&rows.user, MAX_ESCAPED);
    for table in tables(link).await? {
        let sql = format!(
            r#"DELETE FROM {table} WHERE ("timestamp", epoch, seq) IN (SELECT "timestamp", epoch, seq FROM {table} WHERE user_id = $1 AND NOT (epoch = $2 AND seq > $3) LIMIT {ROWS})"#
        );
        loop {
            if ends.load(Ordering::Relaxed) {
                return Err(Failure::other("this server has given the erasure up"));
            }
            let (epoch, through) = (rows.epoch as i64, rows.through as i64);
            let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
                [(&user, Type::TEXT), (&epoch, Type::INT8), (&through, Type::INT8)];
            match link.execute(&sql, &parameters).await {
                Ok(count) => {
                    *deleted += count;
                    if count < ROWS {
                        break;
                    }
                }
                // The retention has dropped the partition.
                Err(failure) if failure.is(SqlState::UNDEFINED_TABLE) => break,
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(())
}
