//! The state of the audit log on this server: the outbox, where it is shipped to, and what of it
//! the shipper has.

use std::ffi::CStr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event};
use crate::outbox::apply::EFFECT;
use crate::outbox::effect::Change as OutboxChange;
use crate::outbox::host::Host;
use crate::outbox::limits::{self, Full, Source};
use crate::outbox::state::Outbox;
use crate::server::events;
use crate::server::spec::Spec;
use crate::text::time::{Span, Timestamp};

use super::entry::{Entry, Fields, GAP, Record};
use super::ledger::{ALL, Change, Ledger, Share};
use super::refused::{DataError, Refused};
use super::settings::{AUDIT_BATCH, AUDIT_MAX_BYTES, AUDIT_MAX_EVENTS};
use super::{counters, wake};
use lockwatch_common::postgres::target::Target;

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let mut state = State::default();
    state.outbox.begin_epoch(events::random_u64());
    Mutex::new(state)
});

/// See [`Host::lock`].
pub(crate) fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
pub(crate) struct State {
    outbox: Outbox<Ledger>,
    /// Where events are shipped to. Without a target the outbox is the log, and newer events
    /// overwrite older ones.
    target: Option<Arc<Target>>,
    cursor: Cursor,
    /// A buffer in which events are packed.
    scratch: Vec<u8>,
    /// The gap has grown since it was last replicated.
    gap_grew: bool,
    /// Nothing is shipped before this time, because an event was refused and there is no room for
    /// another dead letter.
    held_until: Option<Timestamp>,
}

/// What the shipper has got. It gets events in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    /// Grows with each [`State::rewind`]: a batch of an earlier generation says nothing about the
    /// events held now.
    generation: u64,
    /// The shipper has the events up to this number.
    through: u64,
    /// The number of events after it.
    left: usize,
    /// When the first of those was recorded.
    since: Option<Timestamp>,
    /// The shipper has no room for another batch.
    is_busy: bool,
}

/// A gap ends once this fraction of the bounds is free. Otherwise a full outbox that drains slowly
/// would report one gap after each batch.
const FREE_TO_CLOSE: usize = 16;

/// The maximum number of events that one new event overwrites. More than one, so that a lowered
/// bound is reached, but not at the expense of one call.
const MAX_OVERWRITTEN: usize = 64;

/// The approximate maximum size of a batch.
const BATCH_BYTES: usize = 4 << 20;

/// How long shipping waits for room among the dead letters before it tries again, in case that
/// Postgres would take the event now.
const HOLD: Span = Span(15_000);

/// How long an event waits for others to fill a batch.
const LINGER: Span = Span(100);

impl Host for State {
    type Extension = Ledger;

    const APPLY: &'static Spec = &Spec {
        name: c"LW._AUDIT",
        summary: c"Internal: applies a change of the audit log that comes from the primary or the AOF.",
        complexity: c"O(log N) for a change with N events held, O(N) for N events at once.",
        ..EFFECT
    };
    const RDB_NAME: &'static CStr = c"lw-audits";

    fn lock() -> MutexGuard<'static, Self> {
        lock()
    }

    fn outbox(&mut self) -> &mut Outbox<Ledger> {
        &mut self.outbox
    }

    fn invalidate(&mut self) {
        self.rewind();
    }

    fn wake_scheduler() {
        wake::scheduler();
    }
}

impl State {
    pub(crate) fn contents(&self) -> &Outbox<Ledger> {
        &self.outbox
    }

    pub(crate) fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    pub(crate) fn set_target(&mut self, target: Option<Arc<Target>>) {
        self.target = target;
        self.rewind();
    }

    // --- recording ---

    /// Records an event that happened at `at`.
    pub(crate) fn record(
        &mut self,
        mut fields: Fields<'_>,
        at: Timestamp,
        now: Timestamp,
        source: Source,
    ) -> Result<Id, Full> {
        fields.recorded = Some(now).filter(|_| at != now);
        let entry = Entry::pack(&fields, &mut self.scratch);
        let share = if source == Source::Caller && entry.is_limited() { Share::Half } else { Share::Whole };
        if !self.make_room(entry.size(), share, source) {
            self.refuse(share == Share::Half, now);
            return Err(Full);
        }
        let id = self.outbox.queue().next_id(at);
        self.outbox.change(OutboxChange::Append(id, entry));
        if self.target.is_some() {
            self.owe_events();
        }
        counters::APPENDED.count();
        self.cursor.left += 1;
        self.cursor.since.get_or_insert(now);
        Ok(id)
    }

