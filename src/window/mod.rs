//! The exact sliding window: which units were admitted when, and what that means for the next call.
//!
//! - [`log`]: the admissions of one key, as a pure value. Time comes in as an argument.
//! - [`entries`]: how admissions are packed into two or three bytes each.
//! - [`extra`]: what one kind of log carries besides, for whoever builds on it.
//! - [`thin`]: how a full log is made smaller without ever admitting too early.
//! - [`verdict`]: what a log says to a call with its limits.
//! - [`effect`]: a change of a log as it travels to replicas and the AOF.
//! - [`native`]: the log as a Redis data type.
//! - [`apply`]: the internal command that applies an effect.

#![forbid(unsafe_code)]

pub mod apply;
pub mod effect;
pub mod entries;
pub mod extra;
pub mod log;
pub mod native;
pub mod settings;
mod snapshot;
mod thin;
pub mod verdict;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
