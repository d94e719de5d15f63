//! `LW.AUDITLOG`: what was recorded, what Postgres refused, and what to do about it. A file a subcommand;
//! [`super::query`] is the one that is large.

pub mod dead;
pub mod discard;
pub mod help;
pub mod replay;

use crate::server::command::Command;
use crate::server::spec::Spec;

use super::query::command::Query;

/// The container of the subcommands.
pub const CONTAINER: &Spec = &Spec {
    name: c"LW.AUDITLOG",
    summary: c"A container for commands about the audit log.",
    ..Spec::CONTAINER
};

/// What HELP lists.
const SUBCOMMANDS: &[&Spec] =
    &[Query::SPEC, dead::Dead::SPEC, replay::Replay::SPEC, discard::Discard::SPEC, help::Help::SPEC];
