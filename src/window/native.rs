//! The log as a Redis data type, one for each kind.

use std::ffi::CStr;

use crate::server::error::Refusal;
use crate::server::flat::{EitherFlat, Flat};
use crate::server::key::WriteKey;
use crate::server::native::{NativeType, Piece, TypeHandle};

use super::effect::{Refund, Step, WindowEffect};
use super::extra::Extra;
use super::log::{Header, Log};
use super::small::Small;
use super::value::{Decision, Stored, Window};

/// A kind of log, distinguished by its extra, with a data type and an effect command of its own.
pub(crate) trait Kind: Extra {
    const TYPE: &'static CStr;
    const EFFECT: &'static CStr;
    /// The summary of that command in COMMAND DOCS.
    const EFFECT_SUMMARY: &'static CStr;

    /// The value of a key.
    type Value: NativeType + Stored<Self>;

    fn handle() -> &'static TypeHandle;
}

/// A kind whose keys hold a plain [`Log`].
pub(crate) trait Plain: Kind {}

/// The limiter's kind.
impl Kind for () {
    type Value = Window;
    const TYPE: &'static CStr = c"lw-window";
    const EFFECT: &'static CStr = c"LW._WINDOW";
    const EFFECT_SUMMARY: &'static CStr =
        c"Internal: applies a change of a sliding window that comes from the primary or the AOF.";

    fn handle() -> &'static TypeHandle {
        static HANDLE: TypeHandle = TypeHandle::new();
        &HANDLE
    }
}

impl<X: Extra> From<Log<X>> for Flat<Header<X>> {
    #[inline]
    fn from(log: Log<X>) -> Self {
        log.into_flat()
    }
}

impl<X: Extra> From<Flat<Header<X>>> for Log<X> {
    #[inline]
    fn from(flat: Flat<Header<X>>) -> Self {
        Self::from_flat(flat)
    }
}

impl<X: Plain> NativeType for Log<X> {
    type Repr = Flat<Header<X>>;
    const NAME: &'static CStr = X::TYPE;
    const ENCODING: i32 = 1;
    const EFFECT: &'static CStr = X::EFFECT;

    fn handle() -> &'static TypeHandle {
        X::handle()
    }

    fn save(&self, write: &mut dyn FnMut(&[u8])) {
        write(&self.to_bytes());
    }

    fn load(first: &[u8], _more: &mut dyn FnMut() -> Option<Piece>) -> Result<Self, &'static str> {
        Self::from_bytes(first)
    }

    fn rewrite(&self, emit: &mut dyn FnMut(&[u8])) {
        emit(&WindowEffect::snapshot_of(self));
    }

    fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.expiry_unknown();
        copy
    }
}

impl NativeType for Window {
    type Repr = EitherFlat<Small, Header>;
    const NAME: &'static CStr = <() as Kind>::TYPE;
    const ENCODING: i32 = 1;
    const EFFECT: &'static CStr = <() as Kind>::EFFECT;

    fn handle() -> &'static TypeHandle {
        <() as Kind>::handle()
    }

    fn save(&self, write: &mut dyn FnMut(&[u8])) {
        write(&self.to_log().to_bytes());
    }

    fn load(first: &[u8], _more: &mut dyn FnMut() -> Option<Piece>) -> Result<Self, &'static str> {
        Log::from_bytes(first).map(Self::of)
    }

    fn rewrite(&self, emit: &mut dyn FnMut(&[u8])) {
        emit(&WindowEffect::snapshot_of(&self.to_log()));
    }

    fn copy(&self) -> Self {
        Self::copy(self)
    }
}

