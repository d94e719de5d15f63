//! Burst detection: [`detect`] is `LW.BURST`, which counts calls in the limiter's exact window and tells when they are
//! too many.
//!
//! - [`request`]: its arguments.
//! - [`decision`]: what the calls so far mean for this one, as a pure function.
//! - [`cooldown`]: what a key remembers of its alerts, and its Redis data type.
//! - [`data`]: what an alert says.

#![forbid(unsafe_code)]

mod cooldown;
mod counters;
mod data;
mod decision;
pub mod detect;
pub mod info;
mod request;

#[cfg(test)]
mod properties;

pub use cooldown::Cooldown;
