//! `LW.ALERTS LIST [COUNT n]`
//!
//! The alerts that wait to be delivered, newest first: `id`, `type`, `timestamp_ms`, `size` in
//! bytes, and `pending`, the endpoints that do not have it yet, each with `endpoint`, the number of
//! failed `tries`, `next_try_ms` and `last_error`.

use crate::outbox::arguments::{COUNT, count};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::state::{self, State};

pub(crate) struct List;

impl Command for List {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|LIST",
        summary: c"Lists the alerts that wait to be delivered, newest first.",
        complexity: c"O(N) with N the number of alerts listed.",
        args: &[COUNT],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let count = count(call, Self::SPEC)?;
        let state = state::lock();
        let queue = state.contents().queue();
        call.reply_array(queue.len().min(count));
        for (id, alert) in queue.iter().rev().take(count) {
            call.reply_map(5);
            call.reply_text("id");
            call.reply_text(&id.to_string());
            call.reply_text("type");
            call.reply_text(&alert.kind);
            call.reply_text("timestamp_ms");
            call.reply_integer(id.at.0);
            call.reply_text("size");
            call.reply_integer(alert.body.len() as u64);
            call.reply_text("pending");
            reply_pending(call, &state, id.seq);
        }
        Ok(())
    }
}

fn reply_pending(call: &Call<'_>, state: &State, seq: u64) {
    let deliveries = state.contents().extension();
    let pending = state.endpoints().iter().filter_map(|endpoint| {
        let pending = deliveries.pending(seq, endpoint.id)?;
        Some((endpoint, pending))
    });
    let pending: Vec<_> = pending.collect();
    call.reply_array(pending.len());
    for (endpoint, pending) in pending {
        let queue = state.queue_of(endpoint.id);
        call.reply_map(4);
        call.reply_text("endpoint");
        call.reply_text(&endpoint.label);
        call.reply_text("tries");
        call.reply_integer(u64::from(pending.failures));
        call.reply_text("next_try_ms");
        call.reply_integer(pending.next_at.0);
        call.reply_text("last_error");
        call.reply_text(&queue.map_or_else(String::new, |queue| queue.last_error()));
    }
}
