//! `LW.ALERTS LIST [COUNT n]`
//!
//! The alerts that wait to be delivered, newest first: `id`, `type`, `timestamp_ms`, `size` in bytes, and `pending`, the
//! endpoints that are still to get it, each with `endpoint`, `tries` that have failed, `next_try_ms` and `last_error`.

use crate::journal::arguments::{COUNT, count};
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::time::Timestamp;

use super::super::desk::{self, Desk};

pub struct List;

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
        let desk = desk::open();
        let waiting = desk.outbox().waiting();
        call.reply_array(waiting.len().min(count));
        for (id, alert) in waiting.iter().rev().take(count) {
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
            reply_pending(call, &desk, id.seq);
        }
        Ok(())
    }
}

fn reply_pending(call: &Call<'_>, desk: &Desk, seq: u64) {
    let owed = desk.settings().endpoints.iter().filter_map(|endpoint| {
        let owed = desk.outbox().owed(seq, endpoint.id)?;
        Some((endpoint, owed))
    });
    let owed: Vec<_> = owed.collect();
    call.reply_array(owed.len());
    for (endpoint, owed) in owed {
        let lane = desk.lanes().iter().find(|lane| lane.endpoint.id == endpoint.id);
        call.reply_map(4);
        call.reply_text("endpoint");
        call.reply_text(&endpoint.label);
        call.reply_text("tries");
        call.reply_integer(u64::from(owed.failures));
        call.reply_text("next_try_ms");
        call.reply_integer(owed.next_at.max(Timestamp(0)).0);
        call.reply_text("last_error");
        call.reply_text(lane.map_or("", |lane| lane.last_error.as_str()));
    }
}
