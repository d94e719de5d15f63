//! The audit log: who did what, when. Recorded on the main thread, kept in the journal, shipped to Postgres by a thread.
//!
//! On the main thread, with the server:
//! - [`command`]: `LW.AUDIT`, whose arguments [`request`] reads; [`query`] and [`manage`]: `LW.AUDITLOG`.
//! - [`recorder`]: where all of it comes together: what is recorded, and what of it has been handed over.
//! - [`pump`]: what happens before the event loop sleeps: what Postgres has is taken out, the next batches go out.
//! - [`settings`]: the directives; [`counters`]: INFO; [`apply`] and [`persist`]: replicas, the AOF and the RDB.
//!
//! Pure, with the time passed in:
//! - [`entry`]: an event, packed; [`ledger`] and [`change`]: the state that is saved and replicated, and every way in which
//!   it changes.
//!
//! What speaks to Postgres, and knows no Redis:
//! - [`target`] and [`tls`]: where to, and how encrypted; [`link`]: a connection that can't hang.
//! - [`schema`]: migrations and partitions; [`insert`]: a batch, stored exactly once.
//! - [`shipper`]: the thread; [`status`]: how it fares.

#![forbid(unsafe_code)]

pub mod apply;
pub mod change;
pub mod command;
pub mod counters;
pub mod entry;
pub mod insert;
pub mod ledger;
pub mod link;
pub mod manage;
pub mod own;
pub mod persist;
#[cfg(test)]
mod properties;
pub mod pump;
pub mod query;
pub mod recorder;
pub mod request;
pub mod schema;
pub mod settings;
pub mod shipper;
pub mod status;
pub mod target;
pub mod tls;
pub mod wake;
