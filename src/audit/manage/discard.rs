//! `LW.AUDITLOG DISCARD id|ALL`
//!
//! Throws dead letters away: one, or all. Replies with how many.

use crate::journal::arguments::{WHICH_DOC, which};
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::error::Refusal;

use super::super::pump::at_recorder;

/// The command.
pub struct Discard;

impl Command for Discard {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DISCARD",
        flags: "write admin",
        categories: "write admin dangerous",
        arity: 3,
        key: KeyAccess::None,
        summary: c"Throws events away that Postgres refused.",
        complexity: c"O(N) with N the number of dead letters.",
        since: c"0.1.0",
        args: WHICH_DOC,
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call.args(), "LW.AUDITLOG DISCARD")?;
        call.require_primary()?;
        let discarded = at_recorder(call, |recorder| recorder.discard(which));
        call.reply_integer(discarded as u64);
        Ok(())
    }
}
