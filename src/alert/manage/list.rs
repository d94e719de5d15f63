//! `LW.ALERTS LIST [COUNT n] [BEFORE id]`
//!
//! A page of the alerts that wait to be delivered, newest first: `id`, `type`, `timestamp_ms`,
//! `size` in bytes, and `pending`, the endpoints that do not have it yet, each with `endpoint`, the
//! number of failed `tries`, `next_try_ms` and `last_error`.

use crate::outbox::page::{self, Page, Weight};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::deliveries::Pending;
use super::super::endpoint::Endpoint;
use super::super::state::{self, State};

pub(crate) struct List;

impl Command for List {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|LIST",
        summary: c"Lists the alerts that wait to be delivered, newest first.",
        complexity: c"O(N) with N the number of alerts listed.",
        args: page::ARGS,
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let page = Page::parse(call, Self::SPEC)?;
        let state = state::lock();
        let waiting = state.contents().queue().before(page.before());
        let waiting = page.cut(waiting.map(|(id, alert)| (id, alert, pending(&state, id.seq))), |listed| {
            Weight { records: 1, values: 12 + 9 * listed.2.len(), bytes: 0 }
        });
        call.reply_array(waiting.len());
        for (id, alert, pending) in waiting {
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
            reply_pending(call, &state, &pending);
        }
        Ok(())
    }
}

/// The deliveries of the alert `seq` that are still to be made.
fn pending(state: &State, seq: u64) -> Vec<(&Endpoint, Pending)> {
    let deliveries = state.contents().extension();
    let pending = state.endpoints().iter().filter_map(|endpoint| {
        let pending = deliveries.pending(seq, endpoint.id)?;
        Some((&**endpoint, pending))
    });
    pending.collect()
}

fn reply_pending(call: &Call<'_>, state: &State, pending: &[(&Endpoint, Pending)]) {
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
