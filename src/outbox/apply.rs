//! `LW._ALERTS effect`, `LW._AUDIT effect`: applies a change of an outbox that was made on the primary or that the AOF holds.
//!
//! Internal: accepted from the primary's link and from loading only. It never refuses an effect it can decode.

use std::marker::PhantomData;

use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;

use super::host::Host;

/// What every effect command of an outbox declares.
pub(crate) const EFFECT: Spec = Spec {
    name: c"",
    flags: "write fast admin deny-script",
    categories: "write fast admin dangerous",
    arity: 2,
    key: KeyAccess::None,
    summary: c"",
    complexity: c"",
    since: c"0.1.0",
    args: &[DocArg::new(c"effect", DocKind::String)],
    internal: true,
};

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
        call.pass_node_effect_on();
        call.reply_ok();
        Ok(())
    }
}
