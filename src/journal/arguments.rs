//! What the commands that manage a queue have in common: how many records to list, and which ones are meant.

use std::fmt::Display;

use crate::server::args::{Arg, Args};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::number;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;

use super::id::Id;

/// How many records a list has unless the call says otherwise.
const COUNT: usize = 100;
/// The most that it may say.
const MOST_COUNT: usize = 1_000_000;

/// `[COUNT n]`, as COMMAND DOCS shows it.
pub const COUNT_DOC: &[DocArg] =
    &[DocArg { token: Some(c"COUNT"), optional: true, ..DocArg::new(c"count", DocKind::Integer) }];

/// `id | ALL`, as COMMAND DOCS shows it.
pub const WHICH_DOC: &[DocArg] = &[DocArg {
    parts: &[
        DocArg::new(c"id", DocKind::String),
        DocArg { token: Some(c"ALL"), ..DocArg::new(c"all", DocKind::Word) },
    ],
    ..DocArg::new(c"which", DocKind::OneOf)
}];

/// Reads `[COUNT n]`.
pub fn count(mut args: Args<'_>, command: &str) -> Result<usize, Refusal> {
    let refuse = |why: &dyn Display| Refusal::malformed(format_args!("{why}: {command} [COUNT n]"));
    let Some(word) = args.next().map(Arg::bytes) else { return Ok(COUNT) };
    if !word.eq_ignore_ascii_case(b"COUNT") {
        return Err(refuse(&UnknownOption { word, options: &["COUNT"] }));
    }
    let value = args.next().ok_or_else(|| refuse(&"COUNT has no value"))?.bytes();
    if let Some(word) = args.next() {
        return Err(refuse(&format_args!("{} stands behind the options", Quoted(word.bytes()))));
    }
    let count = number::unsigned(value).and_then(|count| usize::try_from(count).ok());
    count.filter(|count| (1..=MOST_COUNT).contains(count)).ok_or_else(|| {
        refuse(&format_args!("count {} is not an integer from 1 to {MOST_COUNT}", Quoted(value)))
    })
}

/// Reads `id | ALL`; `None` is all.
pub fn which(mut args: Args<'_>, command: &str) -> Result<Option<Id>, Refusal> {
    let word = args.next().map_or(&[][..], Arg::bytes);
    if word.eq_ignore_ascii_case(b"ALL") {
        return Ok(None);
    }
    let id = Id::parse(word);
    id.map(Some).ok_or_else(|| {
        Refusal::malformed(format_args!("{} is neither ALL nor an id: {command} id|ALL", Quoted(word)))
    })
}
