//! The arguments of LW.AUDITLOG QUERY: `[KIND k] [USER id] [IP ip|cidr] [ENDPOINT prefix] [FROM ms] [TO ms] [LIMITED]
//! [ANOMALY] [COUNT n] [BEFORE id]`.

use std::ffi::CStr;
use std::fmt::{self, Display};

use crate::journal::id::Id;
use crate::server::args::Args;
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::escape::{self, escaped_within};
use crate::text::number;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;
use crate::text::time::Timestamp;

use super::super::entry::{ENDPOINT, KIND, USER};
use super::filter::{Filter, Network};

/// How many events a page has unless the call says otherwise.
const COUNT: usize = 100;
/// The most that it may say.
const MOST_COUNT: u64 = 10_000;

const OPTIONS: &[&str] =
    &["KIND", "USER", "IP", "ENDPOINT", "FROM", "TO", "LIMITED", "ANOMALY", "COUNT", "BEFORE"];

/// The arguments as COMMAND DOCS shows them.
pub const DOC: &[DocArg] = &[
    option(c"kind", c"KIND", DocKind::String),
    option(c"user", c"USER", DocKind::String),
    option(c"network", c"IP", DocKind::String),
    option(c"prefix", c"ENDPOINT", DocKind::String),
    option(c"from", c"FROM", DocKind::Integer),
    option(c"to", c"TO", DocKind::Integer),
    option(c"limited", c"LIMITED", DocKind::Word),
    option(c"anomaly", c"ANOMALY", DocKind::Word),
    option(c"count", c"COUNT", DocKind::Integer),
    option(c"before", c"BEFORE", DocKind::String),
];

const fn option(name: &'static CStr, token: &'static CStr, kind: DocKind) -> DocArg {
    DocArg { token: Some(token), optional: true, ..DocArg::new(name, kind) }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which events.
    pub filter: Filter,
    /// How many at most.
    pub count: usize,
    /// Only those that come behind this one.
    pub before: Option<Id>,
}

impl Page {
    /// Reads the arguments behind the command's name.
    pub fn parse(args: Args<'_>) -> Result<Self, Refusal> {
        read(args).map_err(|why| Refusal::malformed(Misuse(why)))
    }
}

fn read(mut args: Args<'_>) -> Result<Page, Why<'_>> {
    let mut page = Page { filter: Filter::default(), count: COUNT, before: None };
    let mut given = [false; OPTIONS.len()];
    while let Some(word) = args.next() {
        let word = word.bytes();
        let which = OPTIONS.iter().position(|option| word.eq_ignore_ascii_case(option.as_bytes()));
        let which = which.ok_or(Why::UnknownOption(UnknownOption { word, options: OPTIONS }))?;
        if std::mem::replace(&mut given[which], true) {
            return Err(Why::Twice(OPTIONS[which]));
        }
        match OPTIONS[which] {
            "LIMITED" => page.filter.limited = true,
            "ANOMALY" => page.filter.anomaly = true,
            option => page.take(option, args.next().ok_or(Why::NoValue(option))?.bytes())?,
        }
    }
    Ok(page)
}

impl Page {
    fn take<'a>(&mut self, option: &'static str, value: &'a [u8]) -> Result<(), Why<'a>> {
        let filter = &mut self.filter;
        match option {
            "KIND" => filter.kind = Some(escape::label(value, KIND).ok_or(Why::Kind(value))?.to_owned()),
            "USER" => filter.user = Some(escaped_within(value, USER).into_owned()),
            "IP" => filter.network = Some(Network::parse(value).ok_or(Why::Network(value))?),
            "ENDPOINT" => filter.endpoint = Some(escaped_within(value, ENDPOINT).into_owned()),
            "FROM" => filter.from = Some(time("from", value)?),
            "TO" => filter.to = Some(time("to", value)?),
            "COUNT" => {
                let count = number::argument("count", value, 1..=MOST_COUNT).map_err(Why::Number)?;
                self.count = usize::try_from(count).unwrap_or(COUNT);
            }
            _ => self.before = Some(Id::parse(value).ok_or(Why::Id(value))?),
        }
        Ok(())
    }
}

/// The latest time that Postgres can store, rounded down.
const MOST_MS: u64 = 9_000_000_000_000_000;

fn time<'a>(name: &'static str, value: &'a [u8]) -> Result<Timestamp, Why<'a>> {
    number::argument(name, value, 0..=MOST_MS).map(Timestamp).map_err(Why::Number)
}

/// A malformed call: what is wrong, and the syntax.
struct Misuse<'a>(Why<'a>);

/// What is wrong with a call.
enum Why<'a> {
    /// The kind can't be one.
    Kind(&'a [u8]),
    /// The network is none.
    Network(&'a [u8]),
    /// A time or the count is not an integer in its range.
    Number(number::Misread<'a>),
    /// The id is none.
    Id(&'a [u8]),
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
            Why::Kind(text) => write!(
                f,
                "kind {} is not 1 to {KIND} letters, digits, dots, hyphens and underscores",
                Quoted(text)
            )?,
            Why::Network(text) => write!(
                f,
                "ip {} is neither an address nor a network in CIDR notation (203.0.113.0/24)",
                Quoted(text)
            )?,
            Why::Number(number) => number.fmt(f)?,
            Why::Id(text) => write!(f, "before {} is not an event's id", Quoted(text))?,
            Why::NoValue(option) => write!(f, "{option} has no value")?,
            Why::Twice(option) => write!(f, "{option} is given twice")?,
            Why::UnknownOption(option) => option.fmt(f)?,
        }
        f.write_str(
            ": LW.AUDITLOG QUERY [KIND k] [USER id] [IP ip|cidr] [ENDPOINT prefix] [FROM ms] [TO ms] [LIMITED] \
             [ANOMALY] [COUNT n] [BEFORE id]",
        )
    }
}
