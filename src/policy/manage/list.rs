//! `LW.POLICY LIST`
//!
//! Replies with a map: `digest`, a hash of all policies and overrides by which nodes are compared,
//! and `policies`, an array of maps in the order of their names: `name`, `limits`, `shadow`, the
//! number of `overrides`, and the counts of this node, `calls`, `denied` and `shadow_denied`.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::super::info::hex;
use super::super::state;
use super::arguments::reply_rule;

pub(crate) struct List;

impl Command for List {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.POLICY|LIST",
        summary: c"Lists the policies with their counts, and a digest to compare nodes by.",
        complexity: c"O(N log N) with N the number of policies and overrides.",
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut state = state::lock();
        let digest = state.digest();
        call.reply_map(2);
        call.reply_text("digest");
        call.reply_text(&hex(digest));
        call.reply_text("policies");
        let policies = state.store.sorted();
        call.reply_array(policies.len());
        for (name, policy) in policies {
            let totals = policy.totals();
            call.reply_map(7);
            call.reply_text("name");
            call.reply_bytes(name);
            reply_rule(call, policy.rule());
            for (field, number) in [
                ("overrides", policy.overrides() as u64),
                ("calls", totals.calls),
                ("denied", totals.denied),
                ("shadow_denied", totals.shadow_denied),
            ] {
                call.reply_text(field);
                call.reply_integer(number);
            }
        }
        Ok(())
    }
}
