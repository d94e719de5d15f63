//! Guards: LW.ATTEMPT, LW.EVENT and LW.CHECK, what operators do by LW.BAN, LW.ALLOW and LW.LIFT, and
//! what LW.BANS, LW.WHY and LW.RULES show.

mod bounds;
mod rules;

// These tests stop the clock, which needs this feature.
#[cfg(feature = "debug-commands")]
mod access;
#[cfg(feature = "debug-commands")]
mod addresses;
#[cfg(feature = "debug-commands")]
mod attempt;
#[cfg(feature = "debug-commands")]
mod bans;
#[cfg(feature = "debug-commands")]
mod builtin;
#[cfg(feature = "debug-commands")]
mod calls;
#[cfg(feature = "debug-commands")]
mod cluster;
#[cfg(feature = "debug-commands")]
mod contexts;
#[cfg(feature = "debug-commands")]
mod corpus;
#[cfg(feature = "debug-commands")]
mod damaged;
#[cfg(feature = "debug-commands")]
mod event;
#[cfg(feature = "debug-commands")]
mod health;
#[cfg(feature = "debug-commands")]
mod hostile;
#[cfg(feature = "debug-commands")]
mod known;
#[cfg(feature = "debug-commands")]
mod lift;
#[cfg(feature = "debug-commands")]
mod lost;
#[cfg(feature = "debug-commands")]
mod modes;
#[cfg(feature = "debug-commands")]
mod oom;
#[cfg(feature = "debug-commands")]
mod parallel;
#[cfg(feature = "debug-commands")]
mod persistence;
#[cfg(feature = "debug-commands")]
mod precedence;
#[cfg(feature = "debug-commands")]
mod replica;
#[cfg(feature = "debug-commands")]
mod why;

use super::support::guards::Verdict;
use super::support::{Builder, Server, Value};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A server whose guards ban from the start.
fn builder() -> Builder {
    Server::builder().config("lockwatch.guard-learn 0")
}

fn server() -> Server {
    builder().start()
}

/// The subjects of the bans that `list` shows.
#[track_caller]
fn subjects(list: &Value) -> Vec<String> {
    list.items().iter().map(|ban| ban.field("subject").text()).collect()
}
