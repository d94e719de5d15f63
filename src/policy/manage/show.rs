//! `LW.POLICY GET name`, `LW.POLICY WHICH name key`
//!
//! GET replies with a map: `name`, `limits` (an array of a limit and a window in milliseconds
//! each), `shadow` (0 or 1), and `overrides` (an array of maps of `subject`, `limits` and
//! `shadow`). WHICH replies with the `limits` and `shadow` that apply to a key, the `override` that
//! they come from (nil if they are the policy's own), and the `subject` of the key.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::state;
use super::arguments::{NAME, read_name, reply_rule};

pub(crate) struct Get;

impl Command for Get {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.POLICY|GET",
        summary: c"Shows the limits of a policy and its overrides.",
        complexity: c"O(N log N) with N the number of the policy's overrides.",
        args: &[NAME],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let name = given.required("name", read_name)?;
        let state = state::lock();
        let Some(policy) = state.store.get(name) else { return Err(state::unknown(&state.store, name)) };
        let overrides = policy.sorted_overrides();
        call.reply_map(4);
        call.reply_text("name");
        call.reply_bytes(name);
        reply_rule(call, policy.rule());
        call.reply_text("overrides");
        call.reply_array(overrides.len());
        for (subject, rule) in overrides {
            call.reply_map(3);
            call.reply_text("subject");
            call.reply_bytes(&subject);
            reply_rule(call, rule);
        }
        Ok(())
    }
}

pub(crate) struct Which;

impl Command for Which {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.POLICY|WHICH",
        summary: c"Shows which limits of a policy apply to a key, and why.",
        args: &[NAME, Param::string(c"key")],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let name = given.required("name", read_name)?;
        let key = given.bytes("key").unwrap_or_default();
        let state = state::lock();
        let Some(policy) = state.store.get(name) else { return Err(state::unknown(&state.store, name)) };
        let explained = policy.explain(key);
        call.reply_map(4);
        reply_rule(call, explained.rule);
        call.reply_text("override");
        match explained.pattern {
            Some(pattern) => call.reply_bytes(&pattern),
            None => call.reply_null(),
        }
        call.reply_text("subject");
        call.reply_bytes(explained.subject);
        Ok(())
    }
}
