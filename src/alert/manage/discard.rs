//! `LW.ALERTS DISCARD id|ALL`
//!
//! Throws dead letters away: those of one alert, or all. An alert that still waits is thrown away by its id, too: then no
//! endpoint that does not have it yet will get it. Replies with how many there were.

use crate::journal::arguments::{WHICH, which};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::raise::at_desk;

pub struct Discard;

impl Command for Discard {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|DISCARD",
        summary: c"Throws dead letters away, or an alert that still waits.",
        complexity: c"O(N) with N the number of alerts that wait or are dead.",
        args: &[WHICH],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let which = which(call, Self::SPEC)?;
        call.require_primary()?;
        let discarded = at_desk(call, |desk| {
            let Some(id) = which else { return desk.discard(None) };
            let mut discarded = 0;
            if desk.outbox().dead_of(id.seq).is_some_and(|dead| dead.id == id) {
                discarded += desk.discard(Some(id.seq));
            }
            if desk.outbox().waiting().get(id.seq).is_some_and(|(known, _)| known == id) {
                desk.discard_waiting(id.seq);
                discarded += 1;
            }
            discarded
        });
        call.reply_integer(discarded as u64);
        Ok(())
    }
}
