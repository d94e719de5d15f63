//! Stores rows with one statement in one round trip.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_postgres::types::Type;

use crate::journal::id::Id;
use crate::text::time::Timestamp;

use super::encoding::Encoding;
use super::entry::Fields;
use super::link::{Failure, Link, Parameter};

/// The maximum size of a user or path in a database of another encoding than UTF-8, where a
/// character may take several times its bytes. Short enough for an index.
pub(crate) const MAX_ESCAPED: usize = 2048;

/// The statement; its argument is what a row must conflict with to be left out.
macro_rules! insert {
    ($conflict:literal) => {
        concat!(
            r#"INSERT INTO lockwatch_audit_log ("timestamp", epoch, seq, kind, user_id, ip, endpoint, method,
 status_code, rate_limit_hit, anomaly_detected, latency_ms, data)
SELECT t, e, s, k, u, i, p, m, c, l, a, d, j::jsonb
FROM unnest($1::timestamptz[], $2::int8[], $3::int8[], $4::text[], $5::text[], $6::inet[], $7::text[], $8::text[],
 $9::int2[], $10::bool[], $11::bool[], $12::float8[], $13::text[]) AS event (t, e, s, k, u, i, p, m, c, l, a, d, j)
ON CONFLICT "#,
            $conflict,
            " DO NOTHING"
        )
    };
}

/// Rows that are already stored change nothing.
const INSERT: &str = insert!(r#"("timestamp", epoch, seq)"#);

/// Also succeeds if a unique index of an operator refuses the row.
const PROBE: &str = insert!("");

/// Stores rows with one statement. Returns the number of new ones.
pub async fn insert(link: &Link, rows: &[(Id, Fields<'_>)]) -> Result<u64, Failure> {
    let columns = Columns::of(rows, link.encoding());
    link.execute(INSERT, &columns.parameters()).await
}

/// Whether Postgres would store a row with `fields` at present. Stores nothing.
pub(crate) async fn probe(link: &Link, fields: Fields<'_>) -> Result<(), Failure> {
    let id = Id { at: Timestamp::from_system_clock(), epoch: 0, seq: 0 };
    let columns = Columns::of(&[(id, fields)], link.encoding());
    link.probe(PROBE, &columns.parameters()).await.map(drop)
}

/// Like [`probe`], with the fields of the newest row of the table. Returns whether there is one.
pub(crate) async fn probe_newest(link: &Link) -> Result<bool, Failure> {
    const COPY: &str = r#"INSERT INTO lockwatch_audit_log ("timestamp", epoch, seq, kind, user_id, ip, endpoint, method,
 status_code, rate_limit_hit, anomaly_detected, latency_ms, data)
SELECT $1, 0, 0, kind, user_id, ip, endpoint, method, status_code, rate_limit_hit, anomaly_detected, latency_ms, data
FROM lockwatch_audit_log ORDER BY "timestamp" DESC LIMIT 1
ON CONFLICT DO NOTHING"#;
    let at = system_time(Timestamp::from_system_clock());
    link.probe(COPY, &[(&at, Type::TIMESTAMPTZ)]).await.map(|copied| copied > 0)
}

struct Columns<'a> {
    timestamp: Vec<SystemTime>,
    epoch: Vec<i64>,
    seq: Vec<i64>,
    kind: Vec<&'a str>,
    user: Vec<Option<Cow<'a, str>>>,
    ip: Vec<Option<IpAddr>>,
    endpoint: Vec<Option<Cow<'a, str>>>,
    method: Vec<Option<&'a str>>,
    status: Vec<Option<i16>>,
    limited: Vec<bool>,
    anomaly: Vec<bool>,
    latency: Vec<Option<f64>>,
    data: Vec<Option<Cow<'a, str>>>,
}

impl<'a> Columns<'a> {
    fn of(rows: &[(Id, Fields<'a>)], encoding: Encoding) -> Self {
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
            user: all(rows, |_, fields| fields.user.map(|user| encoding.text(user, MAX_ESCAPED))),
            ip: all(rows, |_, fields| fields.ip),
            endpoint: all(rows, |_, fields| {
                fields.endpoint.map(|endpoint| encoding.text(endpoint, MAX_ESCAPED))
            }),
            method: all(rows, |_, fields| fields.method),
            status: all(rows, |_, fields| fields.status.and_then(|status| i16::try_from(status).ok())),
            limited: all(rows, |_, fields| fields.limited),
            anomaly: all(rows, |_, fields| fields.anomaly),
            latency: all(rows, |_, fields| fields.latency.map(|us| us as f64 / 1000.0)),
            data: all(rows, |_, fields| fields.data.map(|data| encoding.json(data))),
        }
    }

    fn parameters(&self) -> [Parameter<'_>; 13] {
        [
            (&self.timestamp, Type::TIMESTAMPTZ_ARRAY),
            (&self.epoch, Type::INT8_ARRAY),
            (&self.seq, Type::INT8_ARRAY),
            (&self.kind, Type::TEXT_ARRAY),
            (&self.user, Type::TEXT_ARRAY),
            (&self.ip, Type::INET_ARRAY),
            (&self.endpoint, Type::TEXT_ARRAY),
            (&self.method, Type::TEXT_ARRAY),
            (&self.status, Type::INT2_ARRAY),
            (&self.limited, Type::BOOL_ARRAY),
            (&self.anomaly, Type::BOOL_ARRAY),
            (&self.latency, Type::FLOAT8_ARRAY),
            (&self.data, Type::TEXT_ARRAY),
        ]
    }
}

/// The time in the type that the client library takes.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    // Later times, which only damaged files contain, are refused by Postgres as data.
    UNIX_EPOCH + Duration::from_millis(at.0.min(MAX_MS))
}

/// The end of the year 294276, the last that Postgres can store.
const MAX_MS: u64 = 9_224_318_015_999_000;
