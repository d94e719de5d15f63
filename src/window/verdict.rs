//! What a log says to a call: admitted or not, what is left, and how long to wait.

use crate::text::time::{Span, Timestamp};

use super::log::{Log, MAX_PAIRS, View};

/// At most `limit` units in any `window`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// How many units; 0 denies everything.
    pub limit: u64,
    /// In how long.
    pub window: Span,
}

/// How long until a denied call would be admitted if nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// Exactly so long; nothing if the call is admitted.
    For(Span),
    /// It never will be: its cost is above the limit. Outranks any time.
    Never,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every quota has room for the call.
    pub admitted: bool,
    /// The limit of the quota that binds: of a denied call the one that keeps it waiting longest, of an admitted one
    /// the one with the least left; of equals the one with the longer window.
    pub limit: u64,
    /// Units left of that quota after the call.
    pub remaining: u64,
    /// How long to wait.
    pub retry_after: Wait,
    /// How long until that whole quota is free again.
    pub reset_after: Span,
}

/// Judges a call of `cost` units at `now`. It changes nothing; `None` is a key that does not exist.
#[inline]
pub fn judge(log: Option<&Log>, quotas: &[Quota], cost: u64, now: Timestamp) -> Verdict {
    // Most calls have one pair, and need not look for the one that binds.
    if let [quota] = quotas {
        let view = log.map(|log| log.view(quota.window, now));
        let used = view.as_ref().map_or(0, View::count);
        let admitted = used.saturating_add(cost) <= quota.limit;
        return judge_one(log, view.as_ref(), quota, used, cost, admitted, now);
    }
    judge_many(log, quotas, cost, now)
}

fn judge_many(log: Option<&Log>, quotas: &[Quota], cost: u64, now: Timestamp) -> Verdict {
    let mut used = [0; MAX_PAIRS];
    let mut admitted = true;
    for (quota, used) in quotas.iter().zip(&mut used) {
        *used = log.map_or(0, |log| log.count(quota.window, now));
        admitted &= used.saturating_add(cost) <= quota.limit;
    }
    let mut binding: Option<(Verdict, Span)> = None;
    for (quota, &used) in quotas.iter().zip(&used) {
        let view = log.map(|log| log.view(quota.window, now));
        let verdict = judge_one(log, view.as_ref(), quota, used, cost, admitted, now);
        let binds = binding.is_none_or(|(so_far, window)| {
            let less_left = so_far.remaining.cmp(&verdict.remaining);
            let stricter = if admitted { less_left } else { verdict.retry_after.cmp(&so_far.retry_after) };
            stricter.then(quota.window.cmp(&window)).is_gt()
        });
        if binds {
            binding = Some((verdict, quota.window));
        }
    }
    let nothing_asked =
        Verdict { admitted, limit: 0, remaining: 0, retry_after: Wait::For(Span(0)), reset_after: Span(0) };
    binding.map_or(nothing_asked, |(verdict, _)| verdict)
}

/// The verdict as `quota` sees it, with `used` units in its window, on a call that is `admitted` by all or not.
#[inline]
fn judge_one(
    log: Option<&Log>,
    view: Option<&View<'_>>,
    quota: &Quota,
    used: u64,
    cost: u64,
    admitted: bool,
    now: Timestamp,
) -> Verdict {
    let over = used.saturating_add(cost).saturating_sub(quota.limit);
    // An entry later than now (the clock has stepped back) counts as admitted now.
    let free_at = |end: Timestamp| end.min(now) + quota.window - now;
    Verdict {
        admitted,
        limit: quota.limit,
        remaining: quota.limit.saturating_sub(used).saturating_sub(if admitted { cost } else { 0 }),
        retry_after: match view {
            _ if over == 0 => Wait::For(Span(0)),
            Some(view) if cost <= quota.limit => {
                view.last_of(over).map_or(Wait::Never, |end| Wait::For(free_at(end)))
            }
            _ => Wait::Never,
        },
        reset_after: if admitted && cost > 0 {
            quota.window
        } else {
            log.map_or(Span(0), |log| free_at(log.newest()))
        },
    }
}
