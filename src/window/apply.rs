//! `LW._WINDOW key effect`, and the same command of every other kind of log: applies a change from
//! the primary or the AOF.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It applies every
//! effect that it can read, reads no clock and no configuration, and is idempotent.

use std::marker::PhantomData;

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::effect::{Refund, Step, WindowEffect};
use super::log::Log;
use super::native::Kind;
use super::value::Stored;

/// The effect command of the logs with extra `X`.
pub(crate) struct Apply<X>(PhantomData<X>);

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
        let effect = WindowEffect::<X>::decode(payload.bytes()).map_err(Refusal::BadEffect)?;
        let mut key = call.write(name);
        apply_effect(&mut key, effect);
        key.pass_effect_on();
        call.reply_ok();
        Ok(())
    }
}

pub(super) fn apply_effect<X: Kind>(key: &mut WriteKey<'_>, effect: WindowEffect<X>) {
    match effect {
        WindowEffect::Snapshot(log) => replace(key, log),
        WindowEffect::Step(step) => apply_step(key, &step),
        WindowEffect::Refund(refund) => apply_refund::<X>(key, &refund),
    }
}

/// Sets the key to a whole log, unless the key holds one that is as new.
fn replace<X: Kind>(key: &mut WriteKey<'_>, log: Log<X>) {
    let stands = matches!(key.value::<X::Value>(), Ok(Some(there)) if !there.is_older_than(&log));
    if !stands {
        key.set(X::Value::of(log));
    }
}

fn apply_step<X: Kind>(key: &mut WriteKey<'_>, step: &Step<X>) {
    let mut fresh = None;
    let taken = match key.value::<X::Value>() {
        Ok(Some(mut log)) => apply(&mut *log, step),
        // There is no entry whose time could change.
        Ok(None) | Err(_) if step.units == 0 => false,
        // The primary is authoritative, so any other value is replaced.
        Ok(None) | Err(_) => {
            let mut log = X::Value::default();
            apply(&mut log, step);
            fresh = Some(log);
            true
        }
    };
    if let Some(log) = fresh {
        key.set(log);
    }
    // A repeated effect must not restore an old expiry.
    if let Some(at) = step.expires.filter(|_| taken) {
        key.expire_at(at);
    }
}

fn apply<X: Kind>(log: &mut X::Value, step: &Step<X>) -> bool {
    let taken = log.apply(step);
    if let Some(at) = step.expires.filter(|_| taken) {
        log.kept_until(at);
    }
    taken
}

/// Without a log of this kind there is nothing to give back.
fn apply_refund<X: Kind>(key: &mut WriteKey<'_>, refund: &Refund) {
    let Ok(Some(mut log)) = key.value::<X::Value>() else { return };
    let emptied = log.apply_refund(refund) && log.is_empty();
    drop(log);
    if emptied {
        key.delete();
    }
}
