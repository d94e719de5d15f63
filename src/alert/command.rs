//! `LW.ALERT type json [DEDUP text COOLDOWN d]`
//!
//! Raises an alert: it is sent to every webhook endpoint, until each has taken it. With DEDUP, only if none with that type
//! and text was raised in the last `d`. Replies with the id that the receivers see, or nil if DEDUP suppressed it.

use std::fmt::{self, Display};

use aws_lc_rs::digest;

use crate::server::args::{Arg, Args, UnknownOption};
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::duration;
use crate::server::error::{Quoted, Refusal};
use crate::server::time::Span;

use super::counters;
use super::dedup::Digest;
use super::desk::{Full, Source};
use super::raise::at_desk;

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
        let raised = at_desk(call, |desk| {
            if let Some((digest, cooldown)) = request.dedup {
                if !desk.is_news(digest, cooldown, now) {
                    return Ok(None);
                }
            }
            let id = desk.raise(request.kind, request.json, now, Source::Caller)?;
            if let Some((digest, cooldown)) = request.dedup {
                desk.quiet(digest, cooldown, now);
            }
            Ok(Some(id))
        });
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
        let kind = check_type(kind.bytes()).ok_or(Why::Type(kind.bytes()))?;
        let json = check_json(json.bytes())?;
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
            (Some(text), Some(cooldown)) => Some((digest_of(kind, text), cooldown)),
            (None, None) => None,
            _ => return Err(Why::Half),
        };
        Ok(Self { kind, json, dedup })
    }
}

fn check_type(kind: &[u8]) -> Option<&str> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let sound = (1..=MOST_TYPE_BYTES).contains(&kind.len()) && kind.iter().all(allowed);
    std::str::from_utf8(kind).ok().filter(|_| sound)
}

fn check_json(json: &[u8]) -> Result<&str, Why<'static>> {
    if json.len() > MOST_JSON_BYTES {
        return Err(Why::JsonTooLong(json.len()));
    }
    let text = std::str::from_utf8(json).map_err(|_| Why::NotUtf8)?;
    // It is kept as it is; serde only says whether it is JSON, without building or recursing into anything.
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err();
    if let Some(error) = error {
        return Err(Why::Json { line: error.line(), column: error.column() });
    }
    if depth(json) > MOST_DEPTH {
        return Err(Why::JsonTooDeep);
    }
    Ok(text.trim_ascii())
}

/// How deep arrays and objects stand in each other, in text that is JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The type is part of it: texts of different types do not meet.
fn digest_of(kind: &str, text: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(kind.as_bytes());
    context.update(b"\0");
    context.update(text);
    let hash = context.finish();
    *hash.as_ref().first_chunk().unwrap_or(&[0; 16])
}

/// What is wrong with a call.
enum Why<'a> {
    /// There are not two arguments.
    Missing,
    /// The type is none.
    Type(&'a [u8]),
    /// The JSON is too long.
    JsonTooLong(usize),
    /// The JSON is too deep.
    JsonTooDeep,
    /// The JSON is not UTF-8.
    NotUtf8,
    /// The JSON is none.
    Json {
        /// Where it stops being JSON.
        line: usize,
        /// Where in that line.
        column: usize,
    },
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
            Why::JsonTooLong(len) => write!(f, "json has {len} bytes, more than {MOST_JSON_BYTES}")?,
            Why::JsonTooDeep => write!(f, "json is nested deeper than {MOST_DEPTH} levels")?,
            Why::NotUtf8 => f.write_str("json is not UTF-8")?,
            Why::Json { line, column } => write!(f, "json is not JSON at line {line}, column {column}")?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_any_json_up_to_its_bounds() {
        for json in ["{}", "null", "1e400", r#""a\u0000b""#, "[1,[2,{\"a\":\"]]]\"}]]", " \n1 "] {
            assert!(check_json(json.as_bytes()).is_ok(), "{json}");
        }
        for json in ["", "{", "{}x", "nan", "'a'", "{\"a\":}", "\"\n\"", "[1,]"] {
            assert!(check_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(check_json(b"\"\xff\"").is_err());
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(check_json(deep(MOST_DEPTH).as_bytes()).is_ok());
        assert!(check_json(deep(MOST_DEPTH + 1).as_bytes()).is_err());
        assert!(check_json(deep(MOST_JSON_BYTES / 2).as_bytes()).is_err());
        let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(check_json(long(MOST_JSON_BYTES).as_bytes()).is_ok());
        assert!(check_json(long(MOST_JSON_BYTES + 1).as_bytes()).is_err());
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        assert_eq!(depth(br#"{"a":"[[[\"{{","b":[1]}"#), 2);
    }
}
