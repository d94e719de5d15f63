//! `LW.RULES [name]`
//!
//! Replies with the rules in force, a line each, in the grammar of `guard-rules-file`: all of them,
//! or those that apply to the guard or key `name`. Rules of the guard `*` are shown as such; `*` as
//! the name lists them alone.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::grammar::{EVERY, merged};
use super::super::rules;

pub(crate) struct ListRules;

impl Command for ListRules {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.RULES",
        summary: c"Lists the rules of all guards, or those of one, as the file of rules has them.",
        complexity: c"O(N) with N the number of rules.",
        args: &[Param::string(c"name").optional()],
        ..Spec::READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let rules = rules::current();
        let entries = &rules.set.entries;
        let listed = match given.bytes("name") {
            None => entries.iter().collect(),
            Some(b"*") => entries.iter().filter(|entry| &*entry.guard == EVERY).collect(),
            Some(name) => merged(&rules.set.of_key(name)?.name, entries),
        };
        call.reply_array(listed.len());
        for entry in listed {
            call.reply_text(&entry.to_string());
        }
        Ok(())
    }
}
