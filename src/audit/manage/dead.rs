//! `LW.AUDITLOG DEAD [COUNT n]`
//!
//! The dead letters, newest first: events that Postgres refused as data. Of each what LW.AUDITLOG QUERY replies, and
//! `died_ms` and `reason`.

use crate::journal::arguments::{COUNT, count};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::query::record;
use super::super::recorder;

pub struct Dead;

impl Command for Dead {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DEAD",
        summary: c"Lists the events that Postgres refused as data, newest first.",
        complexity: c"O(N) with N the number of dead letters listed.",
        args: &[COUNT],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let count = count(call, Self::SPEC)?;
        let recorder = recorder::open();
        let dead = recorder.ledger().dead();
        call.reply_array(dead.len().min(count));
        for dead in dead.rev().take(count) {
            call.reply_map(record::FIELDS + 2);
            record::reply_fields(call, dead.id, &dead.entry.fields());
            call.reply_text("died_ms");
            call.reply_integer(dead.at.0);
            call.reply_text("reason");
            call.reply_text(&dead.reason);
        }
        Ok(())
    }
}
