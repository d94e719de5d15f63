//! `LW.ALERTS`: what waits, what could not be delivered, and what to do about it. A file a subcommand.

pub mod dead;
pub mod discard;
pub mod help;
pub mod list;
pub mod replay;
pub mod test;

use crate::server::command::{KeyAccess, Spec};

/// The container of the subcommands.
pub const CONTAINER: &Spec = &Spec {
    name: c"LW.ALERTS",
    flags: "admin",
    categories: "admin dangerous",
    arity: -2,
    key: KeyAccess::None,
    summary: c"A container for commands about alerts.",
    complexity: c"Depends on subcommand.",
    since: c"0.1.0",
    args: &[],
    internal: false,
};
