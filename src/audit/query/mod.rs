//! `LW.AUDITLOG QUERY`: the events that match, newest first, from the journal and then from Postgres.
//!
//! - [`command`]: the command; [`page`] reads its arguments; [`record`] replies an event.
//! - [`filter`]: which events match; [`order`]: which of two is newer. Pure.
//! - [`search`]: what the journal holds, and how it is joined with what Postgres has; [`sql`]: what Postgres is asked.
//! - [`reader`]: the thread that does it.

pub mod command;
pub mod filter;
pub mod order;
pub mod page;
pub mod reader;
pub mod record;
pub mod search;
pub mod sql;
