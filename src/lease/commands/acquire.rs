//! `LW.ACQUIRE key limit ttl [ID id] [COST n] [ONCLOSE]`
//!
//! Takes a lease of `n` units (default 1) for `ttl`, if the units of all current leases stay within
//! `limit`. Replies with five values:
//!
//! 0. `acquired`: 0 denied, 1 a new lease, 2 the lease `id` was there already and lasts at least
//!    `ttl` from now on
//! 1. `id` of the lease; nil if denied
//! 2. `in_use`: the units of all current leases, with this one
//! 3. `retry_after_ms`: 0 if acquired, else the time until enough leases have ended if none is
//!    renewed; -1 if `n` is above `limit`
//! 4. `fence`: grows with each new lease of the key; 0 if denied

use std::sync::atomic::{AtomicU64, Ordering};

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::number;
use crate::text::syntax::Param;

use super::super::close::{self, Closing};
use super::super::counters;
use super::super::decide::{Acquired, Conflict, Wanted, lowest_fence};
use super::super::id::{Fence, LeaseId};
use super::super::leases::MOST;
use super::super::native::update;

/// 2^53 - 1, the highest integer that every client language can hold.
const MAX_LIMIT: u64 = (1 << 53) - 1;

/// The lowest fence of the last new lease. Not its fence, because a key from a file or another
/// server may be ahead of the clock.
static LAST_FENCE: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Acquire;

impl Command for Acquire {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ACQUIRE",
        flags: "write fast deny-oom",
        summary: c"Takes a lease if the units of all current leases stay within a limit.",
        complexity: c"O(log N) with N the number of leases of the key, plus O(M) with M the leases that ended since the last call or that a denied one has to wait for.",
        args: &[
            Param::KEY,
            Param::integer(c"limit"),
            Param::string(c"ttl"),
            Param::string(c"id").token(c"ID").optional(),
            Param::integer(c"cost").token(c"COST").shown(c"n").optional(),
            Param::word(c"ONCLOSE", c"onclose").optional(),
        ],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let limit = given.required("limit", number::within(0..=MAX_LIMIT))?;
        let ttl = given.required("ttl", duration::parse)?;
        let id = given.optional("ID", LeaseId::read)?;
        let cost = given.optional("COST", cost)?.unwrap_or(1);
        let closing = given.has("ONCLOSE").then(|| Closing::of(call)).transpose()?;
        let no_bytes = || Refusal::Unavailable("the system has no random bytes to give".into());
        let id = id.or_else(LeaseId::random).ok_or_else(no_bytes)?;
        let now = call.now();
        if let Some(closing) = &closing {
            closing.require_room(&close::place(call, id), now)?;
        }
        let fence = lowest_fence(now, Fence(LAST_FENCE.load(Ordering::Relaxed)));
        let wanted = Wanted { limit, ttl, cost, id, fence };
        let (acquired, in_use) = update(call.write(name), |leases| match leases.acquire(&wanted, now) {
            Ok((acquired, in_use, step)) => Ok(((acquired, in_use), step)),
            Err(conflict) => Err(refusal(conflict)),
        })?;
        count(&acquired);
        if matches!(acquired, Acquired::New { .. }) {
            LAST_FENCE.store(fence.0, Ordering::Relaxed);
        }
        if let Acquired::New { fence, end } | Acquired::Repeat { fence, end } = acquired {
            match closing {
                Some(closing) => closing.bind(close::place(call, id), fence, end),
                None => close::forget(call, id),
            }
        }
        reply(call, &acquired, &id, in_use);
        Ok(())
    }
}

fn cost(text: &[u8]) -> Result<u32, impl std::fmt::Display> {
    number::within(1..=u64::from(u32::MAX))(text).map(|cost| u32::try_from(cost).unwrap_or(u32::MAX))
}

#[cold]
fn refusal(conflict: Conflict) -> Refusal {
    match conflict {
        Conflict::OtherCost(cost) => Acquire::SPEC
            .malformed(format_args!(
                "the lease with this ID has the COST {cost}, which a repeat can't change"
            ))
            .into(),
        Conflict::Full => Refusal::Full(format!("the key holds {MOST} leases, the most of a key")),
    }
}

fn count(acquired: &Acquired) {
    match acquired {
        Acquired::New { .. } => counters::ACQUIRED.count(),
        Acquired::Repeat { .. } => counters::REPEATED.count(),
        Acquired::Denied { .. } => counters::DENIED.count(),
    }
}

fn reply(call: &Call<'_>, acquired: &Acquired, id: &LeaseId, in_use: u64) {
    let (acquired, retry_after, fence) = match *acquired {
        Acquired::New { fence, .. } => (1, Some(0), fence),
        Acquired::Repeat { fence, .. } => (2, Some(0), fence),
        Acquired::Denied { retry_after } => (0, retry_after.map(|span| span.0), Fence(0)),
    };
    call.reply_array(5);
    call.reply_integer(acquired);
    if acquired > 0 {
        call.reply_bytes(id.as_bytes());
    } else {
        call.reply_null();
    }
    call.reply_integer(in_use);
    match retry_after {
        Some(ms) => call.reply_integer(ms),
        None => call.reply_never(),
    }
    call.reply_integer(fence.0);
}
