//! Policies: named lists of limits that the server holds, so that limits change for every
//! application at once. From the bottom up:
//!
//! Pure:
//! - [`rule`]: limits and windows, and whether they only observe.
//! - [`subject`]: whom a key belongs to, and which subjects an override is for.
//! - [`counts`]: how often a policy was applied.
//! - [`store`]: all policies with their overrides. [`wire`]: changes and whole stores as bytes.
//!
//! With the server:
//! - [`state`]: the store of this node, its replication, the RDB and the AOF, and [`find`], by
//!   which a call gets its limits.
//! - [`effect`], [`apply`]: the effect command. [`manage`]: `LW.POLICY`. [`info`]: INFO.

#![forbid(unsafe_code)]

pub(crate) mod apply;
mod counts;
mod effect;
pub(crate) mod info;
pub(crate) mod manage;
mod rule;
pub(crate) mod state;
mod store;
mod subject;
mod wire;

pub(crate) use counts::Outcome;
pub(crate) use state::find;
pub(crate) use store::Applied;

#[cfg(test)]
mod properties;
