//! How the other parts of the module record an event.

use crate::outbox::host::edit;
use crate::outbox::limits::Source;
use crate::outbox::reserved::is_reserved;
use crate::server::call::Call;
use crate::text::time::Timestamp;

use super::entry::Fields;
use super::state::State;
use super::{counters, wake};

/// Records an event of the module's own in the step that `call` is. If even the reserve of the
/// outbox is used up, the event is refused and counted, and joins the gap.
pub(crate) fn record(call: &Call<'_>, fields: Fields<'_>, now: Timestamp) {
    // A client's call on a writable replica must not change what the replica has from its primary.
    if call.require_primary().is_err() {
        return;
    }
    debug_assert!(is_reserved(fields.kind()), "callers can record {} too", fields.kind());
    let recorded = edit(call, |state: &mut State| {
        let recorded = state.record(fields, now, now, Source::Module);
        wake::scheduler_at(state.next_batch_at());
        recorded
    });
    if recorded.is_err() {
        counters::REFUSED.count();
        wake::for_gap(now);
    }
}
