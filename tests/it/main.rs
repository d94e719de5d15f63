//! Integration tests: behaviour that callers see, against real servers. Each test starts and stops
//! its own servers.
//!
//! The server is `redis-server`, or the program in `LOCKWATCH_SERVER` (Redis 7.0 or newer, or
//! Valkey). The module is the one built with the tests, or the file in `LOCKWATCH_MODULE`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot continue panics with its location, also in helpers"
)]

extern crate lockwatch_test_support as support;

mod audit;
mod burst;
// These tests shorten the retry delays, which needs this feature.
#[cfg(feature = "debug-commands")]
mod alerts;
// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod cell;
mod cluster;
mod exact;
// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod golden;
mod guard;
mod hostile;
// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod inspect;
mod introspection;
// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod lease;
mod log_check;
mod multi;
mod persistence;
mod policy;
mod ratelimit;
mod replica;
mod restore_fuzz;
mod smoke;
// These tests issue tokens, whose helpers need this feature.
#[cfg(feature = "debug-commands")]
mod stalls;
// These tests move the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod token;
#[cfg(feature = "debug-commands")]
mod top;
