//! Guards: attacks on a login or site that a count per key cannot see. From the bottom up:
//!
//! Pure:
//! - [`rule`]: what a rule counts, for which subject, and what happens then.
//! - [`grammar`]: the file of rules, and how a rule is printed. [`builtin`]: the rules without a
//!   file.
//! - [`ruleset`]: the rules of all guards, found by the name of a key and the kind of an event.
//! - [`never_ban`]: the networks for whose addresses rules only observe.
//!
//! With the server:
//! - [`rules`]: the rules in force. [`settings`]: the directives that set them.
//! - [`commands`]: `LW.RULES`. [`info`]: INFO.

#![forbid(unsafe_code)]

mod builtin;
pub(crate) mod commands;
mod grammar;
pub(crate) mod info;
mod never_ban;
mod rule;
mod rules;
mod ruleset;
pub(crate) mod settings;
