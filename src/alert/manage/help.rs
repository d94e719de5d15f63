//! `LW.ALERTS HELP`
//!
//! The subcommands and what each does, a line each, as Redis's own container commands tell it.

use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::error::Refusal;

const LINES: &[&str] = &[
    "LW.ALERTS <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LIST [COUNT <count>]",
    "    The alerts that wait to be delivered, newest first.",
    "DEAD [COUNT <count>]",
    "    The alerts that an endpoint did not take in all its tries, newest first.",
    "REPLAY <id>|ALL",
    "    Puts dead letters back to be delivered, with all their tries anew.",
    "DISCARD <id>|ALL",
    "    Throws dead letters away, or an alert that still waits.",
    "TEST",
    "    Sends a test alert to every endpoint now and reports what each answers.",
    "HELP",
    "    Prints this help.",
];

/// The command.
pub struct Help;

impl Command for Help {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ALERTS|HELP",
        flags: "readonly admin",
        categories: "read admin dangerous",
        arity: 2,
        key: KeyAccess::None,
        summary: c"Returns helpful text about the different subcommands.",
        complexity: c"O(1)",
        since: c"0.1.0",
        args: &[],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.reply_lines(LINES);
        Ok(())
    }
}
