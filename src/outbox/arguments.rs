//! The arguments of the commands that manage an outbox: `[COUNT n]` and `id|ALL`.

use std::fmt::Display;

use crate::server::args::{Arg, Args};
use crate::server::command::Spec;
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::text::number;
use crate::text::options::UnknownOption;
use crate::text::quoted::Quoted;

use crate::journal::id::Id;

/// The default of COUNT.
const COUNT: usize = 100;
const MAX_COUNT: usize = 1_000_000;

/// `[COUNT n]`, as COMMAND DOCS shows it.
pub(crate) const COUNT_DOC: &[DocArg] =
    &[DocArg { token: Some(c"COUNT"), optional: true, ..DocArg::new(c"count", DocKind::Integer) }];

/// `id | ALL`, as COMMAND DOCS shows it.
pub(crate) const WHICH_DOC: &[DocArg] = &[DocArg {
    parts: &[
        DocArg::new(c"id", DocKind::String),
        DocArg { token: Some(c"ALL"), ..DocArg::new(c"all", DocKind::Word) },
    ],
    ..DocArg::new(c"which", DocKind::OneOf)
}];

/// Reads `[COUNT n]`.
pub(crate) fn count(mut args: Args<'_>, spec: &Spec) -> Result<usize, Refusal> {
    let refuse = |why: &dyn Display| Refusal::malformed(format_args!("{why}: {} [COUNT n]", command(spec)));
    let Some(word) = args.next().map(Arg::bytes) else { return Ok(COUNT) };
    if !word.eq_ignore_ascii_case(b"COUNT") {
        return Err(refuse(&UnknownOption { word, options: &["COUNT"] }));
    }
    let value = args.next().ok_or_else(|| refuse(&"COUNT has no value"))?.bytes();
    if let Some(word) = args.next() {
        return Err(refuse(&format_args!("{} stands behind the options", Quoted(word.bytes()))));
    }
    let count = number::unsigned(value).and_then(|count| usize::try_from(count).ok());
    count.filter(|count| (1..=MAX_COUNT).contains(count)).ok_or_else(|| {
        refuse(&format_args!("count {} is not an integer from 1 to {MAX_COUNT}", Quoted(value)))
    })
}

/// Reads `id | ALL`; `None` is all.
pub(crate) fn which(mut args: Args<'_>, spec: &Spec) -> Result<Option<Id>, Refusal> {
    let word = args.next().map_or(&[][..], Arg::bytes);
    if word.eq_ignore_ascii_case(b"ALL") {
        return Ok(None);
    }
    let id = Id::parse(word);
    id.map(Some).ok_or_else(|| {
        Refusal::malformed(format_args!(
            "{} is neither ALL nor an id: {} id|ALL",
            Quoted(word),
            command(spec)
        ))
    })
}

/// The name of a subcommand as a caller writes it.
fn command(spec: &Spec) -> String {
    spec.name.to_string_lossy().replace('|', " ")
}
