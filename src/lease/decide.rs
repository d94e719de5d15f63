//! Decides what a call does. A decision changes nothing but the cursor, unless the clock has
//! stepped back. The step that it returns makes the change.

use std::cmp::{max, min};

use crate::text::time::{Span, Timestamp};

use super::id::{Fence, LeaseId};
use super::leases::Leases;
use super::step::{Act, Step};

/// What a call of LW.ACQUIRE asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub limit: u64,
    pub ttl: Span,
    pub cost: u32,
    pub id: LeaseId,
    /// The lowest fence of a new lease, from [`lowest_fence`].
    pub fence: Fence,
}

/// The answer to LW.ACQUIRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    New {
        fence: Fence,
        end: Timestamp,
    },
    /// The lease was there already.
    Repeat {
        fence: Fence,
        end: Timestamp,
    },
    /// The time until enough leases have ended, if none is renewed and none released. `None` if the
    /// cost is above the limit.
    Denied {
        retry_after: Option<Span>,
    },
}

/// Why LW.ACQUIRE can't be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The lease with this id has another cost.
    OtherCost(u32),
    /// The key holds as many leases as it may.
    Full,
}

/// The highest fence that the clock sets: the year 2112 in microseconds.
const LAST_OF_CLOCK: u64 = 1 << 52;

/// The lowest fence of a lease that begins now: the clock in microseconds, but above `last`, the
/// lowest fence of the lease before it. So a fence grows also when a key was gone in between, and
/// no two keys have the same ones.
pub(crate) fn lowest_fence(now: Timestamp, last: Fence) -> Fence {
    Fence(max(min(now.0.saturating_mul(1000), LAST_OF_CLOCK), last.0.saturating_add(1)))
}

impl Leases {
    /// Decides LW.ACQUIRE. The number in the answer are the units in use afterwards.
    pub(crate) fn acquire(
        &mut self,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Result<(Acquired, u64, Option<Step>), Conflict> {
        let in_use = self.in_use(now);
        let cost = u64::from(wanted.cost);
        if let Some((fence, lease)) = self.live(&wanted.id, now) {
            if lease.cost != wanted.cost {
                return Err(Conflict::OtherCost(lease.cost));
            }
            let (end, step) = self.prolong(fence, &wanted.id, wanted.ttl, now);
            return Ok((Acquired::Repeat { fence, end }, in_use, step));
        }
        if in_use + cost > wanted.limit {
            let stepped_back = self.step_back_step(now);
            let retry_after = (cost <= wanted.limit)
                .then(|| self.freed(in_use + cost - wanted.limit, now).unwrap_or(now) - now);
            return Ok((Acquired::Denied { retry_after }, in_use, stepped_back));
        }
        let fence = max(wanted.fence, Fence(self.header().fence.0 + 1));
        if self.is_full(now) || fence > Fence::LAST {
            return Err(Conflict::Full);
        }
        let Wanted { id, ttl, cost: units, .. } = *wanted;
        let step = self.next(now, Act::Acquire { fence, id, ttl, cost: units });
        Ok((Acquired::New { fence, end: now + ttl }, in_use + cost, Some(step)))
    }

    /// Decides LW.RENEW. Returns the new end, or `None` if there is no such lease.
    pub(crate) fn renewal(
        &mut self,
        id: &LeaseId,
        ttl: Span,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Step>) {
        let Some((fence, _)) = self.live(id, now) else { return (None, self.step_back_step(now)) };
        let (end, step) = self.prolong(fence, id, ttl, now);
        (Some(end), step)
    }

    /// Decides LW.RELEASE. Returns whether there is such a lease. With `only`, the lease must have
    /// that fence.
    pub(crate) fn release(
        &mut self,
        id: &LeaseId,
        only: Option<Fence>,
        now: Timestamp,
    ) -> (bool, Option<Step>) {
        match self.live(id, now).filter(|(fence, _)| only.is_none_or(|only| only == *fence)) {
            Some((fence, _)) => (true, Some(self.next(now, Act::Release { fence }))),
            None => (false, self.step_back_step(now)),
        }
    }

    /// Moves the end of a live lease to `ttl` from now, if that is later. Returns its end.
    fn prolong(
        &mut self,
        fence: Fence,
        id: &LeaseId,
        ttl: Span,
        now: Timestamp,
    ) -> (Timestamp, Option<Step>) {
        let stepped_back = self.step_back_step(now);
        let end = self.live(id, now).map_or(now, |(_, lease)| lease.end());
        if now + ttl <= end {
            return (end, stepped_back);
        }
        (now + ttl, Some(self.next(now, Act::Renew { fence, ttl })))
    }

    /// If the clock has stepped back, has the leases step back, and returns the step that does the
    /// same elsewhere.
    fn step_back_step(&mut self, now: Timestamp) -> Option<Step> {
        self.step_back(now).then(|| self.next(now, Act::Nothing))
    }
}
