//! The log as a Redis data type: what is saved, loaded, copied and rewritten.

use std::ffi::CStr;

use crate::server::args::Arg;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::flat::Flat;
use crate::server::key::WriteKey;
use crate::server::native::{NativeType, TypeHandle};

use super::effect::{Effect, Step};
use super::log::{Header, Log};
use super::snapshot;

static HANDLE: TypeHandle = TypeHandle::new();

impl From<Log> for Flat<Header> {
    #[inline]
    fn from(log: Log) -> Self {
        log.into_flat()
    }
}

impl From<Flat<Header>> for Log {
    #[inline]
    fn from(flat: Flat<Header>) -> Self {
        Self::from_flat(flat)
    }
}

impl NativeType for Log {
    type Repr = Flat<Header>;
    const NAME: &'static CStr = c"lw-window";
    const ENCODING: i32 = 1;
    const EFFECT: &'static CStr = c"LW._WINDOW";

    fn handle() -> &'static TypeHandle {
        &HANDLE
    }

    fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.allocated());
        snapshot::write(self, &mut bytes);
        bytes
    }

    fn load(bytes: &[u8]) -> Result<Self, &'static str> {
        snapshot::read(bytes)
    }

    fn rewrite(&self) -> Vec<u8> {
        Effect::snapshot_of(self)
    }

    fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.expiry_unknown();
        copy
    }
}

/// Runs `decide` on the log that `key`, which is called `name`, holds (an empty one if there is none) and makes the
/// step it returns, if any: applied, expiry kept, replicated. Without a step nothing changes.
///
/// `decide` sees the log before the step and may only move its cursors.
#[inline]
pub fn update<R>(
    call: &Call<'_>,
    name: Arg<'_>,
    mut key: WriteKey<'_>,
    decide: impl FnOnce(&mut Log) -> (R, Option<Step>),
) -> Result<R, Refusal> {
    let answer;
    let mut step;
    let mut fresh = None;
    match key.value::<Log>()? {
        Some(mut log) => {
            (answer, step) = decide(&mut log);
            take(&mut log, step.as_mut());
        }
        None => {
            let mut log = Log::new();
            (answer, step) = decide(&mut log);
            if take(&mut log, step.as_mut()) {
                fresh = Some(log);
            }
        }
    }
    if let Some(log) = fresh {
        key.set(log);
    }
    if let Some(step) = step {
        if let Some(at) = step.expires {
            key.expire_at(at);
        }
        drop(key);
        call.replicate_effect(Log::EFFECT, name, step.encode().as_slice());
    }
    Ok(answer)
}

#[inline]
fn take(log: &mut Log, step: Option<&mut Step>) -> bool {
    step.is_some_and(|step| {
        let taken = log.apply(step);
        step.expires = log.expiry_to_set();
        taken
    })
}
