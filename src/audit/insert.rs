//! Stores a batch of events with one statement in one round trip. A row that Postgres refuses as
//! data is found by halving the batch, and reported.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::types::Type;

use crate::journal::id::Id;
use crate::text::time::Timestamp;

use super::entry::{Fields, Record};
use super::link::{Failure, Link};
use super::refused::DataError;
use super::schema::{Day, Partitions};

/// Rows that are already stored change nothing.
pub(crate) const INSERT: &str = r#"INSERT INTO lockwatch_audit_log ("timestamp", epoch, seq, kind, user_id, ip, endpoint, method,
 status_code, rate_limit_hit, anomaly_detected, latency_ms, data)
SELECT t, e, s, k, u, i, p, m, c, l, a, d, j::jsonb
FROM unnest($1::timestamptz[], $2::int8[], $3::int8[], $4::text[], $5::text[], $6::inet[], $7::text[], $8::text[],
 $9::int2[], $10::bool[], $11::bool[], $12::float8[], $13::text[]) AS event (t, e, s, k, u, i, p, m, c, l, a, d, j)
ON CONFLICT ("timestamp", epoch, seq) DO NOTHING"#;

/// The result of storing a batch.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The numbers of the events that Postgres refused as data.
    pub refused: Vec<(u64, DataError)>,
    /// The number of events that were not stored because they are older than the retention.
    pub expired: usize,
}

/// Stores `events`, except those of days before `first_day`.
pub(crate) async fn store(
    link: &Link,
    partitions: &mut Partitions,
    events: &[Record],
    first_day: Option<Day>,
) -> Result<Stored, Failure> {
    let mut stored = Stored::default();
    let kept = |id: &Id| first_day.is_none_or(|first| Day::of(id.at) >= first);
    let rows: Vec<_> =
        events.iter().filter(|(id, _)| kept(id)).map(|(id, entry)| (*id, entry.fields())).collect();
    stored.expired = events.len() - rows.len();
    ensure_days(link, partitions, &rows).await?;
    // The slices still to be stored, the next one last.
    let mut waiting = vec![&rows[..]];
    let mut partitions_renewed = false;
    while let Some(rows) = waiting.pop() {
        if rows.is_empty() {
            continue;
        }
        match insert(link, rows).await {
            Ok(_) => {}
            Err(failure) => {
                // Most likely somebody has dropped a partition. If it cannot be created, as for a
                // day that was archived, the row is refused like any other.
                if failure.lacks_partition && !std::mem::replace(&mut partitions_renewed, true) {
                    partitions.forget();
                    ensure_days(link, partitions, rows).await?;
                    waiting.push(rows);
                    continue;
                }
                let Some(error) = failure.data else { return Err(failure) };
                match rows {
                    [(id, _)] => stored.refused.push((id.seq, error)),
                    _ => {
                        let (first, second) = rows.split_at(rows.len() / 2);
                        waiting.extend([second, first]);
                    }
                }
            }
        }
    }
    Ok(stored)
}

async fn ensure_days(
    link: &Link,
    partitions: &mut Partitions,
    rows: &[(Id, Fields<'_>)],
) -> Result<(), Failure> {
    let mut last = None;
    for (id, _) in rows {
        let day = Day::of(id.at);
        if last.replace(day) != Some(day) {
            partitions.ensure(link, day).await?;
        }
    }
    Ok(())
}

/// Stores rows with one statement. Returns the number of new ones.
pub async fn insert(link: &Link, rows: &[(Id, Fields<'_>)]) -> Result<u64, Failure> {
    let column = Columns::of(rows);
    link.execute(
        INSERT,
        &[
            (&column.timestamp, Type::TIMESTAMPTZ_ARRAY),
            (&column.epoch, Type::INT8_ARRAY),
            (&column.seq, Type::INT8_ARRAY),
            (&column.kind, Type::TEXT_ARRAY),
            (&column.user, Type::TEXT_ARRAY),
            (&column.ip, Type::INET_ARRAY),
            (&column.endpoint, Type::TEXT_ARRAY),
            (&column.method, Type::TEXT_ARRAY),
            (&column.status, Type::INT2_ARRAY),
            (&column.limited, Type::BOOL_ARRAY),
            (&column.anomaly, Type::BOOL_ARRAY),
            (&column.latency, Type::FLOAT8_ARRAY),
            (&column.data, Type::TEXT_ARRAY),
        ],
    )
    .await
}

struct Columns<'a> {
    timestamp: Vec<SystemTime>,
    epoch: Vec<i64>,
    seq: Vec<i64>,
    kind: Vec<&'a str>,
    user: Vec<Option<&'a str>>,
    ip: Vec<Option<IpAddr>>,
    endpoint: Vec<Option<&'a str>>,
    method: Vec<Option<&'a str>>,
    status: Vec<Option<i16>>,
    limited: Vec<bool>,
    anomaly: Vec<bool>,
    latency: Vec<Option<f64>>,
    data: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(rows: &[(Id, Fields<'a>)]) -> Self {
        fn all<'f, 'a: 'f, T>(
            rows: &'f [(Id, Fields<'a>)],
            of: impl Fn(&Id, &Fields<'a>) -> T + 'f,
        ) -> Vec<T> {
            rows.iter().map(|(id, fields)| of(id, fields)).collect()
        }
        Self {
            timestamp: all(rows, |id, _| system_time(id.at)),
            epoch: all(rows, |id, _| id.epoch as i64),
            seq: all(rows, |id, _| id.seq as i64),
            kind: all(rows, |_, fields| fields.kind()),
            user: all(rows, |_, fields| fields.user),
            ip: all(rows, |_, fields| fields.ip),
            endpoint: all(rows, |_, fields| fields.endpoint),
            method: all(rows, |_, fields| fields.method),
            status: all(rows, |_, fields| fields.status.and_then(|status| i16::try_from(status).ok())),
            limited: all(rows, |_, fields| fields.limited),
            anomaly: all(rows, |_, fields| fields.anomaly),
            latency: all(rows, |_, fields| fields.latency.map(|us| us as f64 / 1000.0)),
            data: all(rows, |_, fields| fields.data),
        }
    }
}

/// The time in the type that the client library takes.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    // Later times, which only damaged files contain, are refused by Postgres as data.
    UNIX_EPOCH + Duration::from_millis(at.0.min(MAX_MS))
}

/// The end of the year 294276, the last that Postgres can store.
const MAX_MS: u64 = 9_224_318_015_999_000;
