//! `LW.RELOAD`
//!
//! Reads the files again that directives name: all of them, or, if one can't be used, none. Unlike a CONFIG SET with the
//! path that a directive already has, it can reply with an error.

#![forbid(unsafe_code)]

use crate::lifecycle;
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::directive;
use crate::server::error::Refusal;

/// The command.
pub struct Reload;

impl Command for Reload {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.RELOAD",
        flags: "admin",
        categories: "admin dangerous",
        arity: 1,
        key: KeyAccess::None,
        summary: c"Reads the files again that directives name.",
        complexity: c"O(N) with N the size of the files.",
        since: c"0.1.0",
        args: &[],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        directive::reload()
            .map_err(|why| Refusal::Coded("ERR", format!("nothing was changed: {why}").into()))?;
        lifecycle::wake_schedulers();
        call.reply_ok();
        Ok(())
    }
}
