//! How the other parts of the module raise an alert.

use crate::outbox::host::edit;
use crate::outbox::limits::Source;
use crate::outbox::reserved::is_reserved;
use crate::server::call::Call;
use crate::text::time::{Span, Timestamp};

use super::state::{self, State};
use super::{counters, dedup, wake};

/// Raises an alert with `data` as JSON in the step that `call` is. If even the reserve of the
/// outbox is used up, the alert is dropped and counted.
pub(crate) fn own(call: &Call<'_>, now: Timestamp, kind: &'static str, data: &str) {
    // A client's call on a writable replica must not change what the replica has from its primary.
    if call.require_primary().is_err() {
        return;
    }
    debug_assert!(is_reserved(kind), "callers can raise {kind} too");
    let raised = edit(call, |state: &mut State| state.raise(kind, data, now, Source::Module));
    wake::scheduler();
    if raised.is_err() {
        counters::DROPPED.count();
    }
}

/// Raises an alert before the event loop sleeps, on a primary, unless one of its kind was raised in
/// the last `cooldown`. The scheduler of the alerts replicates it.
pub(crate) fn own_once(now: Timestamp, kind: &'static str, data: &str, cooldown: Span) {
    debug_assert!(is_reserved(kind), "callers can raise {kind} too");
    let mut state = state::lock();
    let once = (dedup::digest_of(kind, b""), cooldown);
    if state.raise_once(kind, data, once, now, Source::Module).is_err() {
        counters::DROPPED.count();
    }
    wake::scheduler();
}
