//! `LW.AUDITLOG`: what was recorded, what Postgres refused, and what to do about it. A file a subcommand;
//! [`super::query`] is the one that is large.

pub mod dead;
pub mod discard;
pub mod help;
pub mod replay;

use crate::server::command::{KeyAccess, Spec};

/// The container of the subcommands.
pub const CONTAINER: &Spec = &Spec {
    name: c"LW.AUDITLOG",
    flags: "",
    categories: "slow",
    arity: -2,
    key: KeyAccess::None,
    summary: c"A container for commands about the audit log.",
    complexity: c"Depends on subcommand.",
    since: c"0.1.0",
    args: &[],
    internal: false,
};
