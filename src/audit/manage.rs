//! `LW.AUDITLOG`: the events, the dead letters, and what an administrator does about them.
//!
//! - `QUERY …`: see [`super::query`].
//! - `DEAD [COUNT n] [BEFORE id]`: a page of the dead letters, newest first: events that Postgres
//!   refused as data. A map each of the fields of QUERY, `died_ms` and `reason`.
//! - `REPLAY id|ALL`: queues dead letters to be shipped again. Replies with their number.
//! - `DISCARD id|ALL`: deletes dead letters. Replies with their number.
//! - `ERASE USER id [BY text]`: see [`super::erase`].
//! - `HELP`: the subcommands, a line each.

use crate::outbox::dead::DeadLetter;
use crate::outbox::manage::{self, Managed};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::spec::Spec;

use super::entry::Entry;
use super::erase::command::Erase;
use super::query::command::Query;
use super::query::record;
use super::refused::Refused;
use super::state::State;

impl Managed for State {
    const CONTAINER: &'static Spec = &Spec {
        name: c"LW.AUDITLOG",
        summary: c"A container for commands about the audit log.",
        ..Spec::CONTAINER
    };
    const DEAD: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DEAD",
        summary: c"Lists the events that Postgres refused as data, newest first.",
        ..manage::DEAD
    };
    const REPLAY: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|REPLAY",
        summary: c"Puts events that Postgres refused back to be shipped.",
        ..manage::CHANGE
    };
    const DISCARD: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|DISCARD",
        summary: c"Throws events away that Postgres refused.",
        ..manage::CHANGE
    };
    const HELP: &'static Spec = &Spec { name: c"LW.AUDITLOG|HELP", ..Spec::HELP };
    const SUBCOMMANDS: &'static [&'static Spec] =
        &[Query::SPEC, Self::DEAD, Self::REPLAY, Self::DISCARD, Erase::SPEC, Self::HELP];

    fn reply_dead(call: &Call<'_>, dead: &DeadLetter<Entry, Refused>, refused: &Refused) {
        call.reply_map(record::FIELDS + 2);
        record::reply_fields(call, dead.id, &dead.entry.fields());
        call.reply_text("died_ms");
        call.reply_integer(refused.at.0);
        call.reply_text("reason");
        call.reply_text(&refused.error.to_string());
    }
}
