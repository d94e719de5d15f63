//! `LW._AUDIT effect`: applies a change of the audit log that was made on the primary, or that the AOF holds.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It never refuses an effect it can read,
//! consults no clock and no configuration.

use std::ffi::CStr;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::change::Effect;
use super::{recorder, wake};

/// The command's name.
pub const EFFECT: &CStr = c"LW._AUDIT";

pub struct ApplyAudit;

impl Command for ApplyAudit {
    const SPEC: &'static Spec = &Spec {
        name: EFFECT,
        summary: c"Internal: applies a change of the audit log that comes from the primary or the AOF.",
        complexity: c"O(log N) for a change with N events held, O(N) for N events at once.",
        args: &[Param::string(c"effect")],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let Some(payload) = call.args().next() else { return Err(Refusal::BadEffect("it is missing")) };
        let effect = Effect::decode(payload.bytes()).map_err(Refusal::BadEffect)?;
        recorder::open().take_effect(effect).map_err(Refusal::BadEffect)?;
        wake::scheduler();
        call.pass_node_effect_on();
        call.reply_ok();
        Ok(())
    }
}
