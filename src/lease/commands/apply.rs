//! `LW._LEASE key effect`: applies a change of a key's leases from the primary or the AOF.
//!
//! Internal: refused unless it comes from the primary's link or from loading. It applies every
//! effect that it can read, reads no clock and no configuration, and is idempotent.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::super::effect::{EFFECT, LeaseEffect};
use super::super::id::Fence;
use super::super::leases::{Header, Lease, Leases};
use super::super::native::set_expiry;
use super::super::step::{Act, Step};

pub(crate) struct ApplyLeases;

impl Command for ApplyLeases {
    const SPEC: &'static Spec = &Spec {
        name: EFFECT,
        flags: "write admin deny-script",
        summary: c"Internal: applies a change of a key's leases that comes from the primary or the AOF.",
        complexity: c"O(log N) for a change with N the number of leases, O(N) for N leases at once.",
        args: &[Param::KEY, Param::string(c"effect")],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let (name, mut args) = call.key_and_args();
        let payload = args.next().ok_or(Refusal::BadEffect("it is missing"))?;
        let effect = LeaseEffect::decode(payload.bytes()).map_err(Refusal::BadEffect)?;
        let mut key = call.write(name);
        match effect {
            LeaseEffect::Step(step) => apply_step(&mut key, &step),
            LeaseEffect::Opening(header, leases) => replace(&mut key, header, &leases),
            LeaseEffect::More(leases) => extend(&mut key, &leases),
        }
        key.pass_effect_on();
        call.reply_ok();
        Ok(())
    }
}

fn apply_step(key: &mut WriteKey<'_>, step: &Step) {
    let mut fresh = None;
    let taken = match key.value::<Boxed<Leases>>() {
        Ok(Some(mut leases)) => leases.apply(step),
        // The primary is authoritative, so any other value is replaced.
        Ok(None) | Err(_) => {
            let mut leases = Leases::default();
            let makes_one = matches!(step.act, Act::Acquire { .. });
            fresh = makes_one.then(|| {
                leases.apply(step);
                leases
            });
            makes_one
        }
    };
    if let Some(leases) = fresh {
        key.set(Boxed::new(leases));
    }
    // A repeated effect must not restore an old expiry.
    if taken {
        set_expiry(key, step.expires);
    }
}

/// Sets the key to these leases. What can't be a lease of this key is left out.
fn replace(key: &mut WriteKey<'_>, header: Header, leases: &[(Fence, Lease)]) {
    let mut value = Leases::of(header);
    add_all(&mut value, leases);
    key.set(Boxed::new(value));
}

fn extend(key: &mut WriteKey<'_>, leases: &[(Fence, Lease)]) {
    if let Ok(Some(mut value)) = key.value::<Boxed<Leases>>() {
        add_all(&mut value, leases);
    }
}

fn add_all(value: &mut Leases, leases: &[(Fence, Lease)]) {
    for (fence, lease) in leases {
        value.add(*fence, lease);
    }
}
