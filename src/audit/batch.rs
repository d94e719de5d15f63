//! Stores a batch of events. If Postgres refuses a statement, decides whether rows are at fault or
//! the database.
//!
//! 1. **The canary.** The row that was accepted last is inserted again with the time of now, and
//!    rolled back. If it is refused too, a few other rows of the batch are tried. If most of those
//!    are refused as well, the database is at fault: everything waits, and nothing becomes a dead
//!    letter.
//! 2. Otherwise rows are at fault. They are found by halving; all others are stored.
//! 3. Before a verdict on the rows the canary is asked again. So a row was refused between two
//!    canaries that were accepted, and a fault that begins or ends meanwhile is not blamed on it.
//! 4. A row whose values are wrong becomes a dead letter at once. One with another error, which may
//!    pass, is tried alone [`TRIES`] times first. The shipper waits between the tries.
//!
//! What happens for each class of SQLSTATE, if Postgres refuses a statement and goes on with the
//! session:
//!
//! | class | all rows refused, and the canary | one row refused |
//! |---|---|---|
//! | 0A, 20, 21, 22, 23, 27, 44, 54, P0, those that Postgres has not | wait, alert | dead letter at once |
//! | 40, 55, 57 (conflicts, locks, cancelled) | wait | dead letter after 6 tries |
//! | all others (rights, resources, the system, …) | wait, alert | dead letter after 6 tries |
//!
//! 54, 53200 and 57014 may come of the size of a statement: smaller ones are sent for a while.
//! Whatever ends the session (severity FATAL) or has no answer is never blamed on a row.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::day::Day;
use super::entry::{Entry, Fields, Record};
use super::insert::{insert, probe, probe_newest};
use super::link::{Failure, Link};
use super::partitions::Partitions;
use super::refused::DataError;
use super::sqlstate::SqlState;

/// How often a row that may be innocent is refused before it becomes a dead letter.
const TRIES: u32 = 6;

/// The maximum number of rows that are tried when the canary is refused.
const SAMPLE: usize = 8;

/// The maximum number of days of a statement, which locks the partition of each day and its
/// indexes.
const MAX_DAYS: usize = 16;

/// The canary if nothing was accepted yet: a plausible row with a value in each column.
const PLAUSIBLE: Fields<'static> = Fields {
    limited: false,
    anomaly: false,
    kind: None,
    user: Some("lockwatch"),
    ip: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
    method: Some("GET"),
    endpoint: Some("/"),
    status: Some(200),
    latency: Some(1000),
    data: Some("{}"),
    recorded: None,
};

/// The result of storing a batch.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The numbers of the events that become dead letters.
    pub refused: Vec<(u64, DataError)>,
    /// The number of events that were not stored because they are older than the retention.
    pub expired: usize,
}

/// What is known about the database across batches.
#[derive(Default)]
pub(crate) struct Experience {
    /// The event that was accepted last.
    accepted: Option<Arc<Entry>>,
    /// The maximum number of rows of a statement, after a larger one failed because of its size.
    max_rows: Option<usize>,
}

impl Experience {
    /// No event is kept: its user was erased.
    pub(crate) fn forget_event(&mut self) {
        self.accepted = None;
    }

    /// Larger statements are tried again.
    pub(crate) fn forget_size(&mut self) {
        self.max_rows = None;
    }
}

/// What of a batch is done. It is kept across failures, so that nothing is sent twice that Postgres
/// has confirmed.
pub(crate) struct Progress {
    /// The slices still to be stored, the next one last.
    waiting: Vec<Range<usize>>,
    /// Rows that were refused alone in this try, with the reason.
    suspects: Vec<(usize, Failure)>,
    /// How often a row was refused alone in earlier tries.
    tries: BTreeMap<usize, u32>,
    stored: Stored,
}

impl Progress {
    /// Nothing is done of a batch of `len` events.
    pub(crate) fn new(len: usize) -> Self {
        let all = 0..len;
        Self { waiting: vec![all], suspects: Vec::new(), tries: BTreeMap::new(), stored: Stored::default() }
    }

