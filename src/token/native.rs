//! The store as a Redis data type, and the function through which commands change it.

use std::ffi::CStr;

use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::server::native::{Boxed, NativeType, Piece, Share, TypeHandle};
use crate::text::time::Timestamp;

use super::change::Change;
use super::effect::{self, Changes, EFFECT};
use super::store::Store;
use super::{life, snapshot};

/// How many ended sessions each change removes as well.
const SWEEP: usize = 8;

impl NativeType for Boxed<Store> {
    type Repr = Self;
    const NAME: &'static CStr = c"lw-tokens";
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
        let mut is_first = true;
        snapshot::batches(self, &mut |batch| {
            emit(&effect::encode_sessions(is_first, batch));
            is_first = false;
        });
    }

    fn copy(&self) -> Self {
        Self::new(self.copied())
    }

    fn size(&self) -> Option<usize> {
        Some(Store::size(self))
    }

    fn share(&self) -> Share {
        Share { bytes: Store::size(self), items: self.len() }
    }

    fn free(self) {
        self.into_inner().dispose();
    }

    fn free_effort(&self) -> usize {
        self.len()
    }
}

/// Applies `changes` to the store of a key, removes a few ended sessions, sets the key's expiry,
/// and replicates all of it.
pub(crate) fn commit(mut key: WriteKey<'_>, changes: Vec<Change>, now: Timestamp) -> Result<(), Refusal> {
    let (life, _) = life::current();
    let mut step = Changes { changes, expires: None };
    let apply = |store: &mut Store, step: &mut Changes| {
        step.changes.extend(store.ended(now, SWEEP).map(Change::End));
        for change in &step.changes {
            store.apply(change);
            store.mark(change, life);
        }
        step.expires = store.end();
    };
    let mut fresh = None;
    match key.value::<Boxed<Store>>()? {
        Some(mut store) => apply(&mut store, &mut step),
        None => apply(fresh.insert(Store::default()), &mut step),
    }
    if let Some(store) = fresh {
        key.set(Boxed::new(store));
    }
    set_expiry(&mut key, step.expires);
    key.replicate(EFFECT, &step.encode());
    Ok(())
}

/// Sets the key to expire with the last session, and deletes it when there is none.
pub(crate) fn set_expiry(key: &mut WriteKey<'_>, end: Option<Timestamp>) {
    match end {
        Some(end) => key.expire_at(end),
        None => key.delete(),
    }
}
