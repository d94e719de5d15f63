//! `LW.ALERTS`: what waits, what could not be delivered, and what to do about it. A file a subcommand.

pub mod dead;
pub mod discard;
pub mod help;
pub mod list;
pub mod replay;
pub mod test;

use crate::server::command::Command;
use crate::server::spec::Spec;

/// The container of the subcommands.
pub const CONTAINER: &Spec = &Spec {
    name: c"LW.ALERTS",
    flags: "admin",
    summary: c"A container for commands about alerts.",
    ..Spec::CONTAINER
};

/// What HELP lists.
const SUBCOMMANDS: &[&Spec] = &[
    list::List::SPEC,
    dead::Dead::SPEC,
    replay::Replay::SPEC,
    discard::Discard::SPEC,
    test::Test::SPEC,
    help::Help::SPEC,
];
