//! How other wings record an event.

use crate::server::call::Call;
use crate::text::time::Timestamp;

use super::apply::EFFECT;
use super::entry::Fields;
use super::recorder::{self, Source};
use super::{counters, wake};

/// Records an event of the module's own in the step that `call` is. It can't fail: if even the room that is kept for such
/// events is used up, it is refused and counted, and the gap tells of it.
pub fn record(call: &Call<'_>, fields: Fields<'_>, now: Timestamp) {
    // A writable replica's own calls must not change what it has from its primary.
    if call.require_primary().is_err() {
        return;
    }
    let mut recorder = recorder::open();
    let recorded = recorder.record(fields, now, now, Source::Module);
    recorder.send_made(|made| call.replicate_node_effect(EFFECT, made));
    wake::scheduler_at(recorder.next_batch_at());
    drop(recorder);
    if recorded.is_err() {
        counters::REFUSED.count();
        wake::for_gap(now);
    }
}