    /// Adds an event that is refused to the gap.
    pub(crate) fn refuse(&mut self, is_limited: bool, now: Timestamp) {
        let share = if is_limited { Share::Half } else { Share::Whole };
        self.outbox.extension_mut().refuse(now, share);
        self.gap_grew = true;
    }

    /// Without a target, overwrites the oldest events that are not owed to Postgres.
    fn make_room(&mut self, size: usize, share: Share, source: Source) -> bool {
        let bounds = bounds(source);
        for _ in 0..MAX_OVERWRITTEN {
            if self.outbox.has_room(size, bounds, share) {
                return true;
            }
            let Some(oldest) = self.oldest_to_overwrite(size, bounds, share) else { return false };
            self.outbox.change(OutboxChange::Remove(oldest, oldest));
            counters::OVERWRITTEN.count();
        }
        // The next events will reach a bound that was lowered by much.
        self.oldest_to_overwrite(size, bounds, share).is_some()
    }

    fn oldest_to_overwrite(&self, size: usize, bounds: Bounds, share: Share) -> Option<u64> {
        if self.target.is_some() {
            return None;
        }
        let denials_are_full = share == Share::Half && !self.outbox.extension().half_has_room(size, bounds);
        self.outbox.oldest_to_overwrite(if denials_are_full { Share::Half } else { Share::Whole })
    }

    // --- gaps ---

    /// Records an event that reports the gap, once there is room again. Returns whether a gap is
    /// still open.
    pub(crate) fn close_gap(&mut self, now: Timestamp) -> bool {
        let Some(gap) = self.outbox.extension().gap() else { return false };
        let bounds = bounds(Source::Caller);
        let share = if gap.limited > 0 { Share::Half } else { Share::Whole };
        let free = Bounds {
            events: bounds.events - bounds.events / FREE_TO_CLOSE,
            bytes: bounds.bytes - bounds.bytes / FREE_TO_CLOSE,
        };
        if limits::memory_is_short() || !self.outbox.has_room(0, free, share) {
            return true;
        }
        let data = format!(
            r#"{{"count":{},"limited":{},"from_ms":{},"to_ms":{}}}"#,
            gap.count, gap.limited, gap.from.0, gap.to.0
        );
        let fields = Fields { kind: Some(GAP), data: Some(&data), ..Fields::default() };
        if self.record(fields, now, now, Source::Module).is_err() {
            return true;
        }
        self.gap_grew = false;
        self.outbox.extend(Change::Gap(None));
        counters::GAPS.count();
        false
    }

    /// Replicates the size of the gap, if it has grown.
    pub(crate) fn replicate_gap(&mut self) {
        if std::mem::take(&mut self.gap_grew) {
            let gap = self.outbox.extension().gap();
            self.outbox.extend(Change::Gap(gap));
        }
    }

    // --- shipping ---

    /// How long the oldest event has waited for Postgres.
    pub(crate) fn lag(&self, now: Timestamp) -> Span {
        let oldest = self.outbox.queue().front().filter(|_| self.target.is_some());
        oldest.map_or(Span(0), |(id, entry)| now - entry.fields().recorded.unwrap_or(id.at))
    }

    /// Makes the events, if there ever was one, owed to Postgres if there is a target; otherwise
    /// new ones are not.
    pub(crate) fn owe_events(&mut self) {
        let (owed, last) = (self.outbox.extension().owed_through(), self.outbox.queue().last_seq());
        if self.target.is_some() && owed != ALL && last > 0 {
            self.outbox.extend(Change::OweThrough(ALL));
        } else if self.target.is_none() && owed == ALL {
            self.outbox.extend(Change::OweThrough(last));
        }
    }

    /// The shipper will get all events again: another data set is held, older events have come
    /// back, or the shipper is gone. Postgres stores an event that comes twice once.
    pub(crate) fn rewind(&mut self) {
        let generation = self.cursor.generation + 1;
        let left = self.outbox.queue().len();
        let since = (left > 0).then_some(Timestamp(0));
        self.cursor = Cursor { generation, through: 0, left, since, is_busy: false };
        self.held_until = None;
    }