    pub(crate) fn take_stored(&mut self) -> Stored {
        std::mem::take(&mut self.stored)
    }

    fn split_next(&mut self) {
        let Some(slice) = self.waiting.pop() else { return };
        let middle = slice.start + slice.len() / 2;
        self.waiting.extend([middle..slice.end, slice.start..middle]);
    }
}

/// One try of storing a batch.
pub(crate) struct Try<'a> {
    pub link: &'a Link,
    pub partitions: &'a mut Partitions,
    pub experience: &'a mut Experience,
    /// Events of earlier days are beyond the retention.
    pub first_day: Option<Day>,
    /// Why the partition of a day could not be made.
    pub unmade: Option<Failure>,
    /// The canary says that rows are at fault.
    pub is_judged: bool,
}

impl Try<'_> {
    /// Stores what is left of `events`. After a failure `progress` says how far it came.
    pub(crate) async fn store(&mut self, events: &[Record], progress: &mut Progress) -> Result<(), Failure> {
        // The last try ended before its verdict.
        let suspects = progress.suspects.drain(..);
        progress.waiting.extend(suspects.map(|(at, _)| at..at + 1));
        self.make_partitions(events, progress).await?;
        let mut partitions_renewed = false;
        let mut failed_by_size = None;
        while let Some(slice) = progress.waiting.last().cloned() {
            let all = events.get(slice.clone()).unwrap_or_default();
            if slice.len() > self.experience.max_rows.unwrap_or(usize::MAX) || has_many_days(all) {
                progress.split_next();
                continue;
            }
            let kept = |event: &&Record| self.first_day.is_none_or(|first| Day::of(event.0.at) >= first);
            let rows: Vec<_> = all.iter().filter(kept).collect();
            let Err(failure) = self.insert(&rows).await else {
                progress.waiting.pop();
                progress.stored.expired += all.len() - rows.len();
                continue;
            };
            if failure.refusal.is_none() {
                return Err(failure);
            }
            // Most likely somebody has dropped a partition.
            if failure.lacks_partition && !std::mem::replace(&mut partitions_renewed, true) {
                self.partitions.forget();
                self.make_partitions(events, progress).await?;
                continue;
            }
            let was_judged = self.is_judged;
            self.judge(&rows).await?;
            if slice.len() > 1 {
                if failure.state.is_some_and(|state| state.is_about_size()) {
                    failed_by_size = Some(slice.len());
                }
                progress.split_next();
            } else if was_judged {
                progress.waiting.pop();
                progress.suspects.push((slice.start, failure));
            }
            // Otherwise the row is tried again: the database may have been mended after it refused
            // the row and before it accepted the canary.
        }
        if let Some(rows) = failed_by_size.filter(|_| progress.suspects.is_empty()) {
            self.experience.max_rows = Some((rows / 2).max(1));
        }
        self.reach_verdict(events, progress).await
    }

    async fn insert(&mut self, rows: &[&Record]) -> Result<(), Failure> {
        let Some((_, last)) = rows.last() else { return Ok(()) };
        let unpacked: Vec<_> = rows.iter().map(|(id, entry)| (*id, entry.fields())).collect();
        insert(self.link, &unpacked).await?;
        self.experience.accepted = Some(Arc::clone(last));
        Ok(())
    }

    /// Makes the partitions of the events that are left. One that can't be made holds up no event
    /// of another day.
    async fn make_partitions(&mut self, events: &[Record], progress: &Progress) -> Result<(), Failure> {
        let left = progress.waiting.iter().filter_map(|slice| events.get(slice.clone())).flatten();
        let days: BTreeSet<_> = left.map(|(id, _)| Day::of(id.at)).collect();
        for day in days.into_iter().filter(|day| self.first_day.is_none_or(|first| *day >= first)) {
            if let Err(failure) = self.partitions.ensure(self.link, day).await {
                if failure.refusal.is_none() || failure.state.is_none_or(|state| state.is_passing()) {
                    return Err(failure);
                }
                self.link.run("ROLLBACK").await?;
                self.unmade = Some(failure);
            }
        }
        Ok(())
    }

    /// Fails if the database is at fault that refuses `rows`.
    async fn judge(&mut self, rows: &[&Record]) -> Result<(), Failure> {
        if self.is_judged {
            return Ok(());
        }
        if let Some(refusal) = self.ask_canary().await? {
            let is_passing = refusal.state.is_some_and(|state| state.is_passing());
            if is_passing || !self.accepts_most(rows).await? {
                return Err(at_fault(refusal));
            }
        }
        self.is_judged = true;
        Ok(())
    }

    /// Returns why the canary was refused; `None` if it was accepted.
    async fn ask_canary(&mut self) -> Result<Option<Failure>, Failure> {
        // A day may have begun since the last maintenance.
        let today = Day::of(Timestamp::from_system_clock());
        if self.partitions.ensure(self.link, today).await.is_err() {
            self.link.run("ROLLBACK").await?;
        }
        let asked = match &self.experience.accepted {
            Some(entry) => probe(self.link, entry.fields()).await,
            None => match probe_newest(self.link).await {
                Ok(true) => Ok(()),
                Err(failure) if !failure.is(SqlState::INSUFFICIENT_PRIVILEGE) => Err(failure),
                // The table is empty, or may not be read.
                _ => probe(self.link, PLAUSIBLE).await,
            },
        };
        match asked {
            Ok(()) => Ok(None),
            Err(failure) if failure.refusal.is_some() => Ok(Some(failure)),
            Err(failure) => Err(failure),
        }
    }

    /// Whether Postgres stores at least half of a few of `rows`, of which it has refused one.
    async fn accepts_most(&mut self, rows: &[&Record]) -> Result<bool, Failure> {
        if rows.len() < 2 {
            return Ok(false);
        }
        let (mut asked, mut accepted) = (0, 0);
        for row in rows.iter().step_by(rows.len().div_ceil(SAMPLE)) {
            asked += 1;
            match self.insert(&[*row]).await {
                Ok(()) => accepted += 1,
                Err(failure) if failure.refusal.is_none() => return Err(failure),
                Err(_) => {}
            }
        }
        Ok(accepted * 2 >= asked)
    }

    /// Decides which suspects become dead letters. Fails if some of them are to be tried again.
    async fn reach_verdict(&mut self, events: &[Record], progress: &mut Progress) -> Result<(), Failure> {
        if progress.suspects.is_empty() {
            return Ok(());
        }
        if let Some(refusal) = self.ask_canary().await? {
            return Err(at_fault(refusal));
        }
        let mut doubt = None;
        for (at, failure) in progress.suspects.drain(..) {
            let (Some((id, _)), Some(mut error)) = (events.get(at), failure.refusal.clone()) else {
                continue;
            };
            let unmade = self.unmade.as_ref().filter(|_| failure.lacks_partition);
            if let Some(unmade) = unmade {
                error.message = format!("its day has no partition, and none can be made: {}", unmade.reason);
            }
            let tries = progress.tries.entry(at).or_default();
            *tries += 1;
            if (error.state.is_about_data() && unmade.is_none()) || *tries >= TRIES {
                progress.stored.refused.push((id.seq, error));
            } else {
                progress.waiting.push(at..at + 1);
                doubt = Some(failure.reason);
            }
        }
        doubt.map_or(Ok(()), |reason| {
            Err(Failure::other(format!("an event is refused, and is tried again: {reason}")))
        })
    }
}

fn has_many_days(events: &[Record]) -> bool {
    let mut days = BTreeSet::new();
    events.iter().any(|(id, _)| days.insert(Day::of(id.at)) && days.len() > MAX_DAYS)
}

/// The failure where `refusal` is that of the canary.
fn at_fault(refusal: Failure) -> Failure {
    if refusal.state.is_some_and(|state| state.is_passing()) {
        return refusal;
    }
    let reason = format!("the database refuses every event: {}", refusal.reason);
    Failure { reason, refuses_all: true, ..refusal }
}
