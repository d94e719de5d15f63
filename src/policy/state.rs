//! The policies of this node, and what connects them to the server: replication, the RDB and the
//! rewritten AOF.

use std::borrow::Cow;
use std::ffi::CStr;
use std::str;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::outbox::settings::JOURNAL;
use crate::server::call::{Call, Destination};
use crate::server::error::Refusal;
use crate::server::log;
use crate::server::native::Piece;
use crate::server::node::{self, NodeState};
use crate::text::quoted::Quoted;
use lockwatch_common::nearest::nearest;

use super::effect::EFFECT;
use super::store::{Applied, Store};
use super::{subject, wire};

#[derive(Default)]
pub(super) struct State {
    pub store: Store,
    /// What the node held before the load that is running.
    before_load: Option<Store>,
    /// The digest of the store, if it is known.
    digest: Option<u64>,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);

/// Locks the state. Never while it is locked. Only the main thread locks it, and the child that
/// saves an RDB or rewrites the AOF, which is forked while it is unlocked: so the lock is always
/// free.
pub(super) fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the policy `name` says about `key`.
#[inline]
pub(crate) fn find(name: &[u8], key: &[u8]) -> Result<Applied, Refusal> {
    let state = lock();
    state.store.find(name, key).ok_or_else(|| unknown(&state.store, name))
}

/// The most names that an unknown one is compared with, because that takes up to 10 us for each. If
/// more are about as long, the error makes no suggestion.
const MOST_COMPARED: usize = 10;

/// The error of a policy that does not exist.
#[cold]
pub(super) fn unknown(store: &Store, name: &[u8]) -> Refusal {
    let alike = |known: &&[u8]| known.len().abs_diff(name.len()) <= 2;
    let known = store.iter().map(|(name, _)| name).filter(alike).take(MOST_COMPARED + 1);
    let mut known: Vec<&str> = known.filter_map(|name| str::from_utf8(name).ok()).collect();
    if known.len() > MOST_COMPARED {
        known.clear();
    }
    let word = str::from_utf8(name).ok().filter(|_| subject::is_name(name));
    let hint = match word.and_then(|word| nearest(word, &known)) {
        Some(name) => format!(", did you mean {name}?"),
        None => ": set it with LW.POLICY SET name limit window".to_owned(),
    };
    Refusal::Coded("LWNOPOLICY", Cow::Owned(format!("there is no policy {}{hint}", Quoted(name))))
}

impl State {
    /// The digest of the content.
    pub(super) fn digest(&mut self) -> u64 {
        let store = &self.store;
        *self.digest.get_or_insert_with(|| wire::digest(store))
    }

    pub(super) fn changed(&mut self) {
        self.digest = None;
    }

    /// Applies a payload, which may be damaged or hostile.
    pub(super) fn apply(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        self.changed();
        wire::apply(&mut self.store, payload)
    }
}

/// Replicates a change in place of `call`.
pub(super) fn replicate(call: &Call<'_>, payload: &[u8]) {
    call.replicate_node_effect(EFFECT.name, payload, Destination::ReplicasAndAof);
}

/// Whether this server can save policies. Redis 7.0 writes a record of the module into every RDB
/// file or into none, and `journal no` says that it shall write none.
pub(super) fn can_save() -> bool {
    JOURNAL.get() || node::leaves_no_trace()
}

/// A data set is about to be loaded, with policies of its own.
pub(crate) fn loading_began() {
    let mut state = lock();
    let old = std::mem::take(&mut state.store);
    state.changed();
    // Otherwise an earlier load has not ended.
    state.before_load.get_or_insert(old);
}

/// Loading has ended. If it has failed, the policies are again those from before.
pub(crate) fn loading_ended(has_succeeded: bool) {
    let mut state = lock();
    state.changed();
    if let Some(before) = state.before_load.take() {
        if has_succeeded {
            state.store.adopt_counts(&before);
        } else {
            state.store = before;
        }
    }
    if has_succeeded && state.store.len() > 0 && !can_save() {
        log::warning(
            "policies were loaded, but with \"journal no\" this version of Redis does not save them: the next \
             RDB file or rewritten AOF has none",
        );
    }
}

/// The policies in the RDB, and in a rewritten AOF without an RDB preamble: one payload.
pub(crate) struct Saved;

impl NodeState for Saved {
    const NAME: &'static CStr = c"lw-policy";
    const ENCODING: i32 = 1;
    const EFFECT: &'static CStr = EFFECT.name;

    fn is_saved() -> bool {
        can_save()
    }

    fn save(write: &mut dyn FnMut(&[u8])) {
        let state = lock();
        if state.store.len() > 0 {
            write(&wire::whole(&state.store));
        }
    }

    fn load(first: &[u8], _more: &mut dyn FnMut() -> Option<Piece>) -> Result<(), &'static str> {
        lock().apply(first)
    }
}
