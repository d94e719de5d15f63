//! `LW.ALERTS TEST`
//!
//! Sends an alert of the type `lockwatch.test` to every endpoint now, past all queues, and waits for what they answer. Of
//! each `endpoint`, `ok` (1 if it took it), `status` (0 if none came), `reason` and `took_ms`. An endpoint that takes it is
//! well: if a 410 had disabled it, it gets alerts again.

use std::sync::Arc;

use crate::journal::id::Id;
use crate::server::blocked;
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::error::Refusal;
use crate::server::events::random_u64;

use super::super::worker::{Answer, Order, Outcome};
use super::super::{Alert, desk, pump, settings};

/// The type of a test's alert.
const KIND: &str = "lockwatch.test";

/// The command.
pub struct Test;

impl Command for Test {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|TEST",
        flags: "write admin deny-script",
        categories: "write admin dangerous",
        arity: 2,
        key: KeyAccess::None,
        summary: c"Sends a test alert to every endpoint now and reports what each answers.",
        complexity: c"O(N) with N the number of endpoints.",
        since: c"0.1.0",
        args: &[],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_primary()?;
        // An id that no alert will have, in an epoch of its own: the outbox never sees it.
        let id = Id { at: call.now(), epoch: random_u64(), seq: 1 };
        let orders = orders(id);
        if orders.is_empty() {
            return Err(Refusal::Unavailable(
                "there is no endpoint to test: set lockwatch.webhook-urls or lockwatch.webhook-urls-file"
                    .into(),
            ));
        }
        let mut refused = None;
        let begun = pump::begin_test(|| call.wait().map_err(|why| refused = Some(why)).ok(), id, orders);
        match refused {
            Some(why) => Err(why),
            None if begun => Ok(()),
            None => Err(Refusal::Busy("too many LW.ALERTS TEST are under way")),
        }
    }
}

fn orders(id: Id) -> Vec<Order> {
    let desk = desk::open();
    let alert = Arc::new(Alert::new(id, KIND, r#"{"text":"This is a test of lockwatch's alerts."}"#));
    let order = |endpoint: &Arc<_>| Order {
        id,
        alert: Arc::clone(&alert),
        endpoint: Arc::clone(endpoint),
        timeout: settings::WEBHOOK_TIMEOUT.get(),
        allow_private: settings::WEBHOOK_ALLOW_PRIVATE.get(),
        generation: 0,
    };
    desk.settings().endpoints.iter().map(order).collect()
}

/// What an endpoint answered.
pub struct Report {
    /// Its scheme and host.
    pub label: String,
    /// What came of the try.
    pub outcome: Outcome,
}

/// The answer to the client that waits.
pub fn answer(reports: Vec<Report>) -> blocked::Answer {
    Box::new(move |call| {
        call.reply_array(reports.len());
        for Report { label, outcome } in &reports {
            let (ok, status, reason) = match &outcome.answer {
                Answer::Delivered { status } => (1, *status, ""),
                Answer::Gone => (0, 410, "status 410"),
                Answer::Failed { reason, .. } => (0, status_in(reason), reason.as_str()),
                Answer::Untouched => (0, 0, "it was not tried"),
            };
            call.reply_map(5);
            call.reply_text("endpoint");
            call.reply_text(label);
            call.reply_text("ok");
            call.reply_integer(ok);
            call.reply_text("status");
            call.reply_integer(u64::from(status));
            call.reply_text("reason");
            call.reply_text(reason);
            call.reply_text("took_ms");
            call.reply_integer(u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX));
        }
        Ok(())
    })
}

/// The status in a reason like `status 500`; 0 if it is another.
fn status_in(reason: &str) -> u16 {
    reason.strip_prefix("status ").and_then(|status| status.parse().ok()).unwrap_or(0)
}
