//! `LW._TOKEN key effect`: applies a change of a token store from the primary or the AOF.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It applies every
//! effect that it can read, reads no clock and no configuration, and is idempotent.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::effect::{EFFECT, StoreEffect};
use super::super::native::set_expiry;
use super::super::store::Store;

pub(crate) struct ApplyTokens;

impl Command for ApplyTokens {
    const SPEC: &'static Spec = &Spec {
        name: EFFECT,
        flags: "write admin deny-script",
        summary: c"Internal: applies a change of a token store that comes from the primary or the AOF.",
        complexity: c"O(log N) for a change with N sessions in the store, O(N) for N sessions at once.",
        args: &[Param::KEY, Param::string(c"effect")],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let (name, mut args) = call.key_and_args();
        let payload = args.next().ok_or(Refusal::BadEffect("it is missing"))?;
        let effect = StoreEffect::decode(payload.bytes()).map_err(Refusal::BadEffect)?;
        let mut key = call.write(name);
        // The primary is authoritative, so any other value is replaced.
        let is_ours = matches!(key.value::<Boxed<Store>>(), Ok(Some(_)));
        if !is_ours {
            key.set(Boxed::new(Store::default()));
        }
        let Some(mut store) = key.value::<Boxed<Store>>()? else {
            return Err(Refusal::BadEffect("there is no store to change"));
        };
        let mut expires = None;
        match effect {
            StoreEffect::Changes(step) => {
                step.changes.iter().for_each(|change| store.apply(change));
                expires = step.expires;
            }
            StoreEffect::Opening(sessions) => {
                std::mem::take(&mut **store).dispose();
                store.extend(sessions);
            }
            StoreEffect::More(sessions) => store.extend(sessions),
        }
        let is_empty = store.is_empty();
        drop(store);
        if is_empty {
            key.delete();
        } else if expires.is_some() {
            set_expiry(&mut key, expires);
        }
        key.pass_effect_on();
        call.reply_ok();
        Ok(())
    }
}
