//! Burst detection: [`detect`] is `LW.BURST`, which counts calls in an exact window and reports
//! when there are too many.
//!
//! - [`request`]: its arguments.
//! - [`decision`]: decides whether a call is in a burst and raises an alert. Pure.
//! - [`cooldown`]: a key's alert state, and its Redis data type.
//! - [`data`]: the data of an alert.

#![forbid(unsafe_code)]

mod cooldown;
mod counters;
mod data;
mod decision;
pub(crate) mod detect;
pub(crate) mod info;
mod request;

#[cfg(test)]
mod properties;

pub(crate) use cooldown::Cooldown;
