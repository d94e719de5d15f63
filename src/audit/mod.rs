//! The audit log: who did what, when. Recorded on the main thread, kept in an outbox, shipped to
//! Postgres by a thread. From the bottom up:
//!
//! What speaks to Postgres and knows no Redis:
//! - [`entry`]: an event, packed. [`sqlstate`], [`failure`], [`refused`]: what failed, and why
//!   Postgres refused an event.
//! - [`url`], [`tls`], [`target`]: which database, and how the connection is encrypted.
//!   [`encoding`]: text that the database can hold. [`link`]: a connection that cannot hang.
//! - [`schema`]: migrations. [`day`], [`partitions`]: a partition for each day. [`retention`]:
//!   drops them again.
//! - [`insert`]: stores rows with one statement. [`batch`]: stores a batch exactly once, and tells
//!   rows that are at fault from a database that is.
//! - [`status`], [`shipper`]: the thread.
//!
//! Pure, with the time passed in:
//! - [`gap`], [`ledger`]: what the outbox keeps besides events.
//!
//! On the main thread, with the server:
//! - [`counters`], [`wake`], [`settings`]: used by everything above them.
//! - [`state`]: the outbox and what of it the shipper has. [`own`]: how other parts of the module
//!   record an event.
//! - [`erase`]: removes the events of a user: `LW.AUDITLOG ERASE`.
//! - [`scheduler`]: what happens before the event loop sleeps.
//! - [`command`]: `LW.AUDIT`, whose arguments [`request`] reads. [`query`], [`manage`]: the rest of
//!   `LW.AUDITLOG`. [`info`]: INFO.

#![forbid(unsafe_code)]

pub(crate) mod batch;
pub(crate) mod command;
pub(crate) mod counters;
pub(crate) mod day;
pub(crate) mod encoding;
pub(crate) mod entry;
pub(crate) mod erase;
pub(crate) mod failure;
pub(crate) mod gap;
pub(crate) mod info;
pub(crate) mod insert;
pub(crate) mod ledger;
pub(crate) mod link;
pub(crate) mod manage;
pub(crate) mod own;
pub(crate) mod partitions;
#[cfg(test)]
mod properties;
pub(crate) mod query;
pub(crate) mod refused;
pub(crate) mod request;
pub(crate) mod retention;
pub(crate) mod scheduler;
pub mod schema;
pub(crate) mod settings;
pub(crate) mod shipper;
pub(crate) mod sqlstate;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod wake;
