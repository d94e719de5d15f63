//! The server's module API as safe Rust, and the only `unsafe` code of the crate.
//!
//! It knows no part. The parts hand their commands, directives, types and INFO sections to it as
//! one [`module::Module`].

#![expect(unsafe_code, reason = "this is the one place that speaks to the server's C API")]

mod alloc;
mod aof;
mod api;
pub(crate) mod args;
pub(crate) mod blocked;
pub(crate) mod call;
pub(crate) mod clock;
pub(crate) mod command;
pub(crate) mod deadline;
pub(crate) mod directive;
pub(crate) mod docs;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod flat;
pub(crate) mod gauge;
mod guard;
pub(crate) mod histogram;
pub(crate) mod info;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod module;
pub(crate) mod native;
pub(crate) mod node;
pub(crate) mod random;
pub(crate) mod raw;
mod replicated;
pub(crate) mod spec;
mod string;
pub(crate) mod thread;
