//! `LW.ALERTS REPLAY id|ALL`
//!
//! Puts dead letters back to be delivered, with all their tries anew: those of one alert, or all. Replies with how many.

use crate::journal::arguments::{WHICH, which};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::raise::at_desk;

pub struct Replay;

impl Command for Replay {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|REPLAY",
        summary: c"Puts dead letters back to be delivered, with all their tries anew.",
        complexity: c"O(N) with N the number of alerts that wait or are dead.",
        args: &[WHICH],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call, Self::SPEC)?;
        call.require_primary()?;
        let replayed = at_desk(call, |desk| match which {
            None => desk.replay(None),
            Some(id) if desk.outbox().dead_of(id.seq).is_some_and(|dead| dead.id == id) => {
                desk.replay(Some(id.seq))
            }
            Some(_) => 0,
        });
        call.reply_integer(replayed as u64);
        Ok(())
    }
}
