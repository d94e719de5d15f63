//! Alerts: raised on the main thread, kept in the journal, delivered to webhooks by threads of their own.
//!
//! On the main thread, with the server:
//! - [`command`]: `LW.ALERT`; [`manage`]: `LW.ALERTS` and its subcommands; [`raise`]: how other wings raise an alert.
//! - [`desk`]: where all of it comes together: what waits, who gets it, and when.
//! - [`pump`]: what happens before the event loop sleeps: answers come in, tries that are due go out.
//! - [`settings`]: the directives; [`counters`]: INFO; [`apply`] and [`persist`]: replicas, the AOF and the RDB.
//!
//! Pure, with the time passed in:
//! - [`outbox`] and [`change`]: the state that is saved and replicated, and every way in which it changes.
//! - [`rollup`]: many alerts of a type become one; [`dedup`]: an alert that was raised before is not raised again.
//! - [`lane`]: an endpoint's queue: what is due, what is under way, how it fares.
//!
//! What speaks HTTP, and knows no Redis:
//! - [`endpoint`], [`secret`] and [`address`]: where an alert goes, what signs it, and what may be dialled at all.
//! - [`schedule`]: how long a failed try waits for the next one.
//! - [`webhook`]: one try, from the [`signature`] to the verdict on the answer; [`slack`]: the other format of a body;
//!   [`dial`]: the HTTP client and its limits; [`reason`]: why a try failed, in words that give nothing away.
//! - [`worker`]: the threads that make the tries.

#![forbid(unsafe_code)]

pub mod address;
pub mod apply;
pub mod change;
pub mod command;
pub mod counters;
pub mod dedup;
pub mod desk;
pub mod dial;
pub mod endpoint;
pub mod lane;
pub mod manage;
pub mod outbox;
pub mod persist;
pub mod pump;
pub mod raise;
pub mod reason;
#[cfg(test)]
mod receiver;
pub mod rollup;
pub mod schedule;
pub mod secret;
pub mod settings;
pub mod signature;
pub mod slack;
pub mod wake;
pub mod webhook;
pub mod worker;

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::Event;

/// An alert, as its receivers get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its type.
    pub kind: String,
    /// The body of the request: JSON with `id`, `type`, `timestamp` and `data`.
    pub body: String,
}

impl Alert {
    /// The alert `id` of the type `kind` with `data`, which is JSON.
    pub fn new(id: Id, kind: &str, data: &str) -> Self {
        let at = UNIX_EPOCH + Duration::from_millis(id.at.0);
        let timestamp = humantime::format_rfc3339_millis(at);
        let body = format!(r#"{{"id":"{id}","type":"{kind}","timestamp":"{timestamp}","data":{data}}}"#);
        Self { kind: kind.to_owned(), body }
    }
}

impl Event for Alert {
    fn size(&self) -> usize {
        self.kind.len() + self.body.len()
    }
}
