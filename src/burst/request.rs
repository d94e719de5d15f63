//! The arguments of LW.BURST: `key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m] [AGENT ua]`.

use std::ffi::CStr;
use std::fmt::{self, Display};
use std::net::IpAddr;

use crate::server::args::Args;
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::duration;
use crate::text::http::{self, METHOD};
use crate::text::number;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;
use crate::text::time::Span;

use super::decision::Watch;

/// The highest threshold: 2^53 - 1, the highest integer that every client language can hold.
const MAX_THRESHOLD: u64 = (1 << 53) - 1;

/// How long a key is quiet after an alert unless the call says otherwise.
const DEFAULT_COOLDOWN: Span = Span(60_000);

const OPTIONS: &[&str] = &["COOLDOWN", "IP", "ENDPOINT", "METHOD", "AGENT"];

/// The arguments as COMMAND DOCS shows them.
pub const DOC: &[DocArg] = &[
    DocArg::new(c"key", DocKind::Key),
    DocArg::new(c"threshold", DocKind::Integer),
    DocArg::new(c"window", DocKind::String),
    option(c"cooldown", c"COOLDOWN"),
    option(c"ip", c"IP"),
    option(c"endpoint", c"ENDPOINT"),
    option(c"method", c"METHOD"),
    option(c"agent", c"AGENT"),
];

const fn option(name: &'static CStr, token: &'static CStr) -> DocArg {
    DocArg { token: Some(token), optional: true, ..DocArg::new(name, DocKind::String) }
}

/// A call's arguments, checked.
pub struct Request<'a> {
    /// What to look for.
    pub watch: Watch,
    /// What an alert repeats.
    pub context: Context<'a>,
}

/// What the caller tells of the request it counts.
#[derive(Default)]
pub struct Context<'a> {
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// What it asked for.
    pub endpoint: Option<&'a [u8]>,
    /// Its HTTP method.
    pub method: Option<&'a str>,
    /// Its user agent.
    pub agent: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Reads the arguments behind the key.
    #[inline]
    pub fn parse(args: Args<'a>) -> Result<Self, Refusal> {
        read(args).map_err(|why| Refusal::malformed(Misuse(why)))
    }
}

#[inline]
fn read<'a>(mut args: Args<'a>) -> Result<Request<'a>, Why<'a>> {
    let threshold = args.next().ok_or(Why::Missing("threshold"))?.bytes();
    let threshold = number::argument("threshold", threshold, 1..=MAX_THRESHOLD).map_err(Why::Threshold)?;
    let window = args.next().ok_or(Why::Missing("window"))?.bytes();
    let window = duration::argument("window", window).map_err(Why::Duration)?;
    let mut watch = Watch { threshold, window, cooldown: DEFAULT_COOLDOWN };
    let mut context = Context::default();
    let mut given = [false; OPTIONS.len()];
    while let Some(word) = args.next() {
        let word = word.bytes();
        let which = OPTIONS.iter().position(|option| word.eq_ignore_ascii_case(option.as_bytes()));
        let unknown = || Why::UnknownOption(UnknownOption { word, options: OPTIONS });
        let which = which.ok_or_else(unknown)?;
        let option = OPTIONS[which];
        if std::mem::replace(&mut given[which], true) {
            return Err(Why::Twice(option));
        }
        let value = args.next().ok_or(Why::NoValue(option))?.bytes();
        match option {
            "COOLDOWN" => watch.cooldown = duration::argument("cooldown", value).map_err(Why::Duration)?,
            "IP" => context.ip = Some(http::address(value).ok_or(Why::Ip(value))?),
            "METHOD" => context.method = Some(http::method(value).ok_or(Why::Method(value))?),
            "ENDPOINT" => context.endpoint = Some(value),
            _ => context.agent = Some(value),
        }
    }
    Ok(Request { watch, context })
}

/// A malformed call: what is wrong, and the syntax.
struct Misuse<'a>(Why<'a>);

/// What is wrong with a call.
enum Why<'a> {
    /// An argument is missing.
    Missing(&'static str),
    /// The threshold is not an integer in its range.
    Threshold(number::Misread<'a>),
    /// The window or the cooldown is not a duration, or out of range.
    Duration(duration::Misread<'a>),
    /// The address is none.
    Ip(&'a [u8]),
    /// The method can't be one.
    Method(&'a [u8]),
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
            Why::Missing(name) => write!(f, "{name} is missing")?,
            Why::Threshold(threshold) => threshold.fmt(f)?,
            Why::Duration(duration) => duration.fmt(f)?,
            Why::Ip(text) => write!(f, "ip {} is not an IPv4 or IPv6 address", Quoted(text))?,
            Why::Method(text) => {
                write!(f, "method {} is not an HTTP token of 1 to {METHOD} characters", Quoted(text))?;
            }
            Why::NoValue(option) => write!(f, "{option} has no value")?,
            Why::Twice(option) => write!(f, "{option} is given twice")?,
            Why::UnknownOption(option) => option.fmt(f)?,
        }
        f.write_str(
            ": LW.BURST key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m] [AGENT ua]",
        )
    }
}
