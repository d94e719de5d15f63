//! How an alert is raised, by LW.ALERT and by other wings.

use crate::journal::id::Id;
use crate::server::call::Call;
use crate::text::time::{Span, Timestamp};

use super::apply::EFFECT;
use super::change::encode;
use super::counters;
use super::desk::{self, Desk, Full, Source};
use super::{dedup, wake};

/// Raises an alert of the module's own, with `data` as JSON, in the step that `call` is. It can't fail: if even the room
/// that is kept for such alerts is used up, the alert is dropped and counted.
pub fn own(call: &Call<'_>, now: Timestamp, kind: &'static str, data: &str) {
    // A writable replica's own calls must not change what it has from its primary.
    if call.require_primary().is_err() {
        return;
    }
    let raised: Result<Id, Full> = at_desk(call, |desk| desk.raise(kind, data, now, Source::Module));
    if raised.is_err() {
        counters::DROPPED.count();
    }
}

/// Raises an alert of the module's own outside of any call, unless one of its kind was raised in the last `cooldown`. Before
/// the event loop sleeps, on a primary; the alerts' own turn replicates it.
pub fn own_once(now: Timestamp, kind: &'static str, data: &str, cooldown: Span) {
    let mut desk = desk::open();
    let digest = dedup::digest_of(kind, b"");
    if !desk.is_news(digest, cooldown, now) {
        return;
    }
    if desk.raise(kind, data, now, Source::Module).is_ok() {
        desk.quiet(digest, cooldown, now);
    } else {
        counters::DROPPED.count();
    }
    wake::scheduler();
}

/// Does something at the desk, and replicates what was changed there.
pub fn at_desk<R>(call: &Call<'_>, act: impl FnOnce(&mut Desk) -> R) -> R {
    let mut desk = desk::open();
    let answer = act(&mut desk);
    let made = desk.take_made();
    drop(desk);
    if !made.is_empty() {
        call.replicate_node_effect(EFFECT, &encode(&made));
    }
    wake::scheduler();
    answer
}
