//! The server's module API as safe Rust, and the only `unsafe` code of the crate.
//!
//! It knows no wing. The wings hand their commands, directives, types and INFO sections to it as
//! one [`module::Module`].

#![expect(unsafe_code, reason = "this is the one place that speaks to the server's C API")]

mod alloc;
mod api;
pub mod args;
pub mod blocked;
pub mod call;
pub mod clock;
pub mod command;
pub mod deadline;
pub mod directive;
pub mod docs;
pub mod error;
pub mod events;
pub mod file;
pub mod flat;
mod guard;
pub mod info;
pub mod key;
pub mod log;
pub mod module;
pub mod native;
pub mod node;
pub mod spec;
pub mod thread;
