//! `LW.ALERTS`: the alerts that wait, the dead letters, and what an administrator does about them.
//!
//! - `LIST [COUNT n] [BEFORE id]`: see [`list`].
//! - `RECENT [COUNT n] [BEFORE id]`: see [`recent`].
//! - `DEAD [COUNT n] [BEFORE id]`: a page of the dead letters, newest first: alerts that an
//!   endpoint did not take in all its tries. A map each of `id`, `type`, `timestamp_ms`,
//!   `endpoint`, `tries`, `died_ms`, `reason` and `body`.
//! - `REPLAY id|ALL`: queues dead letters again, with all their tries. Replies with their number.
//! - `DISCARD id|ALL`: deletes dead letters. An id also deletes the alert from the queue: no
//!   endpoint that does not have it yet gets it then. Replies with the number deleted.
//! - `TEST`: see [`test`].
//! - `HELP`: the subcommands, a line each.

pub(crate) mod list;
pub(crate) mod recent;
pub(crate) mod test;

use crate::journal::id::Id;
use crate::outbox::dead::DeadLetter;
use crate::outbox::manage::{self, Managed};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::spec::Spec;

use super::Alert;
use super::letter::Letter;
use super::state::State;

impl Managed for State {
    const CONTAINER: &'static Spec = &Spec {
        name: c"LW.ALERTS",
        flags: "admin",
        summary: c"A container for commands about alerts.",
        ..Spec::CONTAINER
    };
    const DEAD: &'static Spec = &Spec {
        name: c"LW.ALERTS|DEAD",
        summary: c"Lists the alerts that an endpoint did not take in all its tries, newest first.",
        ..manage::DEAD
    };
    const REPLAY: &'static Spec = &Spec {
        name: c"LW.ALERTS|REPLAY",
        summary: c"Puts dead letters back to be delivered, with all their tries anew.",
        complexity: c"O(N) with N the number of alerts that wait or are dead.",
        ..manage::CHANGE
    };
    const DISCARD: &'static Spec = &Spec {
        name: c"LW.ALERTS|DISCARD",
        summary: c"Throws dead letters away, or an alert that still waits.",
        complexity: c"O(N) with N the number of alerts that wait or are dead.",
        ..manage::CHANGE
    };
    const HELP: &'static Spec = &Spec { name: c"LW.ALERTS|HELP", flags: "readonly admin", ..Spec::HELP };
    const SUBCOMMANDS: &'static [&'static Spec] = &[
        list::List::SPEC,
        recent::Recent::SPEC,
        Self::DEAD,
        Self::REPLAY,
        Self::DISCARD,
        test::Test::SPEC,
        Self::HELP,
    ];

    fn reply_dead(call: &Call<'_>, dead: &DeadLetter<Alert, Letter>, letter: &Letter) {
        call.reply_map(8);
        call.reply_text("id");
        call.reply_text(&dead.id.to_string());
        call.reply_text("type");
        call.reply_text(&dead.entry.kind);
        call.reply_text("timestamp_ms");
        call.reply_integer(dead.id.at.0);
        call.reply_text("endpoint");
        call.reply_text(&letter.label);
        call.reply_text("tries");
        call.reply_integer(u64::from(letter.tries));
        call.reply_text("died_ms");
        call.reply_integer(letter.at.0);
        call.reply_text("reason");
        call.reply_text(&letter.reason.to_string());
        call.reply_text("body");
        call.reply_text(&dead.entry.body);
    }

    fn replay(&mut self, id: Id) {
        self.replay_letter(id);
    }

    fn discard_queued(&mut self, id: Id) -> bool {
        self.discard_alert(id)
    }
}
