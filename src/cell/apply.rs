//! `LW._CELL key tat_ns expires_ms`: sets the key of CL.THROTTLE to a theoretical arrival time, as
//! the primary or the AOF says.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It applies every
//! effect that it can read, whatever the key holds, reads no clock and no configuration, and is
//! idempotent.

use std::ffi::CStr;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::tat::Digits;

pub(super) const NAME: &CStr = c"LW._CELL";

pub(crate) struct Apply;

impl Command for Apply {
    const SPEC: &'static Spec = &Spec {
        name: NAME,
        summary: c"Internal: applies a change of CL.THROTTLE that comes from the primary or the AOF.",
        args: &[Param::KEY, Param::integer(c"tat_ns"), Param::integer(c"expires_ms")],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let (name, mut args) = call.key_and_args();
        let mut integer = || args.next().and_then(|arg| number::unsigned(arg.bytes()));
        let (Some(tat), Some(expires)) = (integer(), integer()) else {
            return Err(Refusal::BadEffect("two integers are expected behind the key"));
        };
        let mut key = call.write(name);
        // The primary is authoritative, so any other value is replaced.
        if key.string().is_err() {
            key.delete();
        }
        key.set_string(Digits::of(tat).as_slice());
        key.expire_at(Timestamp(expires));
        key.pass_effect_on();
        call.reply_ok();
        Ok(())
    }
}
