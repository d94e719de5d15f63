//! All leases of a key.
//!
//! They are ordered by fence, which is the order in which they were acquired. Indexes by id and by
//! end are ordered too, because a hash table stalls the server when it grows. Copies of a key share
//! their entries for the same reason.

use std::cmp::max;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::server::thread::drop_elsewhere;
use crate::sorted::Sorted;
use crate::text::time::{Span, Timestamp};

use super::id::{Fence, LeaseId};

/// The most leases of a key, including ended ones that were not dropped yet.
pub(crate) const MOST: usize = 65_536;

/// Values of at least this many leases are freed on a thread.
const MANY: usize = 1000;

/// A lease lasts from `start` to just before `start + ttl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub id: LeaseId,
    pub start: Timestamp,
    pub ttl: Span,
    pub cost: u32,
}

impl Lease {
    pub(crate) fn end(&self) -> Timestamp {
        self.start + self.ttl
    }

    /// Whether the parts that need no other lease are in range.
    pub(super) fn is_sound(&self) -> bool {
        self.start < Timestamp::NEVER && (Span::MIN..=Span::MAX).contains(&self.ttl) && self.cost > 0
    }
}

/// The numbers of a key that are no lease's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Numbers the changes.
    pub seq: u64,
    /// The time of the last change. No lease starts later. A lease that had ended by then has ended
    /// for good, even if the clock steps back.
    pub at: Timestamp,
    /// The highest fence.
    pub fence: Fence,
}

#[derive(Clone, Default)]
pub(crate) struct Leases {
    pub(super) header: Header,
    leases: Sorted<Fence, Lease>,
    /// Leases by the hash of their id.
    ids: Sorted<(u64, Fence)>,
    /// Leases by their end, with their cost.
    ends: Sorted<(Timestamp, Fence), u32>,
    /// The units of all leases in `ends`.
    units: u64,
    ended: Ended,
}

/// A cursor: the units of the leases that end by `at`. It saves a walk over them at each call, and
/// is neither saved nor part of a digest.
#[derive(Clone, Copy, Default)]
struct Ended {
    at: Timestamp,
    units: u64,
}

/// The hash is keyed per process, so that nobody can choose ids that collide.
fn hash(id: &LeaseId) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(id)
}

/// In `ends`, sorts behind every lease that ends by `at`.
fn behind(at: Timestamp) -> (Timestamp, Fence) {
    (Timestamp(at.0.saturating_add(1)), Fence(0))
}

impl Leases {
    /// An empty value with this header, to which leases are added.
    pub(super) fn of(header: Header) -> Self {
        Self { header, ..Self::default() }
    }

    /// Adds a lease that was saved, in the order of fences. Returns false if it can't be one of
    /// this key.
    pub(super) fn add(&mut self, fence: Fence, lease: &Lease) -> bool {
        let is_next = fence > self.leases.last().unwrap_or_default() && fence <= self.header.fence;
        let fits = is_next && lease.is_sound() && lease.start <= self.header.at && self.len() < MOST;
        if !fits || self.find(&lease.id).is_some() {
            return false;
        }
        self.insert(fence, *lease);
        true
    }

