//! `LW.AUDITLOG QUERY`: the events that match, newest first, from the queue and from Postgres.
//!
//! - [`filter`]: which events match. [`order`]: which of two is newer. [`page`]: the arguments.
//!   Pure.
//! - [`search`]: finds events in the queue. [`sql`]: finds events in Postgres. [`record`]: replies
//!   with an event.
//! - [`reader`]: the thread that searches. [`command`]: the command.

pub(crate) mod command;
pub(crate) mod filter;
pub(crate) mod order;
pub(crate) mod page;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod search;
pub(crate) mod sql;
