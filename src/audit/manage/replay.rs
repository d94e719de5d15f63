//! `LW.AUDITLOG REPLAY id|ALL`
//!
//! Puts dead letters back to be shipped: one, or all. Replies with how many.

use crate::journal::arguments::{WHICH, which};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::pump::at_recorder;

pub struct Replay;

impl Command for Replay {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|REPLAY",
        summary: c"Puts events that Postgres refused back to be shipped.",
        complexity: c"O(N) with N the number of dead letters.",
        args: &[WHICH],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call, Self::SPEC)?;
        call.require_primary()?;
        let replayed = at_recorder(call, |recorder| recorder.replay(which));
        call.reply_integer(replayed as u64);
        Ok(())
    }
}
