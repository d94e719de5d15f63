//! Every way in which the leases of a key change, and how a change is applied. All its times are
//! absolute.
//!
//! The primary applies its own changes in the same way, so all copies are equal to the bit.
//! Applying a change reads no clock. Its number makes it idempotent.

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};
use crate::window::effect::is_after;

use super::id::{Fence, LeaseId};
use super::leases::{Lease, Leases};

/// How many ended leases each change drops as well.
const SWEEP: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// One more than the number of the last change.
    pub seq: u64,
    pub at: Timestamp,
    pub act: Act,
    /// When the key expires, which is the last end of a lease. `None` if no lease is left, and then
    /// the key is deleted.
    pub expires: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    /// Only the clock has stepped back.
    Nothing,
    /// A new lease that starts at the time of the step.
    Acquire {
        fence: Fence,
        id: LeaseId,
        ttl: Span,
        cost: u32,
    },
    /// The lease lasts `ttl` from the time of the step on.
    Renew {
        fence: Fence,
        ttl: Span,
    },
    Release {
        fence: Fence,
    },
}

impl Step {
    /// Whether its numbers are in range.
    pub(super) fn is_sound(&self) -> bool {
        let in_range = |ttl| (Span::MIN..=Span::MAX).contains(&ttl);
        let act = match self.act {
            Act::Acquire { fence, ttl, cost, .. } => {
                (Fence(1)..=Fence::LAST).contains(&fence) && in_range(ttl) && cost > 0
            }
            Act::Renew { ttl, .. } => in_range(ttl),
            Act::Nothing | Act::Release { .. } => true,
        };
        act && self.at < Timestamp::NEVER && self.expires.is_none_or(|at| at <= Timestamp::NEVER + Span::MAX)
    }
}

impl Leases {
    /// The step that does `act` next.
    pub(super) fn next(&self, at: Timestamp, act: Act) -> Step {
        Step { seq: self.header().seq.wrapping_add(1), at, act, expires: None }
    }

    /// Applies `step`. Returns false if it was applied before.
    pub(crate) fn apply(&mut self, step: &Step) -> bool {
        let is_new = self.header().fence == Fence(0);
        if !is_new && !is_after(step.seq, self.header().seq) {
            return false;
        }
        self.header.seq = step.seq;
        self.step_back(step.at);
        self.header.at = step.at;
        self.drop_ended(step.at, SWEEP);
        match step.act {
            Act::Nothing => {}
            Act::Acquire { fence, id, ttl, cost } => {
                self.insert(fence, Lease { id, start: step.at, ttl, cost });
            }
            Act::Renew { fence, ttl } => self.renew(fence, step.at, ttl),
            Act::Release { fence } => self.remove(fence),
        }
        true
    }

    /// When the key expires after the last change: with the last lease. `None` if no lease is left.
    pub(super) fn expiry(&self) -> Option<Timestamp> {
        self.last_end().filter(|end| *end > self.header().at)
    }
}
