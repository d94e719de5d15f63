//! `LW.ALERT type json [DEDUP text COOLDOWN d]`
//!
//! Raises an alert: it is sent to every webhook endpoint, until each has taken it. With DEDUP, only if none with that type
//! and text was raised in the last `d`. Replies with the id that the receivers see, or nil if DEDUP suppressed it.

use std::fmt::{self, Display};

use crate::outbox::host::edit;
use crate::outbox::limits::{Full, Source};
use crate::server::args::{Arg, Args};
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::duration;
use crate::text::escape;
use crate::text::json::{self, NotJson};
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;
use crate::text::time::Span;

use super::counters;
use super::dedup::{self, Digest};
use super::state::State;
use super::wake;

/// The longest type.
const MOST_TYPE_BYTES: usize = 64;
/// The longest data.
const MOST_JSON_BYTES: usize = 65_536;
/// The deepest that arrays and objects may stand in each other.
const MOST_DEPTH: usize = 128;

/// The command.
pub struct RaiseAlert;

impl Command for RaiseAlert {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERT",
        flags: "write fast",
        categories: "write fast",
        arity: -3,
        key: KeyAccess::None,
        summary: c"Raises an alert, which is delivered to every webhook endpoint at least once.",
        complexity: c"O(N) with N the length of the JSON.",
        since: c"0.1.0",
        args: &[
            DocArg::new(c"type", DocKind::String),
            DocArg::new(c"json", DocKind::String),
            DocArg {
                optional: true,
                parts: &[
                    DocArg { token: Some(c"DEDUP"), ..DocArg::new(c"text", DocKind::String) },
                    DocArg { token: Some(c"COOLDOWN"), ..DocArg::new(c"cooldown", DocKind::String) },
                ],
                ..DocArg::new(c"dedup", DocKind::Block)
            },
        ],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let request = Request::parse(call.args()).map_err(|why| Refusal::malformed(Misuse(why)))?;
        call.require_primary()?;
        let now = call.now();
        let raised = edit(call, |state: &mut State| {
            if let Some((digest, cooldown)) = request.dedup {
                if !state.may_raise(digest, cooldown, now) {
                    return Ok(None);
                }
            }
            let id = state.raise(request.kind, request.json, now, Source::Caller)?;
            if let Some((digest, cooldown)) = request.dedup {
                state.suppress(digest, cooldown, now);
            }
            Ok(Some(id))
        });
        wake::scheduler();
        match raised {
            Ok(Some(id)) => call.reply_text(&id.to_string()),
            Ok(None) => {
                counters::DEDUPLICATED.count();
                call.reply_null();
            }
            Err(Full) => {
                counters::REFUSED.count();
                return Err(Refusal::Full(
                    "too many alerts wait to be delivered: see INFO lockwatch, alert-max-events and alert-max-bytes"
                        .into(),
                ));
            }
        }
        Ok(())
    }
}

/// A call's arguments, checked.
struct Request<'a> {
    kind: &'a str,
    json: &'a str,
    dedup: Option<(Digest, Span)>,
}

impl<'a> Request<'a> {
    fn parse(mut args: Args<'a>) -> Result<Self, Why<'a>> {
        let (Some(kind), Some(json)) = (args.next(), args.next()) else { return Err(Why::Missing) };
        let kind = escape::label(kind.bytes(), MOST_TYPE_BYTES).ok_or(Why::Type(kind.bytes()))?;
        let json = json::check(json.bytes(), MOST_JSON_BYTES, MOST_DEPTH).map_err(Why::Json)?;
        let (mut text, mut cooldown) = (None, None);
        while let Some(word) = args.next().map(Arg::bytes) {
            if word.eq_ignore_ascii_case(b"DEDUP") {
                let value = args.next().ok_or(Why::NoValue("DEDUP"))?.bytes();
                text.replace(value).map_or(Ok(()), |_| Err(Why::Twice("DEDUP")))?;
            } else if word.eq_ignore_ascii_case(b"COOLDOWN") {
                let value = args.next().ok_or(Why::NoValue("COOLDOWN"))?.bytes();
                let span = duration::parse(value).map_err(|_| Why::Cooldown(value))?;
                cooldown.replace(span).map_or(Ok(()), |_| Err(Why::Twice("COOLDOWN")))?;
            } else {
                return Err(Why::Option(word));
            }
        }
        let dedup = match (text, cooldown) {
            (Some(text), Some(cooldown)) => Some((dedup::digest_of(kind, text), cooldown)),
            (None, None) => None,
            _ => return Err(Why::Half),
        };
        Ok(Self { kind, json, dedup })
    }
}

/// What is wrong with a call.
enum Why<'a> {
    /// There are not two arguments.
    Missing,
    /// The type is none.
    Type(&'a [u8]),
    /// The JSON is none, or too much.
    Json(NotJson),
    /// An option has no value.
    NoValue(&'static str),
    /// An option stands twice.
    Twice(&'static str),
    /// DEDUP without COOLDOWN or the reverse.
    Half,
    /// The cooldown is not a duration.
    Cooldown(&'a [u8]),
    /// A word that is no option.
    Option(&'a [u8]),
}

/// A malformed call: what is wrong, and the syntax.
struct Misuse<'a>(Why<'a>);

impl Display for Misuse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Why::Missing => f.write_str("type and json are missing")?,
            Why::Type(text) => write!(
                f,
                "type {} is not 1 to {MOST_TYPE_BYTES} letters, digits, dots, hyphens and underscores",
                Quoted(text)
            )?,
            Why::Json(json) => write!(f, "json {json}")?,
            Why::NoValue(option) => write!(f, "{option} has no value")?,
            Why::Twice(option) => write!(f, "{option} is given twice")?,
            Why::Half => f.write_str("DEDUP and COOLDOWN go together")?,
            Why::Cooldown(text) => {
                write!(
                    f,
                    "cooldown {} is not a duration from one millisecond to ten years (500ms 90s 5m)",
                    Quoted(text)
                )?;
            }
            Why::Option(word) => UnknownOption { word, options: &["DEDUP", "COOLDOWN"] }.fmt(f)?,
        }
        f.write_str(": LW.ALERT type json [DEDUP text COOLDOWN d]")
    }
}
