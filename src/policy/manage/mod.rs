//! `LW.POLICY`: sets, shows and deletes policies.
//!
//! - `SET name limit window [limit window ...] [SHADOW] [FOR subject]`: see [`set`].
//! - `GET name`: the limits of a policy and its overrides. See [`show`].
//! - `WHICH name key`: what a policy says about a key. See [`show`].
//! - `DEL name [FOR subject]`: deletes a policy, or one override. See [`delete`].
//! - `LIST`: all policies with their counts. See [`list`].
//! - `HELP`: the subcommands, a line each.

mod arguments;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod set;
pub(crate) mod show;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

pub(crate) const CONTAINER: &Spec = &Spec {
    name: c"LW.POLICY",
    flags: "admin",
    summary: c"A container for commands about policies.",
    ..Spec::CONTAINER
};

/// `HELP`: a line for each subcommand, and one for what it does.
pub(crate) struct Help;

impl Command for Help {
    const SPEC: &'static Spec = &Spec { name: c"LW.POLICY|HELP", flags: "readonly admin", ..Spec::HELP };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let subcommands = [
            set::Set::SPEC,
            show::Get::SPEC,
            show::Which::SPEC,
            delete::Delete::SPEC,
            list::List::SPEC,
            Self::SPEC,
        ];
        CONTAINER.reply_help(call, &subcommands);
        Ok(())
    }
}
