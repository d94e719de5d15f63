//! `LW.ALERTS HELP`: the subcommands, with their syntax and what each does.

use crate::server::call::Call;
use crate::server::command::{Command, Spec};
use crate::server::error::Refusal;

use super::{CONTAINER, SUBCOMMANDS};

/// The command.
pub struct Help;

impl Command for Help {
    const SPEC: &'static Spec = &Spec { name: c"LW.ALERTS|HELP", flags: "readonly admin", ..Spec::HELP };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.reply_help(CONTAINER, SUBCOMMANDS);
        Ok(())
    }
}