/// Runs `decision` on the log of a limiter's key (an empty one if the key does not exist), applies
/// the step that it returns, sets the key's expiry, and replicates the step. Without a step nothing
/// changes.
#[inline(always)]
pub(crate) fn decide<D: Decision>(mut key: WriteKey<'_>, decision: &D) -> Result<D::Answer, Refusal> {
    let (answer, step);
    let mut fresh = None;
    match key.value::<Window>()? {
        Some(mut window) => (answer, step) = window.update(decision),
        None => {
            let mut window = Window::default();
            (answer, step) = window.update(decision);
            fresh = step.is_some().then_some(window);
        }
    }
    if let Some(window) = fresh {
        key.set(window);
    }
    if let Some(step) = step {
        replicate(key, &step);
    }
    Ok(answer)
}

/// Like [`decide`], for any kind of log.
///
/// `decide` must not change the log, except for its cursors.
#[inline]
pub(crate) fn update<X: Kind, R>(
    mut key: WriteKey<'_>,
    decide: impl FnOnce(&mut X::Value) -> (R, Option<Step<X>>),
) -> Result<R, Refusal> {
    let answer;
    let mut step;
    let mut fresh = None;
    match key.value::<X::Value>()? {
        Some(mut log) => {
            (answer, step) = decide(&mut log);
            apply_step(&mut *log, step.as_mut());
        }
        None => {
            let mut log = X::Value::default();
            (answer, step) = decide(&mut log);
            if apply_step(&mut log, step.as_mut()) {
                fresh = Some(log);
            }
        }
    }
    if let Some(log) = fresh {
        key.set(log);
    }
    if let Some(step) = step {
        replicate(key, &step);
    }
    Ok(answer)
}

/// Applies `step`, if there is one, and sets the expiry that follows from it. Returns whether the
/// log has changed.
#[inline]
pub(super) fn apply_step<X: Kind>(log: &mut X::Value, step: Option<&mut Step<X>>) -> bool {
    step.is_some_and(|step| {
        let taken = log.apply(step);
        step.expires = log.expiry_to_set();
        taken
    })
}

/// Like [`decide`], for a call that always records units. `after` reads the log with those units.
pub(crate) fn record<B, R>(
    mut key: WriteKey<'_>,
    decide: impl FnOnce(&mut Window) -> (B, Step),
    after: impl FnOnce(B, &Window) -> R,
) -> Result<R, Refusal> {
    let take = |log: &mut Window| {
        let (before, mut step) = decide(log);
        apply_step::<()>(log, Some(&mut step));
        (after(before, log), step)
    };
    let answer;
    let step;
    let mut fresh = None;
    match key.value::<Window>()? {
        Some(mut log) => (answer, step) = take(&mut log),
        None => {
            let mut log = Window::default();
            (answer, step) = take(&mut log);
            fresh = Some(log);
        }
    }
    if let Some(log) = fresh {
        key.set(log);
    }
    replicate(key, &step);
    Ok(answer)
}

/// A change of a log that exists.
pub(crate) enum Change {
    Step(Step),
    Refund(Refund),
}

/// Like [`decide`], for a call that never creates a key: of a key that does not exist, it returns
/// the default. A refund of the last units deletes the key.
pub(crate) fn change<R: Default>(
    mut key: WriteKey<'_>,
    decide: impl FnOnce(&Log) -> (R, Option<Change>),
) -> Result<R, Refusal> {
    let Some(mut log) = key.value::<Window>()? else {
        return Ok(R::default());
    };
    let (answer, change) = decide(&log.to_log());
    match change {
        None => {}
        Some(Change::Step(mut step)) => {
            apply_step::<()>(&mut log, Some(&mut step));
            drop(log);
            replicate(key, &step);
        }
        Some(Change::Refund(refund)) => {
            let emptied = log.apply_refund(&refund) && log.is_empty();
            drop(log);
            if emptied {
                key.delete();
            }
            key.replicate(<() as Kind>::EFFECT, refund.encode().as_slice());
        }
    }
    Ok(answer)
}

#[inline(always)]
fn replicate<X: Kind>(key: WriteKey<'_>, step: &Step<X>) {
    if let Some(at) = step.expires {
        key.expire_at(at);
    }
    key.replicate(X::EFFECT, step.encode().as_slice());
}
