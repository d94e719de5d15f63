//! `LW.DEBUG PANIC`: panics inside a handler, for the test that the server survives it. Only with the cargo feature
//! `debug-commands`, which no release has.

#![forbid(unsafe_code)]

use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;

/// The command.
pub struct Debug;

impl Command for Debug {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.DEBUG",
        flags: "admin",
        categories: "admin dangerous",
        arity: 2,
        key: KeyAccess::None,
        summary: c"Panics inside the handler. For tests.",
        complexity: c"O(1)",
        since: c"0.1.0",
        args: &[DocArg::new(c"what", DocKind::String)],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        match call.args().next() {
            Some(what) if what.bytes().eq_ignore_ascii_case(b"PANIC") => {
                panic!("asked for: {}", String::from_utf8_lossy(what.bytes()))
            }
            _ => Err(Refusal::malformed("only PANIC is known: LW.DEBUG PANIC")),
        }
    }
}
