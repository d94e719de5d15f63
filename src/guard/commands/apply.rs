//! `LW._GUARD key effect`: applies a change of a guard from the primary or the AOF.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It applies every
//! effect that it can read, reads no clock, no rules and no configuration, and is idempotent.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::super::effect::{EFFECT, GuardEffect};
use super::super::value::Guard;

pub(crate) struct ApplyGuard;

impl Command for ApplyGuard {
    const SPEC: &'static Spec = &Spec {
        name: EFFECT,
        flags: "write admin deny-script",
        summary: c"Internal: applies a change of a guard that comes from the primary or the AOF.",
        complexity: c"O(M log N) with M the number of changes and N the number of subjects in the guard.",
        args: &[Param::KEY, Param::string(c"effect")],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let (name, mut args) = call.key_and_args();
        let payload = args.next().ok_or(Refusal::BadEffect("it is missing"))?;
        let effect = GuardEffect::decode(payload.bytes()).map_err(Refusal::BadEffect)?;
        let mut key = call.write(name);
        // The primary is authoritative, so any other value is replaced.
        let is_ours = matches!(key.value::<Boxed<Guard>>(), Ok(Some(_)));
        if !is_ours {
            key.set(Boxed::new(Guard::default()));
        }
        let Some(mut guard) = key.value::<Boxed<Guard>>()? else {
            return Err(Refusal::BadEffect("there is no guard to change"));
        };
        // As the primary does, so that an expiry that was set by hand stays. The AOF holds that of a
        // whole guard.
        let before = guard.header.until;
        let mut sets_expiry = false;
        match effect {
            GuardEffect::Step(step) => {
                sets_expiry = step.open.is_some();
                guard.apply(step);
                sets_expiry |= guard.header.until != before;
            }
            GuardEffect::Opening(opening) => {
                std::mem::replace(&mut **guard, opening.into_guard()).dispose();
            }
            GuardEffect::More(items) => {
                guard.extend(items);
            }
        }
        guard.count(Timestamp::from_system_clock());
        let until = guard.header.until;
        drop(guard);
        if sets_expiry {
            key.expire_at(until);
        }
        key.pass_effect_on();
        call.reply_ok();
        Ok(())
    }
}
