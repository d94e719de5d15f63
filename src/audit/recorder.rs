//! Where it all comes together on the main thread: what is recorded, what of it has been handed over, and what was refused.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::journal::id::Id;
use crate::journal::queue::{Bounds, Event};
use crate::server::events;
use crate::text::time::{Span, Timestamp};

use super::change::{self, Change, Effect};
use super::counters;
use super::entry::{Entry, Fields, GAP};
use super::ledger::{Ledger, Share};
use super::settings::{AUDIT_BATCH, AUDIT_MAX_BYTES, AUDIT_MAX_EVENTS};
use super::target::Target;

/// The audit log of this server. Only the main thread opens it, and the child that saves an RDB, which is forked while it
/// is closed: so its lock is always free.
static RECORDER: LazyLock<Mutex<Recorder>> = LazyLock::new(|| {
    let mut recorder = Recorder::default();
    recorder.begin_epoch(events::random_u64());
    Mutex::new(recorder)
});

/// Opens the recorder. Never while it is open.
pub fn open() -> MutexGuard<'static, Recorder> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is recorded and what becomes of it.
#[derive(Default)]
pub struct Recorder {
    ledger: Ledger,
    epoch: u64,
    /// Where events are shipped to, if anywhere.
    target: Option<Arc<Target>>,
    /// What has been handed to the shipper, which takes it in order.
    handed: Handed,
    /// What was changed and has not been replicated yet: the payload of an effect, or nothing.
    made: Vec<u8>,
    /// Where events are packed.
    scratch: Vec<u8>,
    /// The gap has grown since it was last replicated.
    gap_grew: bool,
}

/// What the shipper has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Handed {
    /// Which round of handing over it is: what comes back from an earlier one says nothing of what is held now.
    round: u64,
    /// The events up to this number.
    through: u64,
    /// How many events are behind it.
    left: usize,
    /// When the first of those came.
    since: Option<Timestamp>,
    /// The shipper takes no more for now.
    is_busy: bool,
}

/// Who records an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// LW.AUDIT: refused when there is no room.
    Caller,
    /// The module: there is some room that nobody else gets.
    Module,
}

/// There is no room for another event.
#[derive(Debug)]
pub struct Full;

/// An eighth more than the bounds is kept for what the module itself records.
const RESERVED: usize = 8;

/// A gap is over once so large a part of the journal is free again: else a full journal that drains slowly would tell of
/// one after each batch.
const FREE_AGAIN: usize = 16;

/// How many events may give way to one. More than one, so that a bound that was lowered is reached, and not all at once.
const MOST_OVERWRITTEN: usize = 64;

/// How much room is kept for what is to be replicated.
const USUAL: usize = 4096;

/// How many bytes of events are handed over at a time, about.
const BATCH_BYTES: usize = 4 << 20;

/// How long an event waits for others to be shipped with.
const LINGER: Span = Span(100);

impl Recorder {
    /// The state that is saved and replicated.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Where events are shipped to, if anywhere.
    pub fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    /// From now on events are shipped there. What has been handed over counts as not handed over.
    pub fn set_target(&mut self, target: Option<Arc<Target>>) {
        self.target = target;
        self.hand_back();
    }

    /// Makes a change, to be replicated with [`Recorder::send_made`].
    fn make(&mut self, change: Change) {
        change::add(&mut self.made, &change);
        counters::DROPPED.add(self.ledger.apply(change) as u64);
    }

