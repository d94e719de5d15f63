//! The exact sliding window: when units were admitted, and what that means for the next call.
//!
//! - [`log`]: the admissions of one key, as a pure value. Time is an argument.
//! - [`entries`]: the encoding of admissions, two or three bytes each.
//! - [`extra`]: additional numbers of a kind of log, for commands that build on the window.
//! - [`refund`]: gives units back.
//! - [`thin`]: shrinks a full log without ever admitting too early.
//! - [`small`]: the compact form of a log with few entries, and [`value`]: either form.
//! - [`verdict`]: judges a call against a log.
//! - [`usage`]: what is used in each window, to explain a key.
//! - [`effect`]: a change of a log for replicas and the AOF.
//! - [`native`]: the log as a Redis data type.
//! - [`apply`]: the internal command that applies an effect.
//! - [`several`]: changes of several keys in one step, and the internal command that applies them.

#![forbid(unsafe_code)]

pub(crate) mod apply;
pub(crate) mod effect;
pub(crate) mod entries;
pub(crate) mod extra;
pub(crate) mod log;
pub(crate) mod native;
mod refund;
pub(crate) mod settings;
pub(crate) mod several;
mod small;
mod snapshot;
mod thin;
pub(crate) mod usage;
pub(crate) mod value;
pub(crate) mod verdict;

#[cfg(test)]
pub(crate) mod oracle;
#[cfg(test)]
mod policy_properties;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod refund_properties;
#[cfg(test)]
mod small_properties;
