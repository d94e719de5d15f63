//! `LW._WINDOW key effect`, and the like for every other kind of log: applies a change that was made on the primary,
//! or that the AOF holds.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It never refuses an effect it can
//! read, consults no clock and no configuration, and changes nothing when it is applied again.

use std::marker::PhantomData;

use crate::server::call::Call;
use crate::server::command::{Command, Spec};
use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::text::syntax::Param;

use super::effect::{Effect, Step};
use super::extra::Extra;
use super::log::Log;
use super::native::Kind;

/// The command of the logs with extra `X`.
pub struct Apply<X>(PhantomData<X>);

impl<X: Kind> Command for Apply<X> {
    const SPEC: &'static Spec = &Spec {
        name: X::EFFECT,
        summary: X::EFFECT_SUMMARY,
        complexity: c"O(1) amortised for a change, O(N) for a whole window of N entries.",
        args: &[Param::KEY, Param::string(c"effect")],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let mut args = call.args();
        let (Some(name), Some(payload)) = (args.next(), args.next()) else {
            return Err(Refusal::BadEffect("it is missing"));
        };
        let effect = Effect::<X>::decode(payload.bytes()).map_err(Refusal::BadEffect)?;
        let mut key = call.write(name);
        match effect {
            Effect::Snapshot(log) => replace(&mut key, log),
            Effect::Step(step) => take(&mut key, &step),
        }
        drop(key);
        call.pass_effect_on(name);
        call.reply_ok();
        Ok(())
    }
}

/// Puts a whole log in the key's place, unless what stands there is as new.
fn replace<X: Kind>(key: &mut WriteKey<'_>, log: Log<X>) {
    let stands = matches!(key.value::<Log<X>>(), Ok(Some(there)) if !log.is_newer_than(&there));
    if !stands {
        key.set(log);
    }
}

fn take<X: Kind>(key: &mut WriteKey<'_>, step: &Step<X>) {
    let mut fresh = None;
    let taken = match key.value::<Log<X>>() {
        Ok(Some(mut log)) => apply(&mut log, step),
        // Nothing to move in time where there is nothing.
        Ok(None) | Err(_) if step.units == 0 => false,
        // The primary's word is the truth: what else stands here gives way.
        Ok(None) | Err(_) => {
            let mut log = Log::new();
            apply(&mut log, step);
            fresh = Some(log);
            true
        }
    };
    if let Some(log) = fresh {
        key.set(log);
    }
    // An effect that comes again must not bring an old expiry back.
    if let Some(at) = step.expires.filter(|_| taken) {
        key.expire_at(at);
    }
}

fn apply<X: Extra>(log: &mut Log<X>, step: &Step<X>) -> bool {
    let taken = log.apply(step);
    if let Some(at) = step.expires.filter(|_| taken) {
        log.kept_until(at);
    }
    taken
}
