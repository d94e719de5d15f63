//! lockwatch: a Redis module with an exact sliding-window rate limiter, tokens with reuse detection, burst detection with
//! webhook alerts, and an audit log shipped to Postgres.
//!
//! The house has wings on one ground floor, and an arrow only ever points down.
//!
//! - [`server`] is the ground floor: the server's module API as safe Rust, and the only `unsafe` code. Arguments,
//!   replies, keys, native types, replication, directives, INFO, the allocator, the panic guard.
//! - [`window`] is the exact sliding window: a pure value that takes the time as an argument, the same as a Redis
//!   data type, and the internal command that applies its changes on replicas.
//! - [`ratelimit`] is the first wing: `LW.RATELIMIT` and `LW.PEEK`, a file each: parse, decide, reply.
//! - [`burst`] is `LW.BURST`, which counts calls in the same window and raises an alert once per cooldown.
//! - [`journal`] is the durable queue that alerts and audit events wait in: bounded, ordered, with ids that stay unique, in segments that
//!   another thread can read. A pure value.
//! - [`alert`] raises alerts, keeps them, and delivers them to webhooks by threads of their own: `LW.ALERT` and
//!   `LW.ALERTS`.
//! - [`audit`] records who did what, keeps it in a journal, and ships it to Postgres exactly once: `LW.AUDIT` and
//!   `LW.AUDITLOG`.
//! - [`token`] issues, rotates, verifies and revokes tokens, and catches a stolen one when it is used: `LW.ISSUE`,
//!   `LW.ROTATE`, `LW.VERIFY`, `LW.INTROSPECT`, `LW.REVOKE`, `LW.REVOKEALL`, `LW.SESSIONS`, `LW.JWKS`.
//! - [`lifecycle`] is what the module does when the server tells it of something: that it is about to sleep, loads,
//!   changes its role, ends.
//! - [`commands`], [`config`] and [`info`] are the tables through which the wings reach the server: to add a command,
//!   a directive or a counter is to add a row.
//!
//! A call goes like this. The server calls [`server::command`]'s entry with raw pointers; the panic guard is set up and
//! the handler gets a [`server::call::Call`]. `LW.RATELIMIT` parses a request, opens the key, asks
//! [`window::verdict::judge`] and, if the call is admitted, makes a [`window::effect::Step`]: the same step that is
//! then sent to replicas and the AOF as `LW._WINDOW key step`, so that every copy is equal to the bit.

#![deny(unsafe_code)]

pub mod alert;
pub mod audit;
pub mod burst;
pub mod commands;
pub mod config;
#[cfg(feature = "debug-commands")]
pub mod debug;
pub mod info;
pub mod journal;
pub mod lifecycle;
pub mod ratelimit;
pub mod reload;
pub mod server;
pub mod ship;
pub mod text;
pub mod token;
pub mod window;

use burst::Cooldown;
use server::module::Module;
use server::native::{Boxed, TypeEntry};
use server::node::NodeEntry;
use token::store::Store;
use window::log::Log;

/// The module, as the server loads it.
pub static MODULE: Module = Module {
    name: c"lockwatch",
    version: VERSION,
    commands: commands::COMMANDS,
    directives: config::DIRECTIVES,
    types: &[TypeEntry::of::<Log>(), TypeEntry::of::<Log<Cooldown>>(), TypeEntry::of::<Boxed<Store>>()],
    states: &[NodeEntry::of::<alert::persist::Saved>(), NodeEntry::of::<audit::persist::Saved>()],
    info: info::SECTIONS,
    hooks: &lifecycle::HOOKS,
};

/// The crate's version, from Cargo.toml.
const VERSION: &std::ffi::CStr =
    match std::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"0.0.0",
    };

mod export {
    #![expect(unsafe_code, reason = "the one symbol by which a server loads the module")]
    crate::server::module::export!(crate::MODULE);
}
