//! Changes of several limiter keys in one step: all of them or none.
//!
//! `LW._WINDOWS key effect [key effect ...]` applies them on replicas and from the AOF. It is
//! internal, like the command in [`super::apply`]. Each effect is applied by its own number, so a
//! repetition changes nothing.

use std::ffi::CStr;
use std::ops::{Deref, DerefMut};

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::key::{ValueMut, WriteKey};
use crate::server::spec::Spec;
use crate::text::syntax::Param;

use super::apply::apply_effect;
use super::effect::{Step, WindowEffect};
use super::native;
use super::value::Window;

const EFFECT: &CStr = c"LW._WINDOWS";

/// The log of a key that is open for writing.
pub(crate) enum Opened<'k> {
    There(ValueMut<'k, Window>),
    /// The key does not exist.
    New(Window),
}

impl Deref for Opened<'_> {
    type Target = Window;
    fn deref(&self) -> &Window {
        match self {
            Self::There(log) => log,
            Self::New(log) => log,
        }
    }
}

impl DerefMut for Opened<'_> {
    fn deref_mut(&mut self) -> &mut Window {
        match self {
            Self::There(log) => log,
            Self::New(log) => log,
        }
    }
}

impl<'k> Opened<'k> {
    fn of(key: &'k mut WriteKey<'_>) -> Result<Self, Refusal> {
        Ok(key.value::<Window>()?.map_or_else(|| Self::New(Window::default()), Self::There))
    }

    /// Applies `step`. Returns the log if its key has to be created.
    fn apply(mut self, step: Option<&mut Step>) -> Option<Window> {
        let changed = native::apply_step::<()>(&mut self, step);
        match self {
            Self::New(log) if changed => Some(log),
            _ => None,
        }
    }
}

/// Like [`native::update`] for several different keys: runs `decide` on all logs, applies the step
/// that it returns for each of them, and replicates all steps as one effect.
///
/// If a key holds a value of another type, nothing changes.
pub(crate) fn update<R>(
    mut keys: Vec<WriteKey<'_>>,
    decide: impl FnOnce(&mut [Opened<'_>]) -> (R, Vec<Option<Step>>),
) -> Result<R, Refusal> {
    let mut logs = keys.iter_mut().map(Opened::of).collect::<Result<Vec<_>, _>>()?;
    let (answer, mut steps) = decide(&mut logs);
    let created: Vec<Option<Window>> =
        logs.into_iter().zip(&mut steps).map(|(log, step)| log.apply(step.as_mut())).collect();
    let mut changes = Vec::with_capacity(keys.len());
    for ((mut key, created), step) in keys.into_iter().zip(created).zip(steps) {
        let Some(step) = step else { continue };
        if let Some(log) = created {
            key.set(log);
        }
        if let Some(at) = step.expires {
            key.expire_at(at);
        }
        changes.push((key, step.encode()));
    }
    WriteKey::replicate_together(EFFECT, &changes);
    Ok(answer)
}

pub(crate) struct ApplySeveral;

impl Command for ApplySeveral {
    const SPEC: &'static Spec = &Spec {
        name: EFFECT,
        summary:
            c"Internal: applies changes of several sliding windows that come from the primary or the AOF.",
        complexity: c"O(K) amortised with K the number of keys.",
        args: &[Param::block(c"change", &[Param::KEY, Param::string(c"effect")]).repeated()],
        ..Spec::EFFECT
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        call.require_effect_source()?;
        let mut args = call.args();
        let mut changes = Vec::with_capacity(args.len() / 2);
        while let Some(name) = args.next() {
            let payload = args.next().ok_or(Refusal::BadEffect("it is missing"))?;
            changes.push((name, WindowEffect::<()>::decode(payload.bytes()).map_err(Refusal::BadEffect)?));
        }
        for (name, effect) in changes {
            // Closed before the next is opened, so that a key that is named twice is open once.
            let mut key = call.write(name);
            apply_effect(&mut key, effect);
            key.signal();
        }
        call.pass_node_effect_on();
        call.reply_ok();
        Ok(())
    }
}
