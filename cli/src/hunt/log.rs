//! Reads the audit log from Postgres, row by row, in a transaction that can't write.

use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use futures_util::TryStreamExt;
use lockwatch_common::postgres::target::Target;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Row, Transaction};

use super::event::Event;
use crate::database;

/// How much longer than Postgres this side waits before it gives up.
const BEYOND: Duration = Duration::from_secs(30);
/// The newest schema that this program knows.
const SCHEMA: i64 = 1;

const VERSION: &str = "SELECT coalesce(max(version), 0)::bigint FROM lockwatch_schema";

/// The order is that of the primary key, so Postgres does not have to sort.
const EVENTS: &str = "SELECT (extract(epoch FROM \"timestamp\") * 1000)::bigint, kind, user_id, ip, endpoint, \
     method, status_code, rate_limit_hit, anomaly_detected, data->>$3 FROM lockwatch_audit_log \
     WHERE \"timestamp\" >= to_timestamp($1 / 1000) AND \"timestamp\" < to_timestamp($2 / 1000) \
     ORDER BY \"timestamp\", epoch, seq";

pub(super) struct Query<'a> {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) agent_field: &'a str,
    pub(super) timeout: Duration,
}

/// Passes each event to `keep`, in order of time.
pub(super) async fn read(target: &Target, query: &Query<'_>, keep: impl FnMut(&Event)) -> Result<()> {
    let mut client = database::connect(target, query.timeout).await?;
    let all = async {
        let transaction = client.build_transaction().read_only(true).start().await;
        let transaction = transaction.map_err(|why| meaning(&why, query.timeout))?;
        // Through a pooler, the settings of the session may be those of another one.
        let limit = format!("SET LOCAL statement_timeout = {}", query.timeout.as_millis());
        transaction.batch_execute(&limit).await.map_err(|why| meaning(&why, query.timeout))?;
        check_schema(&transaction, query.timeout).await?;
        rows(&transaction, query, keep).await.map_err(|why| meaning(&why, query.timeout))
    };
    match tokio::time::timeout(query.timeout + BEYOND, all).await {
        Ok(done) => done,
        Err(_) => bail!("{} does not answer any more", target.label()),
    }
}

/// Refuses a schema that is newer than this program. A role that may not look at the version may
/// still read the log.
async fn check_schema(transaction: &Transaction<'_>, timeout: Duration) -> Result<()> {
    transaction.batch_execute("SAVEPOINT version").await.map_err(|why| meaning(&why, timeout))?;
    match transaction.query_typed(VERSION, &[]).await {
        Ok(rows) => {
            let version = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()).unwrap_or(0);
            if version > SCHEMA {
                bail!(
                    "the audit log has a schema of version {version}, and this program knows it up to \
                     {SCHEMA}: use the program of the same release as the module"
                );
            }
        }
        Err(_) => {
            let back = transaction.batch_execute("ROLLBACK TO SAVEPOINT version").await;
            back.map_err(|why| meaning(&why, timeout))?;
        }
    }
    Ok(())
}

async fn rows(
    transaction: &Transaction<'_>,
    query: &Query<'_>,
    mut keep: impl FnMut(&Event),
) -> Result<(), tokio_postgres::Error> {
    let (from, to) = (query.from_ms as f64, query.to_ms as f64);
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&from, Type::FLOAT8), (&to, Type::FLOAT8), (&query.agent_field, Type::TEXT)];
    let mut rows = pin!(transaction.query_typed_raw(EVENTS, parameters).await?);
    while let Some(row) = rows.try_next().await? {
        keep(&event(&row)?);
    }
    Ok(())
}

fn event(row: &Row) -> Result<Event<'_>, tokio_postgres::Error> {
    let text = |column: usize| row.try_get::<_, Option<Bytes>>(column).map(|bytes| bytes.map(|it| it.0));
    Ok(Event {
        ms: row.try_get(0)?,
        // The module's own kinds are ASCII; any other one is only a request of some kind.
        kind: text(1)?.and_then(|kind| std::str::from_utf8(kind).ok()).unwrap_or_default(),
        user: text(2)?,
        ip: row.try_get::<_, Option<IpAddr>>(3)?,
        path: text(4)?,
        method: text(5)?,
        status: row.try_get(6)?,
        limited: row.try_get(7)?,
        anomaly: row.try_get(8)?,
        agent: text(9)?,
    })
}

/// A text as bytes, because a database in SQL_ASCII may hold any.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR)
    }
}

/// What an error means to an operator. It repeats nothing that the server said, which may quote
/// data.
fn meaning(why: &tokio_postgres::Error, timeout: Duration) -> anyhow::Error {
    let Some(code) = why.code() else {
        if why.is_closed() {
            return anyhow!("Postgres closed the connection");
        }
        let is_row = why.to_string().contains("deserializing");
        return anyhow!(if is_row {
            "a column of lockwatch_audit_log has another type than the module gives it"
        } else {
            "the connection to Postgres failed"
        });
    };
    match code {
        &SqlState::UNDEFINED_TABLE => anyhow!(
            "there is no table lockwatch_audit_log in the search path of this role: has the module ever shipped \
             to this database? See lockwatch_postgres_state and lockwatch_audit_last_error in INFO"
        ),
        &SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_FUNCTION => {
            anyhow!("the table lockwatch_audit_log is not one that the module has made: a column is missing")
        }
        &SqlState::INSUFFICIENT_PRIVILEGE => anyhow!(
            "this role may not read the audit log: its owner has to GRANT SELECT ON lockwatch_audit_log TO it"
        ),
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => anyhow!(
            "Postgres took longer than {timeout:?} or was told to stop: raise --query-timeout or read fewer --days"
        ),
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
            anyhow!("Postgres is shutting down or starting")
        }
        other => anyhow!("Postgres refused the query with SQLSTATE {}", other.code()),
    }
}
