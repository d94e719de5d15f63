//! `LW.PURGE CONFIRM`
//!
//! Deletes all alerts and audit events of this server and its replicas: those that wait, dead
//! letters, cooldowns, counts of summaries, disabled endpoints, the gap, and the numbers of their
//! ids. Events that Postgres has stay there. Afterwards a server with Redis 7.2 or later saves
//! nothing of them. Replies with a map of the numbers of alerts, audit events and dead letters
//! deleted.

#![forbid(unsafe_code)]

use crate::outbox::host::purge;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::log;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::{alert, audit};

pub(crate) struct Purge;

impl Command for Purge {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.PURGE",
        summary:
            c"Deletes all alerts and audit events, also on replicas. Keys and Postgres stay as they are.",
        args: &[Param::word(c"CONFIRM", c"confirm")],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let is_confirmed = Self::SPEC.parse(call)?.has("CONFIRM");
        debug_assert!(is_confirmed, "the table requires the word");
        call.require_primary()?;
        let alerts = purge::<alert::state::State>(call);
        let events = purge::<audit::state::State>(call);
        audit::scheduler::purged();
        let dead = alerts.dead + events.dead;
        log::warning(&format!(
            "LW.PURGE has deleted {} alerts, {} audit events and {dead} dead letters",
            alerts.queued, events.queued
        ));
        call.reply_map(3);
        for (name, number) in
            [("alerts", alerts.queued), ("audit_events", events.queued), ("dead_letters", dead)]
        {
            call.reply_text(name);
            call.reply_integer(number as u64);
        }
        Ok(())
    }
}
