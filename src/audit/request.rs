//! The arguments of LW.AUDIT, checked, and as they are kept.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt::{self, Display};
use std::net::IpAddr;

use crate::server::args::Args;
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::duration;
use crate::text::escape::{self, escaped_within};
use crate::text::http::{self, METHOD};
use crate::text::json::{self, NotJson};
use crate::text::number;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;
use crate::text::time::{Span, Timestamp};

use super::entry::{DATA, ENDPOINT, Fields, GAP, KIND, USER};

/// The deepest that arrays and objects may stand in each other.
const MOST_DEPTH: usize = 128;
/// Data longer than this is not looked at before it is cut.
const MOST_CHECKED: usize = 65_536;

/// The earliest time an event may have: 2000-01-01.
const EARLIEST: Timestamp = Timestamp(946_684_800_000);
/// How far ahead of the server's clock it may be.
const AHEAD: Span = Span(3_600_000);

const OPTIONS: &[&str] =
    &["KIND", "USER", "IP", "METHOD", "ENDPOINT", "STATUS", "LIMITED", "ANOMALY", "LATENCY", "TIME", "DATA"];

/// The arguments as COMMAND DOCS shows them.
pub const DOC: &[DocArg] = &[
    option(c"kind", c"KIND", DocKind::String),
    option(c"user", c"USER", DocKind::String),
    option(c"ip", c"IP", DocKind::String),
    option(c"method", c"METHOD", DocKind::String),
    option(c"endpoint", c"ENDPOINT", DocKind::String),
    option(c"status", c"STATUS", DocKind::Integer),
    option(c"limited", c"LIMITED", DocKind::Word),
    option(c"anomaly", c"ANOMALY", DocKind::Word),
    option(c"latency", c"LATENCY", DocKind::String),
    option(c"time", c"TIME", DocKind::Integer),
    option(c"data", c"DATA", DocKind::String),
];

const fn option(name: &'static CStr, token: &'static CStr, kind: DocKind) -> DocArg {
    DocArg { token: Some(token), optional: true, ..DocArg::new(name, kind) }
}

/// A call's arguments, checked.
#[derive(Default)]
pub struct Request<'a> {
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
    /// Reads the arguments behind the command's name.
    #[inline]
    pub fn parse(args: Args<'a>, now: Timestamp) -> Result<Self, Refusal> {
        read(args, now).map_err(|why| Refusal::malformed(Misuse(why)))
    }

    /// What is kept of it.
    pub fn fields(&self) -> Fields<'_> {
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

fn read<'a>(mut args: Args<'a>, now: Timestamp) -> Result<Request<'a>, Why<'a>> {
    let mut request = Request::default();
    let (mut given, mut empty) = (0_u32, true);
    while let Some(word) = args.next() {
        let word = word.bytes();
        let Some(which) = OPTIONS.iter().position(|option| word.eq_ignore_ascii_case(option.as_bytes()))
        else {
            return Err(Why::UnknownOption(UnknownOption { word, options: OPTIONS }));
        };
        if given & (1 << which) != 0 {
            return Err(Why::Twice(OPTIONS[which]));
        }
        given |= 1 << which;
        // These two say nothing by themselves.
        empty &= matches!(OPTIONS[which], "KIND" | "TIME");
        match OPTIONS[which] {
            "LIMITED" => request.limited = true,
            "ANOMALY" => request.anomaly = true,
            option => request.take(option, args.next().ok_or(Why::NoValue(option))?.bytes(), now)?,
        }
    }
    if empty { Err(Why::Empty) } else { Ok(request) }
}

