//! How the other parts of the module raise an alert.

use crate::journal::id::Id;
use crate::outbox::host::edit;
use crate::outbox::limits::{Full, Source};
use crate::outbox::reserved::is_reserved;
use crate::server::call::Call;
use crate::text::time::{Span, Timestamp};

use super::state::{self, State};
use super::{counters, dedup, wake};

/// Raises an alert with `data` as JSON in the step that `call` is. If even the reserve of the
/// outbox is used up, the alert is dropped and counted. Returns whether it was raised.
pub(crate) fn own(call: &Call<'_>, now: Timestamp, kind: &'static str, data: &str) -> bool {
    in_step(call, kind, |state| state.raise(kind, data, now, Source::Module).map(Some))
}

/// Like [`own`], unless an alert of this kind was raised with the same `text` in the last
/// `cooldown`.
pub(crate) fn own_unless_repeated(
    call: &Call<'_>,
    now: Timestamp,
    kind: &'static str,
    data: &str,
    (text, cooldown): (&[u8], Span),
) -> bool {
    let once = (dedup::digest_of(kind, text), cooldown);
    in_step(call, kind, |state| state.raise_once(kind, data, once, now, Source::Module))
}

fn in_step(
    call: &Call<'_>,
    kind: &'static str,
    raise: impl FnOnce(&mut State) -> Result<Option<Id>, Full>,
) -> bool {
    // A client's call on a writable replica must not change what the replica has from its primary.
    if call.require_primary().is_err() {
        return false;
    }
    debug_assert!(is_reserved(kind), "callers can raise {kind} too");
    let raised = edit(call, raise);
    wake::scheduler();
    if raised.is_err() {
        counters::DROPPED.count();
    }
    raised.is_ok_and(|id| id.is_some())
}

/// Raises an alert before the event loop sleeps, on a primary, unless one of its kind was raised in
/// the last `cooldown`. The scheduler of the alerts replicates it.
pub(crate) fn own_once(now: Timestamp, kind: &'static str, data: &str, cooldown: Span) {
    own_once_for(now, kind, data, (b"", cooldown));
}

/// Like [`own_once`], but only alerts with the same `text` suppress this one.
pub(crate) fn own_once_for(now: Timestamp, kind: &'static str, data: &str, (text, cooldown): (&[u8], Span)) {
    debug_assert!(is_reserved(kind), "callers can raise {kind} too");
    let mut state = state::lock();
    let once = (dedup::digest_of(kind, text), cooldown);
    if state.raise_once(kind, data, once, now, Source::Module).is_err() {
        counters::DROPPED.count();
    }
    wake::scheduler();
}