    /// The number of leases, including ended ones that were not dropped yet.
    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// Every lease in the order of fences, including ended ones that were not dropped yet.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fence, &Lease)> {
        self.leases.iter()
    }

    /// The end of the lease that ends last.
    pub(crate) fn last_end(&self) -> Option<Timestamp> {
        self.ends.last().map(|(end, _)| end)
    }

    /// Whether the clock has stepped back since the last change.
    pub(crate) fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.header.at > now
    }

    /// The time up to which leases have ended: now, or that of the last change if the clock has
    /// stepped back since.
    pub(super) fn over(&self, now: Timestamp) -> Timestamp {
        max(self.header.at, now)
    }

    fn find(&self, id: &LeaseId) -> Option<(Fence, &Lease)> {
        let hash = hash(id);
        let same_hash = self.ids.from((hash, Fence(0))).take_while(move |((of, _), ())| *of == hash);
        let leases = same_hash.filter_map(|((_, fence), ())| Some((fence, self.leases.get(&fence)?)));
        leases.into_iter().find(|(_, lease)| lease.id == *id)
    }

    /// The lease with this id, if it has not ended.
    pub(crate) fn live(&self, id: &LeaseId, now: Timestamp) -> Option<(Fence, Lease)> {
        let over = self.over(now);
        self.find(id).filter(|(_, lease)| lease.end() > over).map(|(fence, lease)| (fence, *lease))
    }

    /// The units of all leases that have not ended.
    pub(crate) fn in_use(&mut self, now: Timestamp) -> u64 {
        let over = self.over(now);
        if over < self.ended.at {
            self.ended = Ended::default();
        }
        let newly = self.ends.from(behind(self.ended.at)).take_while(|((end, _), _)| *end <= over);
        self.ended.units += newly.map(|(_, cost)| u64::from(*cost)).sum::<u64>();
        self.ended.at = over;
        self.units - self.ended.units
    }

    /// The number and the units of all leases that have not ended. Looks at every lease.
    pub(crate) fn running(&self, now: Timestamp) -> (usize, u64) {
        let over = self.over(now);
        let running = self.leases.iter().filter(|(_, lease)| lease.end() > over);
        running.fold((0, 0), |(count, units), (_, lease)| (count + 1, units + u64::from(lease.cost)))
    }

    /// Whether there is no room for one more lease, not even in place of an ended one.
    pub(crate) fn is_full(&self, now: Timestamp) -> bool {
        let over = self.over(now);
        self.len() >= MOST && self.ends.iter().next().is_none_or(|((end, _), _)| end > over)
    }

    /// The first time by which leases of `units` in all have ended, if none of them is renewed.
    pub(crate) fn freed(&self, mut units: u64, now: Timestamp) -> Option<Timestamp> {
        let live = self.ends.from(behind(self.over(now)));
        live.map(|((end, _), cost)| (end, u64::from(*cost))).find_map(|(end, cost)| {
            units = units.saturating_sub(cost);
            (units == 0).then_some(end)
        })
    }

    /// Adds a lease, unless its fence is taken. A lease with the same id is removed.
    pub(super) fn insert(&mut self, fence: Fence, lease: Lease) {
        if self.leases.contains(&fence) {
            return;
        }
        if let Some((same, _)) = self.find(&lease.id) {
            self.remove(same);
        }
        self.header.fence = max(self.header.fence, fence);
        self.leases.insert(fence, lease);
        self.ids.insert((hash(&lease.id), fence), ());
        self.add_end(fence, &lease);
    }

    pub(super) fn remove(&mut self, fence: Fence) {
        let Some(lease) = self.leases.remove(&fence) else { return };
        self.ids.remove(&(hash(&lease.id), fence));
        self.remove_end(fence, &lease);
    }

    /// Has a lease last `ttl` from `start` on.
    pub(super) fn renew(&mut self, fence: Fence, start: Timestamp, ttl: Span) {
        let Some(lease) = self.leases.get_mut(&fence) else { return };
        let old = *lease;
        (lease.start, lease.ttl) = (start, ttl);
        let new = *lease;
        self.remove_end(fence, &old);
        self.add_end(fence, &new);
    }

    fn add_end(&mut self, fence: Fence, lease: &Lease) {
        self.ends.insert((lease.end(), fence), lease.cost);
        self.units += u64::from(lease.cost);
        if lease.end() <= self.ended.at {
            self.ended.units += u64::from(lease.cost);
        }
    }

    fn remove_end(&mut self, fence: Fence, lease: &Lease) {
        self.ends.remove(&(lease.end(), fence));
        self.units -= u64::from(lease.cost);
        if lease.end() <= self.ended.at {
            self.ended.units -= u64::from(lease.cost);
        }
    }

    /// Removes up to `most` leases that have ended by `at`.
    pub(super) fn drop_ended(&mut self, at: Timestamp, most: usize) {
        let ended = self.ends.iter().take_while(|((end, _), _)| *end <= at).take(most);
        let fences: Vec<Fence> = ended.map(|((_, fence), _)| fence).collect();
        fences.into_iter().for_each(|fence| self.remove(fence));
    }

    /// If the clock has stepped back to `now`: removes the leases that ended before the step, and
    /// has later ones start now. Returns whether it has.
    pub(super) fn step_back(&mut self, now: Timestamp) -> bool {
        if !self.is_ahead_of(now) {
            return false;
        }
        self.drop_ended(self.header.at, usize::MAX);
        self.header.at = now;
        let late = self.leases.iter().filter(|(_, lease)| lease.start > now);
        let late: Vec<Fence> = late.map(|(fence, _)| fence).collect();
        for fence in late {
            if let Some(lease) = self.leases.get_mut(&fence) {
                lease.start = now;
            }
        }
        self.index_ends();
        true
    }

    fn index_ends(&mut self) {
        let mut ends: Vec<_> =
            self.leases.iter().map(|(fence, lease)| ((lease.end(), fence), lease.cost)).collect();
        ends.sort_unstable();
        self.ends = Sorted::default();
        for (end, cost) in ends {
            self.ends.insert(end, cost);
        }
        self.ended = Ended::default();
    }

    /// The approximate size in bytes, as if nothing were shared with a copy.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.leases.size() + self.ids.size() + self.ends.size()
    }

    /// Frees the value, on a thread if it is large.
    pub(crate) fn dispose(self) {
        if self.len() >= MANY {
            drop_elsewhere(self);
        }
    }
}

#[cfg(test)]
impl Leases {
    /// Asserts that the indexes and sums follow from the leases.
    pub(super) fn assert_sound(&self) {
        assert_eq!(self.ids.len(), self.len());
        assert_eq!(self.ends.len(), self.len());
        assert_eq!(self.units, self.iter().map(|(_, lease)| u64::from(lease.cost)).sum::<u64>());
        let ended = self.iter().filter(|(_, lease)| lease.end() <= self.ended.at);
        assert_eq!(self.ended.units, ended.map(|(_, lease)| u64::from(lease.cost)).sum::<u64>());
        for (fence, lease) in self.iter() {
            assert!(self.ids.contains(&(hash(&lease.id), fence)));
            assert_eq!(self.ends.get(&(lease.end(), fence)), Some(&lease.cost));
            assert!(lease.is_sound() && lease.start <= self.header.at && fence <= self.header.fence);
        }
    }
}