    /// Takes what was changed elsewhere.
    pub fn take_effect(&mut self, effect: Effect) -> Result<(), &'static str> {
        match effect {
            Effect::Changes(changes) => changes.into_iter().for_each(|change| {
                self.ledger.apply(change);
            }),
            Effect::Opening(opening) => self.replace(Ledger::open(*opening)?),
            Effect::Events(events) => self.ledger.fill(events)?,
        }
        self.hand_back();
        Ok(())
    }

    /// Replaces the state.
    pub fn replace(&mut self, ledger: Ledger) {
        self.ledger = ledger;
        self.ledger.begin_epoch(self.epoch);
        self.made.clear();
        self.gap_grew = false;
        self.hand_back();
    }

    /// From now on ids are made in the epoch `epoch`.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.ledger.begin_epoch(epoch);
    }

    /// Has what was changed since the last time sent to replicas and the AOF.
    pub fn send_made(&mut self, send: impl FnOnce(&[u8])) {
        if !self.made.is_empty() {
            send(&self.made);
            self.forget_made();
        }
    }

    /// What was changed concerns nobody else.
    pub fn forget_made(&mut self) {
        self.made.clear();
        // The next one is an event, most likely; what was once a great many changes need not stay.
        self.made.shrink_to(USUAL);
    }

    // --- recording ---

    /// Records an event that was at `at`. What was changed is to be replicated with [`Recorder::send_made`].
    pub fn record(
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
            self.ledger.refuse(now, share);
            self.gap_grew = true;
            return Err(Full);
        }
        let id = self.ledger.queue().next_id(at);
        self.make(Change::Append(id, self.target.is_some(), entry));
        counters::APPENDED.count();
        self.handed.left += 1;
        self.handed.since.get_or_insert(now);
        Ok(id)
    }

    /// Where the journal is the log, the oldest events give way. None ever does that Postgres is to have.
    fn make_room(&mut self, size: usize, share: Share, source: Source) -> bool {
        let bounds = bounds(source);
        for _ in 0..MOST_OVERWRITTEN {
            if self.ledger.has_room(size, bounds, share) {
                return true;
            }
            let Some(oldest) = self.oldest_to_overwrite(size, bounds, share) else { return false };
            self.make(Change::Overwrite(oldest));
            counters::OVERWRITTEN.count();
        }
        // A bound that was lowered by much is reached with the next events.
        self.oldest_to_overwrite(size, bounds, share).is_some()
    }

    fn oldest_to_overwrite(&self, size: usize, bounds: Bounds, share: Share) -> Option<u64> {
        if self.target.is_some() {
            return None;
        }
        // If denials have filled their half, it is one of them.
        let crowded = share == Share::Half && !self.ledger.half_has_room(size, bounds);
        self.ledger.oldest_to_overwrite(if crowded { Share::Half } else { Share::Whole })
    }

    // --- gaps ---

    /// Tells of a gap that is over, by a row. Returns whether one is still open.
    pub fn close_gap(&mut self, now: Timestamp) -> bool {
        let Some(gap) = self.ledger.gap() else { return false };
        let bounds = bounds(Source::Caller);
        let share = if gap.limited > 0 { Share::Half } else { Share::Whole };
        let free = Bounds {
            events: bounds.events - bounds.events / FREE_AGAIN,
            bytes: bounds.bytes - bounds.bytes / FREE_AGAIN,
        };
        if !self.ledger.has_room(0, free, share) {
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
        self.make(Change::Gap(None));
        counters::GAPS.count();
        false
    }

    /// Tells replicas and files how far the gap has grown.
    pub fn tell_gap(&mut self) {
        if std::mem::take(&mut self.gap_grew) {
            change::add(&mut self.made, &Change::Gap(self.ledger.gap()));
        }
    }

    // --- shipping ---

    /// The id of the event numbered so, for a message.
    pub fn id_of(&self, seq: u64) -> String {
        self.ledger.queue().get(seq).map_or_else(String::new, |(id, _)| id.to_string())
    }

    /// For how long the oldest event has waited for Postgres.
    pub fn lag(&self, now: Timestamp) -> Span {
        let oldest = self.ledger.queue().front().filter(|_| self.target.is_some());
        oldest.map_or(Span(0), |(id, entry)| now - entry.fields().recorded.unwrap_or(id.at))
    }

    /// All that is held is to be shipped, whatever is configured later.
    pub fn owe(&mut self) {
        if !self.ledger.is_owed() {
            self.make(Change::Owe);
        }
    }

    /// Nothing counts as handed over any more: another data set is held, or older events have come back among those that
    /// are on their way. What was handed over is handed over again, which does no harm.
    pub fn hand_back(&mut self) {
        let since = self.ledger.queue().front().map(|_| Timestamp(0));
        let round = self.handed.round + 1;
        let left = self.ledger.queue().len();
        self.handed = Handed { round, through: 0, left, since, is_busy: false };
    }

    /// Which round of handing over it is.
    pub fn round(&self) -> u64 {
        self.handed.round
    }

    /// Whether the shipper takes no more for now: when it does again it will say so.
    pub fn set_busy(&mut self, is_busy: bool) {
        self.handed.is_busy = is_busy;
    }

    /// When the next events are to be handed over: at once if there are enough for a batch.
    pub fn next_batch_at(&self) -> Option<Timestamp> {
        let since = self.handed.since.filter(|_| self.handed.left > 0 && !self.handed.is_busy)?;
        Some(if self.handed.left >= AUDIT_BATCH.get() { Timestamp(0) } else { since + LINGER })
    }

    /// Hands the next events over, in order, if they are due.
    pub fn next_batch(&mut self, now: Timestamp) -> Vec<(Id, Arc<Entry>)> {
        // The clock may have stepped back meanwhile.
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
        let next = self.ledger.queue().after(self.handed.through).take(AUDIT_BATCH.get()).take_while(fits);
        let events: Vec<_> = next.map(|(id, entry)| (id, Arc::clone(entry))).collect();
        if let Some((last, _)) = events.last() {
            self.handed.through = last.seq;
        }
        self.handed.left = self.handed.left.saturating_sub(events.len());
        self.handed.since = Some(now).filter(|_| self.handed.left > 0);
        events
    }

    /// Postgres has the events from the first number to the last that were handed over in this round, but for those that it
    /// refused as data.
    pub fn shipped(&mut self, from: u64, through: u64, refused: Vec<(u64, String)>, now: Timestamp) {
        for (seq, reason) in refused {
            self.make(Change::Bury(seq, now, reason));
            counters::DEAD.count();
        }
        let before = self.ledger.queue().len();
        self.make(Change::Shipped(from, through));
        counters::SHIPPED.add((before - self.ledger.queue().len()) as u64);
    }

    // --- managing ---

    /// Puts dead letters back to be shipped: one, or all. Returns how many.
    pub fn replay(&mut self, id: Option<Id>) -> usize {
        let replayed = self.with_dead(id, Change::Replay);
        if replayed > 0 {
            self.hand_back();
        }
        replayed
    }

    /// Throws dead letters away: one, or all. Returns how many.
    pub fn discard(&mut self, id: Option<Id>) -> usize {
        self.with_dead(id, Change::Discard)
    }

    fn with_dead(&mut self, id: Option<Id>, change: fn(u64) -> Change) -> usize {
        let chosen = self.ledger.dead().filter(|dead| id.is_none_or(|id| dead.id == id));
        let chosen: Vec<_> = chosen.map(|dead| dead.id.seq).collect();
        chosen.iter().for_each(|seq| self.make(change(*seq)));
        chosen.len()
    }
}

fn bounds(source: Source) -> Bounds {
    let (events, bytes) = (AUDIT_MAX_EVENTS.get(), AUDIT_MAX_BYTES.get());
    match source {
        Source::Caller => Bounds { events, bytes },
        Source::Module => Bounds { events: events + events / RESERVED + 16, bytes: bytes + bytes / RESERVED },
    }
}
