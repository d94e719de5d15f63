//! `LW.ALERTS`: the alerts that wait, the dead letters, and what an administrator does about them.
//!
//! - `LIST [COUNT n]`: see [`list`].
//! - `DEAD [COUNT n]`: the dead letters, newest first: alerts that an endpoint did not take in all its tries. A map each of
//!   `id`, `type`, `timestamp_ms`, `endpoint`, `tries`, `died_ms`, `reason` and `body`.
//! - `REPLAY id|ALL`: queues dead letters again, with all their tries. Replies with their number.
//! - `DISCARD id|ALL`: deletes dead letters. An id also deletes the alert from the queue: no endpoint that does not have it
//!   yet gets it then. Replies with the number deleted.
//! - `TEST`: see [`test`].
//! - `HELP`: the subcommands, a line each.

pub(crate) mod list;
pub(crate) mod test;

use crate::journal::id::Id;
use crate::outbox::dead::DeadLetter;
use crate::outbox::manage::{self, Managed};
use crate::server::call::Call;
use crate::server::command::{KeyAccess, Spec};

use super::Alert;
use super::letter::Letter;
use super::state::State;

pub(crate) const CONTAINER: &Spec = &Spec {
    name: c"LW.ALERTS",
    flags: "admin",
    categories: "admin dangerous",
    arity: -2,
    key: KeyAccess::None,
    summary: c"A container for commands about alerts.",
    complexity: c"Depends on subcommand.",
    since: c"0.1.0",
    args: &[],
    internal: false,
};

impl Managed for State {
    const DEAD: &'static Spec = &Spec {
        name: c"LW.ALERTS|DEAD",
        summary: c"Lists the alerts that an endpoint did not take in all its tries, newest first.",
        ..manage::DEAD
    };
    const REPLAY: &'static Spec = &Spec {
        name: c"LW.ALERTS|REPLAY",
        summary: c"Puts dead letters back to be delivered, with all their tries anew.",
        complexity: c"O(N) with N the number of alerts that wait or are dead.",
        ..manage::REPLAY
    };
    const DISCARD: &'static Spec = &Spec {
        name: c"LW.ALERTS|DISCARD",
        summary: c"Throws dead letters away, or an alert that still waits.",
        complexity: c"O(N) with N the number of alerts that wait or are dead.",
        ..manage::DISCARD
    };
    const HELP: &'static Spec = &Spec {
        name: c"LW.ALERTS|HELP",
        flags: "readonly admin",
        categories: "read admin dangerous",
        ..manage::HELP
    };
    const HELP_LINES: &'static [&'static str] = &[
        "LW.ALERTS <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LIST [COUNT <count>]",
        "    The alerts that wait to be delivered, newest first.",
        "DEAD [COUNT <count>]",
        "    The alerts that an endpoint did not take in all its tries, newest first.",
        "REPLAY <id>|ALL",
        "    Puts dead letters back to be delivered, with all their tries anew.",
        "DISCARD <id>|ALL",
        "    Throws dead letters away, or an alert that still waits.",
        "TEST",
        "    Sends a test alert to every endpoint now and reports what each answers.",
        "HELP",
        "    Prints this help.",
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
