//! Guards: the counters of their rules. Pure.
//!
//! - [`rule`]: what a rule counts and does.
//! - [`counter`]: what one rule has counted for one subject.
//! - [`rule_state`]: that counter with the rule's quiet time.
//! - [`travel`]: detects that a subject is at a place that it can't have reached.

#![forbid(unsafe_code)]
#![expect(dead_code, reason = "the commands of guards use it")]

pub(crate) mod counter;
pub(crate) mod rule;
pub(crate) mod rule_state;
#[cfg_attr(not(test), expect(dead_code, reason = "no command counts travel"))]
pub(crate) mod travel;

#[cfg(test)]
mod corpus;
