//! `LW._ALERTS effect`, `LW._AUDIT effect`: applies a change of an outbox that was made on the
//! primary or that the AOF holds.
//!
//! Internal: accepted from the primary's link and from loading only. It never refuses an effect it
//! can decode.

use std::marker::PhantomData;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::host::Host;
use super::settings::JOURNAL;

/// The base of the specs.
pub(crate) const EFFECT: Spec = Spec { args: &[Param::string(c"effect")], ..Spec::EFFECT };

pub(crate) struct Apply<H>(PhantomData<H>);

impl<H: Host> Command for Apply<H> {
    const SPEC: &'static Spec = H::APPLY;

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let Some(payload) = call.args().next() else { return Err(Refusal::BadEffect("it is missing")) };
        let mut state = H::lock();
        state.outbox().apply_effect(payload.bytes()).map_err(Refusal::BadEffect)?;
        state.invalidate();
        H::wake_scheduler();
        if JOURNAL.get() {
            call.pass_node_effect_on();
        }
        call.reply_ok();
        Ok(())
    }
}
