//! `CL.THROTTLE`, a drop-in for redis-cell 0.5: the generic cell rate algorithm over a key that is
//! a plain string.
//!
//! [`request`] reads the arguments, [`gcra`] decides, [`reply`] rounds to the five integers as
//! redis-cell does, and [`tat`] is the stored form. [`throttle`] is the command, and [`apply`] the
//! internal one that applies its changes on replicas.

#![forbid(unsafe_code)]

pub(crate) mod apply;
mod counters;
mod gcra;
pub(crate) mod info;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
mod reply;
mod request;
pub(crate) mod settings;
mod tat;
pub(crate) mod throttle;
