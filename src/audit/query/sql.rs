//! The query for a page of the log. It seeks by key, so that any page costs as much as the first.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::journal::id::Id;
use crate::text::network::is_single;
use crate::text::time::Timestamp;

use super::super::encoding::Encoding;
use super::super::entry::{Entry, Fields, Record};
use super::super::insert::{MAX_ESCAPED, system_time};
use super::super::link::{Failure, Parameter};
use super::filter::Kind;
use super::page::Page;
use super::windows::Window;

pub(crate) struct Query {
    pub text: String,
    parameters: Vec<(Box<dyn ToSql + Sync>, Type)>,
}

impl Query {
    /// Finds at most `most` events of `page` in a window, in a database of `encoding`.
    pub(crate) fn of(page: &Page, window: Window, most: usize, encoding: Encoding) -> Self {
        let mut query = Self {
            text: String::from(
                r#"SELECT "timestamp", epoch, seq, kind, user_id, ip, endpoint, method, status_code, rate_limit_hit, anomaly_detected, latency_ms, data::text FROM lockwatch_audit_log WHERE true"#,
            ),
            parameters: Vec::new(),
        };
        query.filter(page, encoding);
        if let Some(from) = window.from {
            query.condition(r#""timestamp" >= "#, "", system_time(from), Type::TIMESTAMPTZ);
        }
        if let Some(until) = window.until {
            query.condition(r#""timestamp" < "#, "", system_time(until), Type::TIMESTAMPTZ);
        }
        if let Some(before) = page.before {
            // The first condition is redundant, but it is the one that Postgres prunes partitions
            // by.
            let (at, epoch) = (before.at, before.epoch as i64);
            let n = query.parameters.len();
            let _ = write!(
                query.text,
                r#" AND "timestamp" <= ${} AND ("timestamp", epoch, seq) < (${0}, ${}, ${})"#,
                n + 1,
                n + 2,
                n + 3
            );
            query.parameters.push((Box::new(system_time(at)), Type::TIMESTAMPTZ));
            query.parameters.push((Box::new(epoch), Type::INT8));
            query.parameters.push((Box::new(before.seq as i64), Type::INT8));
        }
        let _ = write!(query.text, r#" ORDER BY "timestamp" DESC, epoch DESC, seq DESC LIMIT {most}"#);
        query
    }

    fn filter(&mut self, page: &Page, encoding: Encoding) {
        let filter = &page.filter;
        match &filter.kind {
            Some(Kind::Is(kind)) => self.condition("kind = ", "", kind.clone(), Type::TEXT),
            Some(Kind::StartsWith(prefix)) => self.condition("kind LIKE ", "", pattern(prefix), Type::TEXT),
            None => {}
        }
        if let Some(user) = &filter.user {
            self.condition("user_id = ", "", encoding.text(user, MAX_ESCAPED).into_owned(), Type::TEXT);
        }
        if let Some(network) = filter.network {
            let operator = if is_single(network) { "ip = " } else { "ip <<= " };
            let text = format!("{}/{}", network.addr(), network.prefix_len());
            self.condition(operator, "::inet", text, Type::TEXT);
        }
        if let Some(prefix) = &filter.endpoint {
            let prefix = encoding.text(prefix, MAX_ESCAPED);
            self.condition("endpoint LIKE ", "", pattern(&prefix), Type::TEXT);
        }
        if let Some(method) = &filter.method {
            self.condition("method = ", "", method.clone(), Type::TEXT);
        }
        if let Some(status) = filter.status {
            // The column's type, but a status has at most three digits.
            self.condition("status_code = ", "", i16::try_from(status).unwrap_or(0), Type::INT2);
        }
        if let Some(from) = filter.from {
            self.condition(r#""timestamp" >= "#, "", system_time(from), Type::TIMESTAMPTZ);
        }
        if let Some(to) = filter.to {
            self.condition(r#""timestamp" <= "#, "", system_time(to), Type::TIMESTAMPTZ);
        }
        if filter.limited {
            self.text.push_str(" AND rate_limit_hit");
        }
        if filter.anomaly {
            self.text.push_str(" AND anomaly_detected");
        }
    }

    fn condition(&mut self, before: &str, behind: &str, value: impl ToSql + Sync + 'static, kind: Type) {
        self.parameters.push((Box::new(value), kind));
        let _ = write!(self.text, " AND {before}${}{behind}", self.parameters.len());
    }

    pub(crate) fn parameters(&self) -> Vec<Parameter<'_>> {
        self.parameters.iter().map(|(value, kind)| (&**value, kind.clone())).collect()
    }
}

/// The LIKE pattern for texts that start with `prefix`.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

pub(crate) fn from_row(row: &Row) -> Result<Record, Failure> {
    let at: SystemTime = row.try_get(0)?;
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let id = Id {
        at: Timestamp(u64::try_from(at).unwrap_or(u64::MAX)),
        epoch: row.try_get::<_, i64>(1)? as u64,
        seq: row.try_get::<_, i64>(2)? as u64,
    };
    let ip: Option<IpAddr> = row.try_get(5)?;
    let status: Option<i16> = row.try_get(8)?;
    let latency: Option<f64> = row.try_get(11)?;
    let fields = Fields {
        limited: row.try_get(9)?,
        anomaly: row.try_get(10)?,
        kind: row.try_get(3)?,
        user: row.try_get(4)?,
        ip,
        endpoint: row.try_get(6)?,
        method: row.try_get(7)?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        latency: latency.map(|ms| (ms * 1000.0).round() as u64),
        data: row.try_get(12)?,
        recorded: None,
    };
    Ok((id, Arc::new(Entry::new(&fields))))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_prefix_means_itself() {
        assert_eq!(pattern(r"/a_b%c\x00"), r"/a\_b\%c\\x00%");
        assert_eq!(pattern(""), "%");
    }
}
