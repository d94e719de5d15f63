//! Integration tests: what callers see, against real servers. Each test starts its own and stops it.
//!
//! The server is `redis-server`, or what `LOCKWATCH_SERVER` names (any Redis from 7.0 on, or Valkey); the module is
//! the one that was built with the tests, or what `LOCKWATCH_MODULE` names.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on says where and stops, in its helpers too"
)]

mod support;

mod audit;
mod burst;
// They shorten the waits between tries, which only a module with this feature lets them.
#[cfg(feature = "debug-commands")]
mod alerts;
mod cluster;
mod exact;
mod hostile;
mod introspection;
mod persistence;
mod ratelimit;
mod replica;
mod restore_fuzz;
mod smoke;
// They move the clock, which only a module with this feature lets them.
#[cfg(feature = "debug-commands")]
mod token;
