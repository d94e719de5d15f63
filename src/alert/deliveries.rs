//! What the outbox of the alerts keeps besides alerts and dead letters: how far each delivery is,
//! which endpoints are disabled, which alerts are suppressed, which are rolled up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::Queue;
use crate::outbox::dead::DeadLetter;
use crate::outbox::extension::Extension;
use crate::outbox::limits::Source;
use crate::server::info::Counter;
use crate::text::time::{Span, Timestamp};

use super::Alert;
use super::counters;
use super::dedup::{DedupTable, Digest, Suppression};
use super::endpoint::EndpointId;
use super::letter::Letter;
use super::recent::Recent;
use super::rollup::Rollup;
use super::schedule;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Deliveries {
    /// By alert. An alert that is not here has not been tried anywhere.
    progress: BTreeMap<u64, Progress>,
    disabled: BTreeSet<EndpointId>,
    callers: Space,
    own: Space,
    /// Neither saved nor replicated.
    #[serde(skip)]
    recent: Recent,
}

/// Alerts of callers and of the module are suppressed and rolled up separately, so that no caller
/// can silence the module or push its alerts into a summary.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Space {
    pub dedup: DedupTable,
    pub rollup: Rollup,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// The endpoints that are to get the alert; empty for all.
    only: Vec<EndpointId>,
    /// The endpoints that took it or used up their tries.
    settled: Vec<EndpointId>,
    failing: Vec<(EndpointId, Pending)>,
}

/// A delivery that is still to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// The number of tries that failed.
    pub failures: u8,
    /// When the last of them failed.
    pub failed_at: Timestamp,
    /// When the next try is due.
    pub next_at: Timestamp,
}

