//! The journal: a bounded, ordered, durable queue of events, owned by the main thread alone.
//!
//! - [`id`]: what an event is called, unique across restarts and failovers.
//! - [`queue`]: the queue, as a pure value in shared segments that another thread can read.
//! - [`snapshot`]: the queue as it was at one moment, for that other thread.
//! - [`arguments`]: what the commands have in common that manage a queue.
//! - [`wire`]: changes as bytes, for replicas and files.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod id;
pub mod queue;
mod saved;
mod segment;
pub mod snapshot;
pub mod wire;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod uniqueness;
