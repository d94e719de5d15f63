//! Guards: attacks on a login or site that a count per key cannot see. `LW.ATTEMPT` asks before a
//! password is checked, `LW.EVENT` reports what came of it, `LW.CHECK` only asks.
//!
//! Pure, the rules:
//!
//! - [`rule`]: what a rule counts, for which subject, and what happens then.
//! - [`grammar`]: the file of rules, and how a rule is printed. [`builtin`]: the rules without a
//!   file.
//! - [`ruleset`]: the rules of all guards, found by the name of a key and the kind of an event.
//! - [`never_ban`]: the networks for whose addresses rules only observe.
//!
//! Pure, what is known:
//!
//! - [`counter`]: what one rule has counted for one subject. [`rule_state`]: that counter with the
//!   rule's quiet time. [`travel`]: a subject that is where it can't be by now.
//! - [`hash`]: users, devices and keys as keyed hashes. [`address`]: addresses and blocks of them.
//!   [`subject`]: users, pairs and keys.
//! - [`strikes`]: how bans grow. [`state`]: all that is known about one subject. [`known`]: the
//!   networks and devices of a user. [`bans`]: bans and allow entries.
//! - [`health`], [`cap`] and [`proxy`]: how the site as a whole does, and what that means for bans.
//! - [`table`]: a map with a budget. [`value`]: a whole guard.
//!
//! Pure, what happens:
//!
//! - [`step`] lists every way in which a guard changes, and applies a change. [`edit`] makes
//!   changes within the budgets.
//! - [`judge`] says what stands against a call. [`charge`] counts an [`event`] by the rules, and
//!   [`fire`] acts when one fires. [`incident`]: what that has to report.
//! - [`decide`] is what a call does as a whole. [`settle`] moves what is later than now to now.
//! - [`lift`] ends bans. [`explain`] finds what is held about a subject.
//! - [`snapshot`] writes and reads a whole guard; [`effect`] encodes changes for replicas and the
//!   AOF.
//!
//! With the server:
//!
//! - [`rules`]: the rules in force. [`settings`]: the directives that set them; [`terms`]: what
//!   they say to a decision.
//! - [`native`] is a guard as a Redis data type. [`local`]: what only this process keeps of it.
//! - [`report`] raises alerts and records audit events. [`lost`] reports guards that are gone.
//! - [`commands`]: one file per command. [`counters`] and [`info`]: INFO.

#![forbid(unsafe_code)]

mod address;
mod bans;
mod builtin;
mod cap;
mod charge;
pub(crate) mod commands;
mod counter;
mod counters;
mod decide;
mod edit;
mod effect;
mod event;
mod explain;
mod fire;
mod grammar;
mod hash;
mod health;
mod incident;
pub(crate) mod info;
mod judge;
mod known;
mod lift;
mod local;
pub(crate) mod lost;
mod native;
mod never_ban;
mod proxy;
mod report;
mod rule;
mod rule_state;
mod rules;
mod ruleset;
pub(crate) mod settings;
mod settle;
mod snapshot;
mod state;
mod step;
mod strikes;
mod subject;
mod table;
mod terms;
#[cfg_attr(not(test), expect(dead_code, reason = "no command counts travel"))]
mod travel;
pub(crate) mod value;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traffic;

/// The allocator's approximate overhead per allocation.
const ALLOCATOR: usize = 16;
