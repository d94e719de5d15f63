//! `LW.AUDITLOG`: the events, the dead letters, and what an administrator does about them.
//!
//! - `QUERY …`: see [`super::query`].
//! - `DEAD [COUNT n]`: the dead letters, newest first: events that Postgres refused as data. A map each of the fields of
//!   QUERY, `died_ms` and `reason`.
//! - `REPLAY id|ALL`: queues dead letters to be shipped again. Replies with their number.
//! - `DISCARD id|ALL`: deletes dead letters. Replies with their number.
//! - `HELP`: the subcommands, a line each.

use crate::outbox::dead::DeadLetter;
use crate::outbox::manage::{self, Managed};
use crate::server::call::Call;
use crate::server::command::{KeyAccess, Spec};

use super::entry::Entry;
use super::query::record;
use super::refused::Refused;
use super::state::State;

pub(crate) const CONTAINER: &Spec = &Spec {
    name: c"LW.AUDITLOG",
    flags: "",
    categories: "slow",
    arity: -2,
    key: KeyAccess::None,
    summary: c"A container for commands about the audit log.",
    complexity: c"Depends on subcommand.",
    since: c"0.1.0",
    args: &[],
    internal: false,
};

impl Managed for State {
    const DEAD: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DEAD",
        summary: c"Lists the events that Postgres refused as data, newest first.",
        ..manage::DEAD
    };
    const REPLAY: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|REPLAY",
        summary: c"Puts events that Postgres refused back to be shipped.",
        ..manage::REPLAY
    };
    const DISCARD: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DISCARD",
        summary: c"Throws events away that Postgres refused.",
        ..manage::DISCARD
    };
    const HELP: &'static Spec = &Spec { name: c"LW.AUDITLOG|HELP", ..manage::HELP };
    const HELP_LINES: &'static [&'static str] = &[
        "LW.AUDITLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "QUERY [KIND <kind>] [USER <id>] [IP <address>|<network>] [ENDPOINT <prefix>] [FROM <ms>] [TO <ms>] [LIMITED] [ANOMALY] [COUNT <count>] [BEFORE <id>]",
        "    The events that match, newest first.",
        "DEAD [COUNT <count>]",
        "    The events that Postgres refused as data, newest first.",
        "REPLAY <id>|ALL",
        "    Puts dead letters back to be shipped.",
        "DISCARD <id>|ALL",
        "    Throws dead letters away.",
        "HELP",
        "    Prints this help.",
    ];

    fn reply_dead(call: &Call<'_>, dead: &DeadLetter<Entry, Refused>, refused: &Refused) {
        call.reply_map(record::FIELDS + 2);
        record::reply_fields(call, dead.id, &dead.entry.fields());
        call.reply_text("died_ms");
        call.reply_integer(refused.at.0);
        call.reply_text("reason");
        call.reply_text(&refused.error.to_string());
    }
}
