//! Tests of the program as a user runs it, against real servers.
//!
//! The module is the one that was built with the same profile, or the file in `LOCKWATCH_MODULE`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot continue panics")]

mod doctor;
mod hostile;
mod hunt;
mod metrics;
mod program;
mod rights;
mod shell;
mod top;
mod web;
