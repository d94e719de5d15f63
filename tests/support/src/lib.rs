//! Test support:
//! - [`Server`] starts a real server with the module. [`Client`] sends it raw bytes.
//! - [`beside`] runs load on threads while a test does something else.
//! - [`Bracket`] is the server's time at which a call ran. [`Client::footprint`] shows whether a
//!   call changed anything. [`state::State`] holds everything visible about the keys.
//! - [`receiver::Receiver`] receives webhooks. [`alerts`] parses replies about alerts.
//! - [`postgres::Postgres`] stores audit events. [`audits`] parses replies about them.
//! - [`probe`] measures how long other clients wait while the server does something.
//! - [`replication`] records what a primary sends to a replica, and sends a recording to one.
//! - [`sentinel::Sentinel`] fails a primary over.
//! - [`proxy::Proxy`] breaks the network between a client and a server.
//! - [`tokens`] makes keys and parses replies of the token commands.
//! - [`written`] checks at each server's end that its logs have no panic, flood or secret.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::new_without_default,
    reason = "a test that cannot continue panics with its location, also in helpers"
)]

pub mod alerts;
pub mod aof;
pub mod audits;
mod beside;
mod bracket;
mod builder;
mod checkers;
mod client;
pub mod cluster;
mod directives;
mod footprint;
pub mod guards;
pub mod leases;
pub mod payload;
pub mod pgbouncer;
mod ports;
pub mod postgres;
pub mod probe;
pub mod proxy;
mod random;
pub mod receiver;
pub mod replication;
mod reply;
pub mod sentinel;
mod server;
pub mod state;
mod template;
pub mod tokens;
mod unprivileged;
mod value;
pub mod workload;
pub mod written;

use std::time::{Duration, Instant};

pub use beside::{Stop, beside};
pub use bracket::Bracket;
pub use builder::Builder;
pub use client::Client;
pub use random::Random;
pub use reply::{Burst, MultiReply, Reply};
pub use server::{Info, Server};
pub use value::Value;

/// The default time limit of a wait. It is generous because the machine may be busy.
pub const SOON: Duration = Duration::from_secs(20);

/// Polls `condition` until it holds; panics with `what` if it does not within [`SOON`].
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    wait_at_most(SOON, what, condition);
}

/// Polls `condition` until it holds; panics with `what` if it does not within `patience`.
#[track_caller]
pub fn wait_at_most(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Calls `attempt` without a pause until it returns a value; panics with `what` if it does not
/// within [`SOON`].
#[track_caller]
pub fn poll_until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {SOON:?}: {what}");
    }
}
