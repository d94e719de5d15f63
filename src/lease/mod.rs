//! Leases: how much of something runs at the same time. `LW.ACQUIRE` takes a lease if the units of
//! all current leases stay within a limit, `LW.RENEW` prolongs it, `LW.RELEASE` ends it.
//!
//! Pure, from the inside out:
//!
//! - [`id`] is what callers name a lease by; [`leases`] holds all leases of a key; [`step`] lists
//!   every way in which they change, and applies a change.
//! - [`decide`] decides what a call does.
//! - [`snapshot`] writes and reads all leases of a key; [`effect`] encodes changes for replicas and
//!   the AOF.
//! - [`connections`] knows which leases end when which connection closes.
//!
//! With the server:
//!
//! - [`native`] is the value as a Redis data type; [`commands`] has one file per command.
//! - [`close`] releases the leases of closed connections.
//! - [`counters`] and [`info`] are the fields of INFO.

#![forbid(unsafe_code)]

pub(crate) mod close;
pub(crate) mod commands;
mod connections;
mod counters;
mod decide;
mod effect;
mod id;
pub(crate) mod info;
pub(crate) mod leases;
mod native;
mod snapshot;
mod step;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
