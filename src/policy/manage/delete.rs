//! `LW.POLICY DEL name [FOR subject]`
//!
//! Deletes a policy with its overrides, or, with `FOR`, one override. Replies with 1, or with 0 if
//! there is none.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::state;
use super::super::wire;
use super::arguments::{self, FOR, NAME, read_name};

pub(crate) struct Delete;

impl Command for Delete {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.POLICY|DEL",
        summary: c"Deletes a policy with its overrides, or one override.",
        complexity: c"O(N) with N the number of the policy's overrides.",
        args: &[NAME, FOR],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let name = given.required("name", read_name)?;
        let subject = arguments::subject(&given)?;
        call.require_primary()?;
        let mut state = state::lock();
        let deleted = match subject {
            None => state.store.delete(name),
            Some((_, pattern)) => state.store.delete_override(name, pattern),
        };
        if deleted {
            state.changed();
            state::replicate(call, &wire::delete(name, subject.map(|(text, _)| text)));
        }
        call.reply_integer(u64::from(deleted));
        Ok(())
    }
}
