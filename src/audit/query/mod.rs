//! `LW.AUDITLOG QUERY`: the events that match, newest first, from the queue and from Postgres.
//!
//! - [`filter`]: which events match. [`order`]: which of two is newer. [`page`]: the arguments.
//!   [`found`]: the events of a page. Pure.
//! - [`search`]: finds events in the queue. [`windows`], [`sql`], [`links`]: find events in
//!   Postgres. [`record`]: replies with an event.
//! - [`reader`]: the thread that searches. [`asker`]: the client that waits for it. [`command`]:
//!   the command.

pub(crate) mod asker;
pub(crate) mod command;
pub(crate) mod filter;
pub(crate) mod found;
pub(crate) mod links;
pub(crate) mod order;
pub(crate) mod page;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod search;
pub(crate) mod sql;
pub(crate) mod windows;
