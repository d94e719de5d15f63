//! The durable outbox that alerts and audit events share.
//!
//! Entries wait in a bounded queue until they are delivered. An entry that cannot be delivered
//! becomes a dead letter, which an administrator replays or discards. From the bottom up:
//!
//! - [`reserved`]: the names of the module's own entries, which callers cannot use.
//! - [`limits`]: how much an outbox may hold, and the room reserved for the module's own entries.
//! - [`dead`]: the dead letters.
//! - [`extension`]: what one outbox adds: the type of its entries, more state, more changes.
//! - [`effect`]: changes and whole outboxes as bytes, for replicas, the AOF and the RDB.
//! - [`state`]: the outbox, a pure value.
//! - [`host`]: the trait of the state that contains an outbox; replication, loading and saving.
//! - [`settings`]: the directive `journal`. [`info`]: its field in INFO.
//! - [`arguments`], [`page`]: the arguments of the commands.
//! - [`apply`]: the effect command. [`manage`]: DEAD, REPLAY, DISCARD and HELP.

#![forbid(unsafe_code)]

pub(crate) mod apply;
pub(crate) mod arguments;
pub(crate) mod dead;
pub(crate) mod effect;
pub(crate) mod extension;
pub(crate) mod host;
#[cfg(test)]
mod hostile;
pub(crate) mod info;
pub(crate) mod limits;
pub(crate) mod manage;
pub(crate) mod page;
pub(crate) mod reserved;
pub(crate) mod settings;
pub(crate) mod state;