impl<'a> Request<'a> {
    fn take(&mut self, option: &'static str, value: &'a [u8], now: Timestamp) -> Result<(), Why<'a>> {
        match option {
            "KIND" => self.kind = Some(kind(value).ok_or(Why::Kind(value))?),
            "USER" => self.user = Some(escaped_within(value, USER)),
            "IP" => self.ip = Some(http::address(value).ok_or(Why::Ip(value))?),
            "METHOD" => self.method = Some(http::method(value).ok_or(Why::Method(value))?),
            "ENDPOINT" => self.endpoint = Some(escaped_within(value, ENDPOINT)),
            "STATUS" => {
                let status = number::argument("status", value, 100..=599).map_err(Why::Number)?;
                self.status = u16::try_from(status).ok();
            }
            "LATENCY" => self.latency = Some(duration::micros("latency", value).map_err(Why::Latency)?),
            "TIME" => {
                let range = EARLIEST.0..=(now + AHEAD).0;
                self.time = Some(Timestamp(number::argument("time", value, range).map_err(Why::Number)?));
            }
            _ => self.data = Some(data(value).map_err(Why::Data)?),
        }
        Ok(())
    }
}

/// The kind of an event, as a caller may name it: the module's own kind is not theirs.
pub fn kind(kind: &[u8]) -> Option<&str> {
    escape::label(kind, KIND).filter(|kind| *kind != GAP)
}

/// JSON as Postgres takes it. What is too long becomes a text of its beginning, which is marked as cut.
fn data(json: &[u8]) -> Result<Cow<'_, str>, NotJson> {
    if json.len() <= MOST_CHECKED {
        let storable = json::storable(json::check(json, MOST_CHECKED, MOST_DEPTH)?);
        // As it would be read back, too.
        if storable.len() + json::growth(&storable) <= DATA {
            return Ok(storable);
        }
    }
    // In quotes, and each quote in it escaped, it takes more.
    let head = escaped_within(json, DATA / 2);
    Ok(Cow::Owned(serde_json::to_string(&*head).unwrap_or_default()))
}

/// A malformed call: what is wrong, and the syntax.
struct Misuse<'a>(Why<'a>);

/// What is wrong with a call.
enum Why<'a> {
    /// It says nothing of any event.
    Empty,
    /// The kind is none, or the module's own.
    Kind(&'a [u8]),
    /// The address is none.
    Ip(&'a [u8]),
    /// The method can't be one.
    Method(&'a [u8]),
    /// The status or the time is not an integer in its range.
    Number(number::Misread<'a>),
    /// The latency is no duration.
    Latency(duration::Misread<'a>),
    /// The data is no JSON.
    Data(NotJson),
    /// An option has no value.
    NoValue(&'static str),
    /// An option stands twice.
    Twice(&'static str),
    /// A word that is no option.
    UnknownOption(UnknownOption<'a>),
}

impl Display for Misuse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Empty => f.write_str("an event needs at least one field besides KIND and TIME")?,
            Why::Kind(text) if *text == GAP.as_bytes() => f.write_str("kind 'gap' is the module's own")?,
            Why::Kind(text) => write!(
                f,
                "kind {} is not 1 to {KIND} letters, digits, dots, hyphens and underscores",
                Quoted(text)
            )?,
            Why::Ip(text) => write!(f, "ip {} is not an IPv4 or IPv6 address", Quoted(text))?,
            Why::Method(text) => {
                write!(f, "method {} is not an HTTP token of 1 to {METHOD} characters", Quoted(text))?;
            }
            Why::Number(number) => number.fmt(f)?,
            Why::Latency(latency) => latency.fmt(f)?,
            Why::Data(json) => write!(f, "data {json}")?,
            Why::NoValue(option) => write!(f, "{option} has no value")?,
            Why::Twice(option) => write!(f, "{option} is given twice")?,
            Why::UnknownOption(option) => option.fmt(f)?,
        }
        f.write_str(
            ": LW.AUDIT [KIND k] [USER id] [IP ip] [METHOD m] [ENDPOINT path] [STATUS code] [LIMITED] [ANOMALY] \
             [LATENCY d] [TIME ms] [DATA json]",
        )
    }
}
