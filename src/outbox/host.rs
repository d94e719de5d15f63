//! The state that contains an outbox, and what connects the outbox to the server: replication, the
//! RDB and the rewritten AOF.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::sync::MutexGuard;

use crate::server::call::{Call, Destination};
use crate::server::events::{Tick, random_u64};
use crate::server::log;
use crate::server::native::Piece;
use crate::server::node::NodeState;
use crate::server::spec::Spec;

use super::extension::Extension;
use super::settings::JOURNAL;
use super::state::Outbox;

/// The state of a part of the module that has an outbox.
pub(crate) trait Host: Sized + 'static {
    type Extension: Extension;

    /// The effect command.
    const APPLY: &'static Spec;
    /// The name of the outbox in RDB files: nine characters.
    const RDB_NAME: &'static CStr;

    /// Locks the state. Never while it is locked. Only the main thread locks it, and the child that
    /// saves an RDB or rewrites the AOF, which is forked while it is unlocked: so the lock is
    /// always free.
    fn lock() -> MutexGuard<'static, Self>;
    fn outbox(&mut self) -> &mut Outbox<Self::Extension>;
    /// The outbox was changed from outside: what is derived from it has to be built anew.
    fn invalidate(&mut self);
    fn wake_scheduler();
}

/// Runs `f` on the state and replicates the resulting changes in place of `call`.
pub(crate) fn edit<H: Host, R>(call: &Call<'_>, f: impl FnOnce(&mut H) -> R) -> R {
    let mut state = H::lock();
    let result = f(&mut state);
    state.outbox().replicate(|payload| call.replicate_node_effect(H::APPLY.name, payload, destination()));
    result
}

/// Replicates the pending changes before the event loop sleeps. Only on a primary.
pub(crate) fn replicate<H: Host>(state: &mut H, tick: &Tick) {
    state.outbox().replicate(|payload| tick.replicate(H::APPLY.name, payload, destination()));
}

/// A data set is about to be loaded, with an outbox of its own.
pub(crate) fn loading_began<H: Host>() {
    let mut state = H::lock();
    state.outbox().begin_load();
    state.invalidate();
}

/// Loading has ended. If it has failed, for example because the link to the primary broke during a
/// full sync, the outbox is again what it was before.
pub(crate) fn loading_ended<H: Host>(has_succeeded: bool) {
    let mut state = H::lock();
    state.outbox().end_load(has_succeeded);
    if has_succeeded && !JOURNAL.get() && !state.outbox().is_empty() {
        log::warning(
            "journal is no, but alerts or audit events were loaded: each restart loads them again until \
             the file that holds them is written anew (SAVE or BGREWRITEAOF)",
        );
    }
    state.invalidate();
}

/// What [`purge`] has deleted.
pub(crate) struct Purged {
    pub queued: usize,
    pub dead: usize,
}

/// Deletes everything in the outbox, also on replicas. The ids made afterwards have a new epoch,
/// because their numbers start again at 1.
pub(crate) fn purge<H: Host>(call: &Call<'_>) -> Purged {
    let mut state = H::lock();
    let outbox = state.outbox();
    let purged = Purged { queued: outbox.queue().len(), dead: outbox.dead().len() };
    let effect = outbox.purge();
    outbox.begin_epoch(random_u64());
    // Into the AOF in any case: what it holds of an earlier start with a journal is loaded.
    call.replicate_node_effect(H::APPLY.name, &effect, Destination::ReplicasAndAof);
    state.invalidate();
    H::wake_scheduler();
    purged
}

/// Where the effects of outboxes go.
fn destination() -> Destination {
    if JOURNAL.get() { Destination::ReplicasAndAof } else { Destination::Replicas }
}

/// This server makes ids from now on: a data set was loaded, or it became a primary.
pub(crate) fn begin_epoch<H: Host>() {
    let mut state = H::lock();
    state.outbox().begin_epoch(random_u64());
    state.invalidate();
    H::wake_scheduler();
}

/// The outbox in the RDB: its payloads and an empty one. In a rewritten AOF without an RDB
/// preamble: an effect for each payload.
pub(crate) struct Saved<H>(PhantomData<H>);

impl<H: Host> NodeState for Saved<H> {
    const NAME: &'static CStr = H::RDB_NAME;
    const ENCODING: i32 = 1;
    const EFFECT: &'static CStr = H::APPLY.name;

    fn is_saved() -> bool {
        JOURNAL.get()
    }

    fn save(write: &mut dyn FnMut(&[u8])) {
        let mut state = H::lock();
        let outbox = state.outbox();
        if !outbox.is_empty() {
            outbox.payloads().for_each(|payload| write(&payload));
            write(&[]);
        }
    }

    fn load(first: &[u8], more: &mut dyn FnMut() -> Option<Piece>) -> Result<(), &'static str> {
        let outbox = Outbox::load(first, more)?;
        let mut state = H::lock();
        state.outbox().replace(outbox);
        state.invalidate();
        Ok(())
    }
}
