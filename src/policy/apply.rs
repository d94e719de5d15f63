//! `LW._POLICY effect`: applies a change of the policies that was made on the primary or that the
//! AOF holds.
//!
//! Internal: accepted from the primary's link and from loading only. It never refuses an effect it
//! can decode, and is idempotent.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::effect::EFFECT;
use super::state;

pub(crate) struct ApplyPolicy;

impl Command for ApplyPolicy {
    const SPEC: &'static Spec = &EFFECT;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let Some(payload) = call.args().next() else { return Err(Refusal::BadEffect("it is missing")) };
        state::lock().apply(payload.bytes()).map_err(Refusal::BadEffect)?;
        call.pass_node_effect_on();
        call.reply_ok();
        Ok(())
    }
}
