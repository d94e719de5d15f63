//! What the tests stand on: [`Server`] starts a real server with the module, [`Client`] speaks to it in raw bytes,
//! [`Bracket`] says at what time of the server's clock something was decided, [`Client::footprint`] whether it left a
//! trace.

mod bracket;
mod builder;
mod client;
mod footprint;
mod reply;
mod server;
mod value;

use std::time::{Duration, Instant};

pub use bracket::Bracket;
pub use client::Client;
pub use reply::Reply;
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
