//! lockwatch: a Redis module with an exact sliding-window rate limiter, tokens with reuse
//! detection, burst detection with webhook alerts, and an audit log shipped to Postgres.
//!
//! The crate has floors, and an import only points down. A test checks that. From the lowest floor
//! to the highest:
//!
//! - [`text`] parses and formats: numbers, durations, JSON, options. Pure.
//! - [`server`] is the server's module API as safe Rust, and the only `unsafe` code: arguments,
//!   replies, keys, native types, replication, directives, INFO, the allocator, the panic guard.
//! - [`window`] is the exact sliding window: a pure value, the same value as a Redis data type, and
//!   the internal command that applies its changes on replicas.
//! - [`journal`] is a bounded and ordered queue with unique ids, in segments that another thread
//!   can read. Pure.
//! - [`outbox`] is that queue with dead letters, replication, persistence and management commands:
//!   what alerts and audit events share.
//! - [`policy`] is `LW.POLICY`: named lists of limits that the server holds.
//! - [`sorted`] is a sorted map with cheap copies, for large values of keys. Pure.
//! - [`top`] knows which keys were denied most often lately: `LW.TOP`.
//! - [`ratelimit`] is `LW.RATELIMIT`, `LW.PEEK`, `LW.REFUND` and `LW.SETTLE`, and `LW.MRATELIMIT`
//!   and `LW.MPEEK` for several keys at once: parse, decide, reply.
//! - [`cell`] is `CL.THROTTLE`, a drop-in for redis-cell whose keys are plain strings.
//! - [`lease`] bounds what runs at the same time: `LW.ACQUIRE`, `LW.RENEW`, `LW.RELEASE`.
//! - [`alert`] raises alerts and delivers them to webhooks on threads: `LW.ALERT` and `LW.ALERTS`.
//! - [`audit`] records who did what and ships what Redis does not lose to Postgres exactly once:
//!   `LW.AUDIT` and `LW.AUDITLOG`.
//! - [`burst`] is `LW.BURST`, which counts calls in a window and raises an alert once per cooldown.
//! - [`token`] issues, rotates, verifies and revokes tokens, and detects stolen ones: `LW.ISSUE`,
//!   `LW.ROTATE`, `LW.VERIFY`, `LW.INTROSPECT`, `LW.REVOKE`, `LW.REVOKEALL`, `LW.SESSIONS`,
//!   `LW.JWKS`.
//! - [`guard`] sees attacks on a login or site that a count per key can't see: `LW.ATTEMPT`,
//!   `LW.EVENT`, `LW.CHECK`, `LW.BAN`, `LW.ALLOW`, `LW.LIFT`, `LW.BANS`, `LW.WHY`, `LW.RULES`.
//! - [`inspect`] explains one key of any type: `LW.INSPECT`.
//! - [`commands`], [`config`], [`info`] and [`lifecycle`] are tables that list the commands,
//!   directives, INFO fields and event handlers of all parts.
//!
//! A call passes through these steps. The server calls the entry point in [`server::command`] with
//! raw pointers. The panic guard is set up, and the handler gets a [`server::call::Call`].
//! `LW.RATELIMIT` parses a request, opens the key and asks [`window::verdict::judge`]. If the call
//! is admitted, it makes a [`window::effect::Step`], applies it, and replicates it as `LW._WINDOW
//! key step`. Replicas apply the same step, so every copy is equal to the bit.

#![deny(unsafe_code)]
#![warn(unreachable_pub)]

mod alert;
mod audit;
mod burst;
mod cell;
mod commands;
mod config;
#[cfg(feature = "debug-commands")]
mod debug;
mod guard;
mod info;
mod inspect;
mod journal;
mod lease;
mod lifecycle;
mod outbox;
mod policy;
mod purge;
mod ratelimit;
mod reload;
mod server;
mod ship;
mod sorted;
mod text;
mod token;
mod top;
mod window;

/// The parts that the load generators in `examples/` measure by themselves. Not an API.
#[doc(hidden)]
pub mod measured {
    pub use crate::audit::day::Day;
    pub use crate::audit::entry::Fields;
    pub use crate::audit::insert::insert;
    pub use crate::audit::link::Link;
    pub use crate::audit::partitions::Partitions;
    pub use crate::audit::schema;
    pub use crate::journal::id::Id;
    pub use crate::text::time::Timestamp;
    pub use crate::token::key::Key;
    pub use lockwatch_common::postgres::target::Target;
}

use burst::Cooldown;
use guard::value::Guard;
use lease::leases::Leases;
use outbox::host::Saved;
use server::module::Module;
use server::native::{Boxed, TypeEntry};
use server::node::NodeEntry;
use token::store::Store;
use window::log::Log;
use window::value::Window;

static MODULE: Module = Module {
    name: c"lockwatch",
    version: VERSION,
    commands: commands::COMMANDS,
    directives: config::DIRECTIVES,
    types: &[
        TypeEntry::of::<Window>(),
        TypeEntry::of::<Log<Cooldown>>(),
        TypeEntry::of::<Boxed<Leases>>(),
        TypeEntry::of::<Boxed<Store>>(),
        TypeEntry::of::<Boxed<Guard>>(),
    ],
    states: &[
        NodeEntry::of::<Saved<alert::state::State>>(),
        NodeEntry::of::<Saved<audit::state::State>>(),
        NodeEntry::of::<policy::state::Saved>(),
    ],
    info: info::SECTIONS,
    hooks: &lifecycle::HOOKS,
};

const VERSION: &std::ffi::CStr =
    match std::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"0.0.0",
    };

mod export {
    #![expect(unsafe_code, unreachable_pub, reason = "the one symbol by which a server loads the module")]
    crate::server::module::export!(crate::MODULE);
}
