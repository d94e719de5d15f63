//! What the tests stand on: [`Server`] starts a real server with the module, [`Client`] speaks to it in raw bytes,
//! [`Bracket`] says at what time of the server's clock something was decided, [`Client::footprint`] whether it left a
//! trace, [`state::State`] all that can be seen of its keys. [`receiver::Receiver`] is where its alerts go,
//! [`alerts`] what it says about them. [`postgres::Postgres`] is where its audit events go, [`audits`] what it says about
//! those, [`proxy::Proxy`] what can come between. [`tokens`] is what issues tokens, and what the commands on them say.

#[cfg(feature = "debug-commands")]
pub mod alerts;
pub mod audits;
mod bracket;
mod builder;
mod checkers;
mod client;
pub mod cluster;
mod directives;
mod footprint;
pub mod payload;
pub mod pgbouncer;
mod ports;
pub mod postgres;
pub mod proxy;
mod random;
#[cfg(feature = "debug-commands")]
pub mod receiver;
mod reply;
mod server;
pub mod state;
mod template;
#[cfg(feature = "debug-commands")]
pub mod tokens;
mod unprivileged;
mod value;
pub mod workload;

use std::time::{Duration, Instant};

pub use bracket::Bracket;
pub use builder::Builder;
pub use client::Client;
pub use random::Random;
pub use reply::{Burst, Reply};
pub use server::{Info, Server};
pub use value::Value;

/// How long anything that is bound to happen may take on a busy machine.
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
