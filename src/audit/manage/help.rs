//! `LW.AUDITLOG HELP`
//!
//! The subcommands and what each does, a line each, as Redis's own container commands tell it.

use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::error::Refusal;

const LINES: &[&str] = &[
    "LW.AUDITLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "QUERY [KIND <kind>] [USER <id>] [IP <address>|<network>] [ENDPOINT <prefix>] [FROM <ms>] [TO <ms>] [LIMITED] [ANOMALY] [COUNT <count>] [BEFORE <id>]",
    "    The events that match, newest first.",
    "DEAD [COUNT <count>]",
    "    The events that Postgres refused as data, newest first.",
    "REPLAY <id>|ALL",
    "    Puts dead letters back to be shipped.",
    "DISCARD <id>|ALL",
    "    Throws dead letters away.",
    "HELP",
    "    Prints this help.",
];

/// The command.
pub struct Help;

impl Command for Help {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.AUDITLOG|HELP",
        flags: "readonly",
        categories: "read",
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
