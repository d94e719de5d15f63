//! A guard as a Redis data type, and the function through which commands change it.

use std::ffi::CStr;

use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::key::WriteKey;
use crate::server::native::{Boxed, NativeType, Piece, TypeHandle};
use crate::server::{memory, random};
use crate::text::time::Timestamp;

use super::bans::Source;
use super::edit::{Edit, Limits};
use super::effect::{self, EFFECT};
use super::hash::HashKey;
use super::local::Size;
use super::ruleset::GuardRules;
use super::settings::GUARD_MAX_BYTES;
use super::value::Guard;
use super::{lost, snapshot};

/// The longest part of a key's name that is kept to report the guard, in bytes.
const NAME: usize = 256;

impl NativeType for Boxed<Guard> {
    type Repr = Self;
    const NAME: &'static CStr = c"lw-guards";
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
        let mut guard = snapshot::read(first, more)?;
        guard.count(Timestamp::from_system_clock());
        Ok(Self::new(guard))
    }

    fn rewrite(&self, emit: &mut dyn FnMut(&[u8])) {
        effect::whole(self, emit);
    }

    fn copy(&self) -> Self {
        let mut copy = Guard::clone(self);
        copy.count(Timestamp::from_system_clock());
        Self::new(copy)
    }

    fn size(&self) -> Option<usize> {
        Some(Guard::size(self))
    }

    fn free(self) {
        let guard = self.into_inner();
        lost::freed(&guard);
        guard.dispose();
    }

    fn free_effort(&self) -> usize {
        self.subjects() + self.bans.len() + self.known.len()
    }
}

impl Guard {
    /// Sets this guard's share of the gauges in INFO.
    pub(crate) fn count(&mut self, now: Timestamp) {
        let is_restrained = self.cap.is_reached(now)
            || self.bans.is_full(Source::Operator, 0, usize::MAX)
            || self.pulse.health.is_broken(now);
        let size = Size {
            bytes: self.size() as u64,
            bans: self.bans.len() as u64,
            subjects: self.subjects() as u64,
            known: self.known.len() as u64,
            restrained: is_restrained.into(),
        };
        self.local.count(self.header.hash_key, size);
    }
}

/// Runs `decide` on the guard of a key, an empty one if there is none. Then sets the key's expiry
/// and replicates what was changed. Without a change nothing happens. A guard in which nothing is
/// left stays, because its age matters.
pub(crate) fn update<R>(
    call: &Call<'_>,
    mut key: WriteKey<'_>,
    rules: &GuardRules,
    now: Timestamp,
    decide: impl FnOnce(&mut Edit<'_>) -> R,
) -> Result<R, Refusal> {
    let limits = Limits { max_bytes: GUARD_MAX_BYTES.get(), may_create: memory::used_share() <= 1.0 };
    let mut fresh = None;
    let (answer, changed) = match key.value::<Boxed<Guard>>()? {
        Some(mut guard) => change(call, &mut guard, rules, limits, now, decide),
        None => {
            let bytes = random::bytes();
            let no_bytes = || Refusal::Unavailable("the system has no random bytes to give".into());
            let guard = fresh.insert(Guard::new(HashKey(bytes.ok_or_else(no_bytes)?), now));
            change(call, guard, rules, limits, now, decide)
        }
    };
    let Some(Changed { payload, until }) = changed else { return Ok(answer) };
    if let Some(guard) = fresh {
        // A new guard that would hold nothing is not worth a key.
        if guard.is_empty() {
            return Ok(answer);
        }
        key.set(Boxed::new(guard));
    }
    if let Some(until) = until {
        key.expire_at(until);
    }
    key.replicate(EFFECT, &payload);
    Ok(answer)
}

/// A change that was made.
struct Changed {
    payload: Vec<u8>,
    /// The new expiry of the key, if it is another one.
    until: Option<Timestamp>,
}

fn change<R>(
    call: &Call<'_>,
    guard: &mut Guard,
    rules: &GuardRules,
    limits: Limits,
    now: Timestamp,
    decide: impl FnOnce(&mut Edit<'_>) -> R,
) -> (R, Option<Changed>) {
    let before = guard.header.until;
    let is_new = guard.header.seq == 0;
    let mut edit = Edit::new(guard, rules, limits, now);
    let answer = decide(&mut edit);
    super::counters::REFUSED.add(edit.refused);
    let payload = edit.finish().map(|step| step.encode());
    let changed = payload.map(|payload| {
        let until = guard.header.until;
        guard.count(now);
        if guard.local.name.is_empty() {
            let name = call.key_and_args().0.bytes();
            guard.local.name = name.get(..NAME).unwrap_or(name).into();
        }
        Changed { payload, until: (is_new || until != before).then_some(until) }
    });
    (answer, changed)
}