impl Pending {
    /// The same delivery with a new plan, if the clock has stepped back since the try was planned:
    /// the wait starts at `now`.
    pub(crate) fn replanned(self, now: Timestamp) -> Option<Self> {
        let next_at = schedule::replanned(self.failed_at, self.next_at, now)?;
        Some(Self { failed_at: now, next_at, ..self })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Change {
    Failed {
        seq: u64,
        endpoint: EndpointId,
        pending: Pending,
    },
    Settled(u64, EndpointId),
    /// Every endpoint gets the alert, not only those of a replayed dead letter.
    ForEveryone(u64),
    /// The endpoint answered 410 and gets no more alerts.
    Disable(EndpointId),
    Enable(EndpointId),
    Suppress(Source, Digest, Suppression),
    /// An alert was queued by itself, in the period of its type that began then.
    Single(Source, String, Timestamp),
    /// An alert at that time joins the summary, which will have that id, with its data as an
    /// example.
    RolledUp(Source, String, Id, Timestamp, Option<String>),
    /// The period of a type ends, and its summary is queued under the id reserved for it.
    Summary(Source, String, Alert),
}

impl Deliveries {
    pub(crate) fn space(&self, source: Source) -> &Space {
        match source {
            Source::Caller => &self.callers,
            Source::Module => &self.own,
        }
    }

    fn space_mut(&mut self, source: Source) -> &mut Space {
        match source {
            Source::Caller => &mut self.callers,
            Source::Module => &mut self.own,
        }
    }

    /// The number of summaries that will be queued.
    pub(crate) fn summaries(&self) -> usize {
        self.callers.rollup.summaries() + self.own.rollup.summaries()
    }

    /// When the next period with a summary ends.
    pub(crate) fn next_summary(&self, period: Span) -> Option<Timestamp> {
        let ends = [&self.callers, &self.own].map(|space| space.rollup.next_end(period));
        ends.into_iter().flatten().min()
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    pub(crate) fn disabled(&self) -> &BTreeSet<EndpointId> {
        &self.disabled
    }

    /// The delivery of the queued alert `seq` to `endpoint`, unless it is settled.
    pub(crate) fn pending(&self, seq: u64, endpoint: EndpointId) -> Option<Pending> {
        let Some(progress) = self.progress.get(&seq) else { return Some(Pending::default()) };
        let is_meant = progress.only.is_empty() || progress.only.contains(&endpoint);
        if !is_meant || progress.settled.contains(&endpoint) {
            return None;
        }
        let failing = progress.failing.iter().find(|(failing, _)| *failing == endpoint);
        Some(failing.map_or(Pending::default(), |(_, pending)| *pending))
    }

    /// Whether any endpoint is done with the queued alert `seq`.
    pub(crate) fn is_settled_somewhere(&self, seq: u64) -> bool {
        self.progress.get(&seq).is_some_and(|progress| !progress.settled.is_empty())
    }

    fn failed(&mut self, seq: u64, endpoint: EndpointId, pending: Pending) {
        let failing = &mut self.progress.entry(seq).or_default().failing;
        match failing.iter_mut().find(|(failing, _)| *failing == endpoint) {
            Some((_, known)) => *known = pending,
            None => failing.push((endpoint, pending)),
        }
    }

    fn settle(&mut self, seq: u64, endpoint: EndpointId) {
        let progress = self.progress.entry(seq).or_default();
        progress.failing.retain(|(failing, _)| *failing != endpoint);
        if !progress.settled.contains(&endpoint) {
            progress.settled.push(endpoint);
        }
    }
}

impl Extension for Deliveries {
    type Entry = Alert;
    type Cause = Letter;
    type Change = Change;

    const DROPPED: &'static Counter = &counters::DEAD_DROPPED;

    fn apply(&mut self, change: Change, queue: &mut Queue<Alert>) {
        let is_queued = |seq: u64| queue.get(seq).is_some();
        match change {
            Change::Failed { seq, endpoint, pending } if is_queued(seq) => {
                self.failed(seq, endpoint, pending);
            }
            Change::Settled(seq, endpoint) if is_queued(seq) => self.settle(seq, endpoint),
            Change::Failed { .. } | Change::Settled(..) => {}
            Change::ForEveryone(seq) => {
                if let Some(progress) = self.progress.get_mut(&seq) {
                    progress.only.clear();
                }
            }
            Change::Disable(endpoint) => drop(self.disabled.insert(endpoint)),
            Change::Enable(endpoint) => drop(self.disabled.remove(&endpoint)),
            Change::Suppress(source, digest, suppression) => {
                self.space_mut(source).dedup.insert(digest, suppression);
            }
            Change::Single(source, kind, began) => {
                self.space_mut(source).rollup.count_single(&kind, began);
            }
            Change::RolledUp(source, kind, id, at, example) => {
                queue.reserve(id.seq);
                self.space_mut(source).rollup.add(&kind, id, at, example);
            }
            Change::Summary(source, kind, alert) => {
                if let Some(id) = self.space_mut(source).rollup.end(&kind) {
                    let alert = Arc::new(alert);
                    self.added(id, &alert);
                    queue.insert(id, alert);
                }
            }
        }
    }

    fn added(&mut self, id: Id, alert: &Arc<Alert>) {
        self.recent.add(id, alert);
    }

    fn removing(&mut self, from: u64, through: u64, _queue: &Queue<Alert>) {
        let gone: Vec<u64> = self.progress.range(from..=through).map(|(seq, _)| *seq).collect();
        gone.iter().for_each(|seq| drop(self.progress.remove(seq)));
    }

    fn replayed(&mut self, letter: &DeadLetter<Alert, Letter>, is_queued: bool) {
        let progress = self.progress.entry(letter.id.seq).or_default();
        let endpoints = letter.causes.iter().map(|cause| cause.endpoint);
        progress.settled.retain(|settled| endpoints.clone().all(|endpoint| endpoint != *settled));
        if !is_queued || !progress.only.is_empty() {
            progress.only.extend(endpoints);
        }
    }

    fn is_used(&self) -> bool {
        !self.callers.dedup.is_empty() || !self.own.dedup.is_empty() || !self.disabled.is_empty()
    }
}