    pub(crate) fn generation(&self) -> u64 {
        self.cursor.generation
    }

    /// While the shipper is busy no batch is due. The shipper wakes the scheduler when it has room
    /// again.
    pub(crate) fn set_busy(&mut self, is_busy: bool) {
        self.cursor.is_busy = is_busy;
    }

    /// When the next batch is due: at once if it is full.
    pub(crate) fn next_batch_at(&self) -> Option<Timestamp> {
        let since = self.cursor.since.filter(|_| self.cursor.left > 0 && !self.cursor.is_busy)?;
        Some(if self.cursor.left >= AUDIT_BATCH.get() { Timestamp(0) } else { since + LINGER })
    }

    /// The next batch; empty if none is due.
    pub(crate) fn next_batch(&mut self, now: Timestamp) -> Vec<Record> {
        // A time further away than `HOLD` means that the clock has stepped back.
        if self.held_until.is_some_and(|until| now < until && until <= now + HOLD) {
            return Vec::new();
        }
        // A time further away than `LINGER` means that the clock has stepped back.
        let waits = self.next_batch_at().is_none_or(|at| at > now && at <= now + LINGER);
        if waits {
            return Vec::new();
        }
        let mut bytes = 0;
        let fits = |(_, entry): &(Id, &Arc<Entry>)| {
            let fits = bytes < BATCH_BYTES;
            bytes += entry.size();
            fits
        };
        let next = self.outbox.queue().after(self.cursor.through).take(AUDIT_BATCH.get()).take_while(fits);
        let events: Vec<_> = next.map(|(id, entry)| (id, Arc::clone(entry))).collect();
        if let Some((last, _)) = events.last() {
            self.cursor.through = last.seq;
        }
        self.cursor.left = self.cursor.left.saturating_sub(events.len());
        self.cursor.since = Some(now).filter(|_| self.cursor.left > 0);
        events
    }

    /// Postgres has the events of this generation from one number to the other, except those that
    /// it refused, which become dead letters. Returns whether there was room for them. Those for
    /// which there was none stay, and shipping waits.
    pub(crate) fn shipped(
        &mut self,
        from: u64,
        through: u64,
        refused: Vec<(u64, DataError)>,
        now: Timestamp,
    ) -> bool {
        let before = self.outbox.queue().len();
        let (mut dead, mut kept) = (0, Vec::new());
        for (seq, error) in refused {
            let cause = Refused { at: now, error };
            match self.outbox.queue().get(seq) {
                Some((_, entry)) if !self.outbox.dead().has_room(entry, &cause) => kept.push(seq),
                Some(_) => {
                    self.outbox.change(OutboxChange::DeadLetter(seq, cause));
                    counters::DEAD.count();
                    dead += 1;
                }
                None => {}
            }
        }
        kept.sort_unstable();
        let mut from = from;
        for seq in &kept {
            if from < *seq {
                self.outbox.change(OutboxChange::Remove(from, seq - 1));
            }
            from = seq + 1;
        }
        if from <= through {
            self.outbox.change(OutboxChange::Remove(from, through));
        }
        counters::SHIPPED.add((before - self.outbox.queue().len()).saturating_sub(dead) as u64);
        if !kept.is_empty() {
            self.rewind();
            self.held_until = Some(now + HOLD);
        }
        kept.is_empty()
    }
}

fn bounds(source: Source) -> Bounds {
    limits::bounds(source, AUDIT_MAX_EVENTS.get(), AUDIT_MAX_BYTES.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_target_gets_what_the_shipper_had_for_the_earlier_one() {
        let target = |url: &str| Some(Arc::new(Target::parse(url).unwrap()));
        let now = Timestamp(1_700_000_000_000);
        let mut state = State::default();
        state.outbox.begin_epoch(1);
        state.set_target(target("postgres://writer@127.0.0.1/one"));
        for _ in 0..3 {
            state.record(Fields::default(), now, now, Source::Module).unwrap();
        }
        assert_eq!(state.next_batch(now + LINGER).len(), 3);
        assert!(state.next_batch(now + LINGER).is_empty());
        let generation = state.generation();
        state.set_target(target("postgres://writer@127.0.0.1/two"));
        // A result of the earlier shipper must not remove events that the new target lacks.
        assert_ne!(state.generation(), generation);
        assert_eq!(state.next_batch(now + LINGER).len(), 3);
    }
}
