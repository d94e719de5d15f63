//! Alerts: raised on the main thread, kept in an outbox, delivered to webhooks by worker threads.
//! From the bottom up:
//!
//! What speaks HTTP and knows no Redis:
//! - [`address`]: which addresses may be dialled. [`secret`], [`line`], [`endpoint`]: where alerts
//!   go, what signs them, and which headers and authorities an endpoint has.
//! - [`schedule`]: when a failed try is repeated.
//! - [`dial`]: the HTTP client and its limits. [`reason`]: why a try failed.
//! - [`signature`], [`slack`], [`webhook`]: one attempt, from the request to the meaning of the
//!   answer.
//! - [`attempt`], [`worker`]: the threads that make the attempts.
//!
//! Pure, with the time passed in:
//! - [`rollup`]: many alerts of a type become one. [`dedup`]: which alerts are suppressed.
//! - [`letter`], [`recent`], [`deliveries`]: what the outbox keeps besides alerts.
//!   [`endpoint_queue`]: what is due at one endpoint.
//!
//! On the main thread, with the server:
//! - [`counters`], [`wake`], [`settings`]: used by everything above them.
//! - [`state`]: the outbox, the endpoints and their queues. [`raise`]: how other parts of the
//!   module raise an alert.
//! - [`test_run`], [`scheduler`]: what happens before the event loop sleeps.
//! - [`command`]: `LW.ALERT`. [`manage`]: `LW.ALERTS`. [`info`]: INFO.

#![forbid(unsafe_code)]

pub(crate) mod address;
pub(crate) mod attempt;
pub(crate) mod command;
pub(crate) mod counters;
pub(crate) mod dedup;
pub(crate) mod deliveries;
pub(crate) mod dial;
pub(crate) mod endpoint;
pub(crate) mod endpoint_queue;
pub(crate) mod info;
pub(crate) mod letter;
pub(crate) mod line;
pub(crate) mod manage;
pub(crate) mod raise;
pub(crate) mod reason;
#[cfg(test)]
mod receiver;
pub(crate) mod recent;
pub(crate) mod rollup;
pub(crate) mod schedule;
pub(crate) mod scheduler;
pub(crate) mod secret;
pub(crate) mod settings;
pub(crate) mod signature;
pub(crate) mod slack;
pub(crate) mod state;
pub(crate) mod test_run;
pub(crate) mod wake;
pub(crate) mod webhook;
pub(crate) mod worker;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::Event;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    /// The type.
    pub kind: String,
    /// The body of the request: JSON with `id`, `type`, `timestamp` and `data`.
    pub body: String,
}

impl Alert {
    /// `data` is JSON.
    pub(crate) fn new(id: Id, kind: &str, data: &str) -> Self {
        let timestamp = id.at.rfc3339();
        let body = format!(r#"{{"id":"{id}","type":"{kind}","timestamp":"{timestamp}","data":{data}}}"#);
        Self { kind: kind.to_owned(), body }
    }
}

impl Event for Alert {
    fn size(&self) -> usize {
        self.kind.len() + self.body.len()
    }
}
