//! The arguments of the token commands: options, each given once, and what their values may be.

use std::fmt::{self, Display};

use crate::server::args::Args;
use crate::server::error::Refusal;
use crate::text::duration;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;

use super::super::id::SessionId;
use super::super::session::{self, NAME};
use super::super::strict;

/// Options of a command, read one by one.
pub struct Options<'a> {
    args: Args<'a>,
    known: &'static [&'static str],
    given: u32,
    syntax: &'static str,
}

impl<'a> Options<'a> {
    /// Those that `args` holds, of a command whose syntax is `syntax`.
    pub fn new(args: Args<'a>, known: &'static [&'static str], syntax: &'static str) -> Self {
        Self { args, known, given: 0, syntax }
    }

    /// The next option and its value.
    pub fn next(&mut self) -> Result<Option<(&'static str, &'a [u8])>, Refusal> {
        let Some(word) = self.args.next() else { return Ok(None) };
        let word = word.bytes();
        let which = self.known.iter().position(|option| word.eq_ignore_ascii_case(option.as_bytes()));
        let Some(which) = which else {
            return Err(if word.len() > LONGEST_SHOWN {
                self.misuse(format_args!("unknown option {}", Shown(word)))
            } else {
                self.misuse(UnknownOption { word, options: self.known })
            });
        };
        let option = self.known[which];
        if self.given & 1 << which != 0 {
            return Err(self.misuse(format_args!("{option} is given twice")));
        }
        self.given |= 1 << which;
        match self.args.next() {
            Some(value) => Ok(Some((option, value.bytes()))),
            None => Err(self.misuse(format_args!("{option} has no value"))),
        }
    }

    /// The call is malformed: what is wrong, and the syntax.
    pub fn misuse(&self, why: impl Display) -> Refusal {
        misuse(why, self.syntax)
    }
}

/// An argument in an error message, unless it is so long that it may be a token in the wrong place.
struct Shown<'a>(&'a [u8]);

/// Longer than any option or number, shorter than any token.
const LONGEST_SHOWN: usize = 40;

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > LONGEST_SHOWN {
            write!(f, "of {} bytes", self.0.len())
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

/// A call is malformed: what is wrong, and the syntax.
pub fn misuse(why: impl Display, syntax: &str) -> Refusal {
    Refusal::malformed(format_args!("{why}: {syntax}"))
}

/// Reads a subject or an audience.
pub fn name<'a>(what: &str, text: &'a [u8], syntax: &str) -> Result<&'a str, Refusal> {
    std::str::from_utf8(text).ok().filter(|text| session::is_name(text)).ok_or_else(|| {
        misuse(format_args!("{what} {} is not 1 to {NAME} bytes of UTF-8 without NUL", Shown(text)), syntax)
    })
}

/// Reads META.
pub fn meta<'a>(text: &'a [u8], syntax: &str) -> Result<&'a str, Refusal> {
    strict::meta(text).map_err(|why| misuse(format_args!("meta {why}"), syntax))
}

/// Reads a session's id.
pub fn session_id(what: &str, text: &[u8], syntax: &str) -> Result<SessionId, Refusal> {
    SessionId::parse(text)
        .ok_or_else(|| misuse(format_args!("{what} {} is not a session's id", Shown(text)), syntax))
}

/// Reads a time to live in whole seconds.
pub fn ttl(what: &'static str, text: &[u8], syntax: &str) -> Result<u32, Refusal> {
    let span = duration::parse(text).ok().filter(|span| span.0 % 1000 == 0);
    span.and_then(|span| u32::try_from(span.0 / 1000).ok()).ok_or_else(|| {
        let why = format_args!(
            "{what} {} is not a duration in whole seconds, up to ten years (900 15m 7d)",
            Shown(text)
        );
        misuse(why, syntax)
    })
}
