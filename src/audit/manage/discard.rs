//! `LW.AUDITLOG DISCARD id|ALL`
//!
//! Throws dead letters away: one, or all. Replies with how many.

use crate::journal::arguments::{WHICH, which};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::pump::at_recorder;

pub struct Discard;

impl Command for Discard {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DISCARD",
        summary: c"Throws events away that Postgres refused.",
        complexity: c"O(N) with N the number of dead letters.",
        args: &[WHICH],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call, Self::SPEC)?;
        call.require_primary()?;
        let discarded = at_recorder(call, |recorder| recorder.discard(which));
        call.reply_integer(discarded as u64);
        Ok(())
    }
}
