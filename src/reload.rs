//! `LW.RELOAD`
//!
//! Reads the files of all directives again. If one can't be used, nothing changes and the error
//! names its directive. A CONFIG SET with an unchanged path can't report such an error.

#![forbid(unsafe_code)]

use crate::lifecycle;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::directive;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

pub(crate) struct Reload;

impl Command for Reload {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.RELOAD",
        flags: "admin",
        summary: c"Reads the files of all directives again.",
        complexity: c"O(N) with N the size of the files.",
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        directive::reload().map_err(|why| Refusal::malformed(format_args!("nothing was changed: {why}")))?;
        lifecycle::wake_schedulers();
        call.reply_ok();
        Ok(())
    }
}
