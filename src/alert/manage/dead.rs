//! `LW.ALERTS DEAD [COUNT n]`
//!
//! The dead letters, newest first: alerts that an endpoint did not take in all its tries. Of each `id`, `type`,
//! `timestamp_ms`, `endpoint`, `tries`, `died_ms`, `reason` and `body`.

use crate::journal::arguments::{COUNT, count};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::desk;
use super::super::outbox::{Dead as DeadAlert, Letter};

pub struct Dead;

impl Command for Dead {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|DEAD",
        summary: c"Lists the alerts that an endpoint did not take in all its tries, newest first.",
        complexity: c"O(N) with N the number of dead letters listed.",
        args: &[COUNT],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let count = count(call, Self::SPEC)?;
        let desk = desk::open();
        let letters = desk.outbox().dead().rev();
        let letters = letters.flat_map(|dead| dead.letters.iter().map(move |letter| (dead, letter)));
        let letters: Vec<_> = letters.take(count).collect();
        call.reply_array(letters.len());
        letters.into_iter().for_each(|(dead, letter)| reply_letter(call, dead, letter));
        Ok(())
    }
}

fn reply_letter(call: &Call<'_>, dead: &DeadAlert, letter: &Letter) {
    call.reply_map(8);
    call.reply_text("id");
    call.reply_text(&dead.id.to_string());
    call.reply_text("type");
    call.reply_text(&dead.alert.kind);
    call.reply_text("timestamp_ms");
    call.reply_integer(dead.id.at.0);
    call.reply_text("endpoint");
    call.reply_text(&letter.label);
    call.reply_text("tries");
    call.reply_integer(u64::from(letter.tries));
    call.reply_text("died_ms");
    call.reply_integer(letter.at.0);
    call.reply_text("reason");
    call.reply_text(&letter.reason);
    call.reply_text("body");
    call.reply_text(&dead.alert.body);
}
