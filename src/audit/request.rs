//! The arguments of LW.AUDIT, checked, escaped and cut.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::outbox::reserved::refuse_reserved;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::escape::{self, escaped_within};
use crate::text::http;
use crate::text::json::{self, NotJson};
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::{Span, Timestamp, unix_ms};

use super::entry::{DATA, ENDPOINT, Fields, KIND, USER};
use super::settings::AUDIT_MAX_AGE_DAYS;

/// The deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 128;
/// Longer data is cut without being checked.
const MAX_CHECKED: usize = 65_536;

/// The earliest time an event may have: 2000-01-01.
const EARLIEST: Timestamp = Timestamp(946_684_800_000);
/// How far an event may be ahead of the server's clock.
const AHEAD: Span = Span(3_600_000);
const DAY: Span = Span(86_400_000);

pub(crate) const ARGS: &[Param] = &[
    Param::string(c"kind").token(c"KIND").shown(c"k").optional(),
    USER_OPTION,
    Param::string(c"ip").token(c"IP").optional(),
    METHOD_OPTION,
    Param::string(c"endpoint").token(c"ENDPOINT").shown(c"path").optional(),
    STATUS_OPTION,
    LIMITED_OPTION,
    ANOMALY_OPTION,
    Param::string(c"latency").token(c"LATENCY").shown(c"d").optional(),
    Param::integer(c"time").token(c"TIME").shown(c"ms").optional(),
    Param::json(c"data").token(c"DATA").optional(),
];

// These are options of LW.AUDITLOG QUERY, too.
pub(crate) const USER_OPTION: Param = Param::string(c"user").token(c"USER").shown(c"id").optional();
pub(crate) const METHOD_OPTION: Param = Param::string(c"method").token(c"METHOD").shown(c"m").optional();
pub(crate) const STATUS_OPTION: Param = Param::integer(c"status").token(c"STATUS").shown(c"code").optional();
pub(crate) const LIMITED_OPTION: Param = Param::word(c"LIMITED", c"limited").optional();
pub(crate) const ANOMALY_OPTION: Param = Param::word(c"ANOMALY", c"anomaly").optional();

/// The range of HTTP statuses.
pub(crate) const STATUS: RangeInclusive<u64> = 100..=599;

/// A call's arguments, checked.
#[derive(Default)]
pub(crate) struct Request<'a> {
    kind: Option<&'a str>,
    user: Option<Cow<'a, str>>,
    ip: Option<IpAddr>,
    method: Option<&'a str>,
    endpoint: Option<Cow<'a, str>>,
    status: Option<u16>,
    limited: bool,
    anomaly: bool,
    latency: Option<u64>,
    data: Option<Cow<'a, str>>,
    /// When it was, if the call says.
    pub time: Option<Timestamp>,
}

impl<'a> Request<'a> {
    pub(crate) fn parse(call: &Call<'a>, spec: &Spec, now: Timestamp) -> Result<Self, Refusal> {
        let given = spec.parse(call)?;
        if given.labels().all(|label| matches!(label, "KIND" | "TIME")) {
            return Err(given.malformed("an event needs at least one field besides KIND and TIME").into());
        }
        Ok(Self {
            kind: given.optional("KIND", kind)?,
            user: given.bytes("USER").map(|user| escaped_within(user, USER)),
            ip: given.optional("IP", http::address)?,
            method: given.optional("METHOD", http::method)?,
            endpoint: given.bytes("ENDPOINT").map(|endpoint| escaped_within(endpoint, ENDPOINT)),
            status: given.optional("STATUS", number::within(STATUS))?.and_then(|code| code.try_into().ok()),
            limited: given.has("LIMITED"),
            anomaly: given.has("ANOMALY"),
            latency: given.optional("LATENCY", duration::micros)?,
            time: given.optional("TIME", |text| time(text, now))?,
            data: given.optional("DATA", data)?,
        })
    }

    /// What is kept of it.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields {
            limited: self.limited,
            anomaly: self.anomaly,
            kind: self.kind,
            user: self.user.as_deref(),
            ip: self.ip,
            method: self.method,
            endpoint: self.endpoint.as_deref(),
            status: self.status,
            latency: self.latency,
            data: self.data.as_deref(),
            recorded: None,
        }
    }
}

fn kind(kind: &[u8]) -> Result<&str, String> {
    refuse_reserved(escape::read_label(KIND)(kind)?)
}

/// When an event was. How far that may lie from `now` bounds the number of partitions.
fn time(text: &[u8], now: Timestamp) -> Result<Timestamp, String> {
    let at = unix_ms(text)?;
    let days = AUDIT_MAX_AGE_DAYS.get();
    if at > now + AHEAD {
        return Err("is more than an hour ahead of the server's clock".to_owned());
    }
    if at < EARLIEST {
        return Err("is before the year 2000".to_owned());
    }
    if now - at > Span(days * DAY.0) {
        return Err(format!("is more than {days} days ago, the most that audit-max-age-days allows"));
    }
    Ok(at)
}

/// JSON as Postgres takes it. What is too long becomes a text of its beginning, which is marked as
/// cut.
fn data(json: &[u8]) -> Result<Cow<'_, str>, NotJson> {
    if json.len() <= MAX_CHECKED {
        let storable = json::storable(json::check(json, MAX_CHECKED, MAX_DEPTH)?);
        // As it would be read back, too.
        if storable.len() + json::growth(&storable) <= DATA {
            return Ok(storable);
        }
    }
    // In quotes, and each quote in it escaped, it takes more.
    let head = escaped_within(json, DATA / 2);
    Ok(Cow::Owned(serde_json::to_string(&*head).unwrap_or_default()))
}
