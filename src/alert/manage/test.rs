//! `LW.ALERTS TEST`
//!
//! Sends an alert of the type `lockwatch.test` to every endpoint now, past all queues, and waits
//! for the answers. A map for each endpoint: `endpoint`, `source` (where it is listed), `ok` (1 if
//! it took the alert), `status` (0 without an answer), `reason` and `took_ms`. An endpoint that
//! takes the alert is enabled again, if a 410 had disabled it.

use std::sync::Arc;

use crate::journal::id::Id;
use crate::server::blocked;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::events::random_u64;
use crate::server::spec::Spec;

use super::super::attempt::Attempt;
use super::super::test_run::Report;
use super::super::webhook::DeliveryStatus;
use super::super::{Alert, scheduler, settings, state};

/// The type of the test alert.
const KIND: &str = "lockwatch.test";

pub(crate) struct Test;

impl Command for Test {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|TEST",
        flags: "write admin deny-script",
        summary: c"Sends a test alert to every endpoint now and reports what each answers.",
        complexity: c"O(N) with N the number of endpoints.",
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_primary()?;
        let attempts = attempts(call);
        if attempts.is_empty() {
            return Err(Refusal::Unavailable(
                "there is no endpoint to test: set lockwatch.webhook-urls or lockwatch.webhook-urls-file"
                    .into(),
            ));
        }
        let mut refused = None;
        let wait = || call.wait().map_err(|why| refused = Some(why)).ok();
        let begun = scheduler::begin_test(wait, attempts, answer);
        match refused {
            Some(why) => Err(why),
            None if begun => Ok(()),
            None => Err(Refusal::Busy("too many LW.ALERTS TEST are under way")),
        }
    }
}

fn attempts(call: &Call<'_>) -> Vec<Attempt> {
    // An epoch of its own makes it an id that no alert of the outbox has.
    let id = Id { at: call.now(), epoch: random_u64(), seq: 1 };
    let alert = Arc::new(Alert::new(id, KIND, r#"{"text":"This is a test of lockwatch's alerts."}"#));
    let attempt = |endpoint: &Arc<_>| Attempt {
        id,
        alert: Arc::clone(&alert),
        endpoint: Arc::clone(endpoint),
        timeout: settings::WEBHOOK_TIMEOUT.get(),
        allow_private: settings::WEBHOOK_ALLOW_PRIVATE.get(),
        generation: 0,
    };
    state::lock().endpoints().iter().map(attempt).collect()
}

fn answer(reports: Vec<Report>) -> blocked::Answer {
    Box::new(move |call| {
        call.reply_array(reports.len());
        for Report { endpoint, result } in &reports {
            let (status, reason) = match &result.status {
                DeliveryStatus::Delivered { status } => (*status, String::new()),
                DeliveryStatus::Gone => (410, "status 410".into()),
                DeliveryStatus::Failed { reason, .. } => (reason.status(), reason.to_string()),
                DeliveryStatus::NotAttempted => (0, "it was not tried".into()),
            };
            call.reply_map(6);
            call.reply_text("endpoint");
            call.reply_text(&endpoint.label);
            call.reply_text("source");
            call.reply_text(&endpoint.source);
            call.reply_text("ok");
            call.reply_integer(u64::from(result.status.is_delivered()));
            call.reply_text("status");
            call.reply_integer(u64::from(status));
            call.reply_text("reason");
            call.reply_text(&reason);
            call.reply_text("took_ms");
            call.reply_integer(u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX));
        }
        Ok(())
    })
}
