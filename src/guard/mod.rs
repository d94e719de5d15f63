//! Guards: attacks on a login or site that a count per key cannot see. From the bottom up:
//!
//! Pure, rules:
//! - [`rule`]: what a rule counts, for which subject, and what happens then.
//! - [`grammar`]: the file of rules, and how a rule is printed. [`builtin`]: the rules without a
//!   file.
//! - [`ruleset`]: the rules of all guards, found by the name of a key and the kind of an event.
//! - [`never_ban`]: the networks for whose addresses rules only observe.
//! - [`counter`]: what one rule has counted for one subject. [`rule_state`]: that counter with the
//!   rule's quiet time. [`travel`]: a subject that is where it can't be by now.
//!
//! With the server:
//! - [`rules`]: the rules in force. [`settings`]: the directives that set them.
//! - [`commands`]: one file per command. [`info`]: INFO.

#![forbid(unsafe_code)]

mod builtin;
pub(crate) mod commands;
#[expect(dead_code, reason = "the commands of guards use it")]
pub(crate) mod counter;
mod grammar;
pub(crate) mod info;
mod never_ban;
mod rule;
#[expect(dead_code, reason = "the commands of guards use it")]
pub(crate) mod rule_state;
mod rules;
mod ruleset;
pub(crate) mod settings;
#[cfg_attr(not(test), expect(dead_code, reason = "no command counts travel"))]
pub(crate) mod travel;

#[cfg(test)]
mod corpus;
