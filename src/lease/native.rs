//! The leases of a key as a Redis data type, and the function through which commands change them.

use std::ffi::CStr;

use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::server::native::{Boxed, NativeType, Piece, Share, TypeHandle};
use crate::text::time::Timestamp;

use super::effect::{self, EFFECT};
use super::leases::Leases;
use super::snapshot;
use super::step::Step;

impl NativeType for Boxed<Leases> {
    type Repr = Self;
    const NAME: &'static CStr = c"lw-leases";
    const ENCODING: i32 = 1;
    const EFFECT: &'static CStr = EFFECT;

    fn handle() -> &'static TypeHandle {
        static HANDLE: TypeHandle = TypeHandle::new();
        &HANDLE
    }

    fn save(&self, write: &mut dyn FnMut(&[u8])) {
        snapshot::write(self, write);
    }

    fn load(first: &[u8], more: &mut dyn FnMut() -> Option<Piece>) -> Result<Self, &'static str> {
        snapshot::read(first, more).map(Self::new)
    }

    fn rewrite(&self, emit: &mut dyn FnMut(&[u8])) {
        effect::whole(self, emit);
    }

    fn copy(&self) -> Self {
        Self::new(Leases::clone(self))
    }

    fn size(&self) -> Option<usize> {
        Some(Leases::size(self))
    }

    fn share(&self) -> Share {
        Share { bytes: Leases::size(self), items: self.len() }
    }

    fn free(self) {
        self.into_inner().dispose();
    }

    fn free_effort(&self) -> usize {
        self.len()
    }
}

/// Runs `decide` on the leases of a key (none if the key does not exist), applies the step that it
/// returns, sets the key's expiry or deletes the key, and replicates the step. Without a step
/// nothing changes.
pub(super) fn update<R>(
    mut key: WriteKey<'_>,
    decide: impl FnOnce(&mut Leases) -> Result<(R, Option<Step>), Refusal>,
) -> Result<R, Refusal> {
    let mut fresh = None;
    let (answer, mut step) = match key.value::<Boxed<Leases>>()? {
        Some(mut leases) => {
            let (answer, mut step) = decide(&mut leases)?;
            apply_own(&mut leases, step.as_mut());
            (answer, step)
        }
        None => {
            let mut leases = Leases::default();
            let (answer, mut step) = decide(&mut leases)?;
            if apply_own(&mut leases, step.as_mut()) {
                fresh = Some(leases);
            }
            (answer, step)
        }
    };
    if let Some(leases) = fresh {
        key.set(Boxed::new(leases));
    }
    if let Some(step) = step.take() {
        set_expiry(&mut key, step.expires);
        key.replicate(EFFECT, &step.encode());
    }
    Ok(answer)
}

fn apply_own(leases: &mut Leases, step: Option<&mut Step>) -> bool {
    step.is_some_and(|step| {
        let taken = leases.apply(step);
        step.expires = leases.expiry();
        taken
    })
}

/// Sets the key to expire with its last lease, and deletes it when there is none.
pub(super) fn set_expiry(key: &mut WriteKey<'_>, end: Option<Timestamp>) {
    match end {
        Some(end) => key.expire_at(end),
        None => key.delete(),
    }
}
