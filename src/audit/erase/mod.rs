//! `LW.AUDITLOG ERASE`: removes the events of one user from the journal, the dead letters and
//! Postgres. From the bottom up:
//!
//! - [`search`]: finds the events of a user in the queue and the dead letters. Pure.
//! - [`rows`]: deletes the rows of a user in Postgres.
//! - [`worker`]: the thread for what takes long.
//! - [`job`]: the erasure under way, step by step, before the event loop sleeps.
//! - [`command`]: the command.

pub(crate) mod command;
pub(crate) mod job;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod worker;
