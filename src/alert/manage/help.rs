//! `LW.ALERTS HELP`: the subcommands, with their syntax and what each does.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::{CONTAINER, SUBCOMMANDS};

pub struct Help;

impl Command for Help {
    const SPEC: &'static Spec = &Spec { name: c"LW.ALERTS|HELP", flags: "readonly admin", ..Spec::HELP };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        CONTAINER.reply_help(call, SUBCOMMANDS);
        Ok(())
    }
}
