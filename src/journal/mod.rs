//! The journal: a bounded, ordered queue of events. Only the main thread changes it.
//!
//! - [`id`]: the id of an event, unique across restarts and failovers.
//! - [`queue`]: the queue, a pure value in segments that another thread can read.
//! - [`wire`]: values as bytes, for replicas and files.

#![forbid(unsafe_code)]

pub(crate) mod id;
pub(crate) mod queue;
mod segment;
pub(crate) mod wire;

#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod uniqueness;
