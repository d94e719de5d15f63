//! `LW.ALERTS RECENT [COUNT n] [BEFORE id]`
//!
//! A page of the newest alerts that this server has raised or got from its primary, newest first,
//! whether they were delivered or not. A map each of `id`, `type`, `timestamp_ms`, `waiting` (1 if
//! it still waits), `dead` (the number of endpoints that did not take it) and `body`.

use crate::journal::queue::Event;
use crate::outbox::page::{self, Page, Weight};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::state;

/// More values than an alert takes in the reply.
const VALUES: usize = 20;

pub(crate) struct Recent;

impl Command for Recent {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|RECENT",
        summary: c"Lists the newest alerts, delivered or not, newest first.",
        complexity: c"O(N) with N the number of alerts listed.",
        args: page::ARGS,
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let page = Page::parse(call, Self::SPEC)?;
        let state = state::lock();
        let outbox = state.contents();
        let alerts = page.cut(outbox.extension().recent().before(page.before()), |(_, alert)| Weight {
            records: 1,
            values: VALUES,
            bytes: alert.size(),
        });
        call.reply_array(alerts.len());
        for (id, alert) in alerts {
            let is_waiting = outbox.queue().get(id.seq).is_some_and(|(known, _)| known == id);
            let dead = outbox.dead().get(id).map_or(0, |letter| letter.causes.len());
            call.reply_map(6);
            call.reply_text("id");
            call.reply_text(&id.to_string());
            call.reply_text("type");
            call.reply_text(&alert.kind);
            call.reply_text("timestamp_ms");
            call.reply_integer(id.at.0);
            call.reply_text("waiting");
            call.reply_integer(is_waiting.into());
            call.reply_text("dead");
            call.reply_integer(dead as u64);
            call.reply_text("body");
            call.reply_text(&alert.body);
        }
        Ok(())
    }
}
