//! Judges a call against a log: admitted or not, what remains, and how long to wait.

use crate::text::time::{Span, Timestamp};

use super::log::{Log, MAX_PAIRS, View};

/// 2^53 - 1, the highest integer that every client language can hold.
pub(crate) const MAX_LIMIT: u64 = (1 << 53) - 1;

/// At most `limit` units in any `window`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    /// 0 denies everything.
    pub limit: u64,
    pub window: Span,
}

/// How long until a denied call would be admitted if no other call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// Exact. Zero if the call is admitted.
    For(Span),
    /// Never, because the cost is above the limit. Compares greater than any time.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether every quota has room for the call. Of a forced call, whether each had.
    pub admitted: bool,
    /// The limit of the binding quota: for a denied call the one with the longest wait, for an
    /// admitted one the one with the least remaining. Of equals, the one with the longer window.
    pub limit: u64,
    /// The remaining units of the binding quota after the call.
    pub remaining: u64,
    pub retry_after: Wait,
    /// How long until the binding quota is completely free.
    pub reset_after: Span,
}

/// Admissions, as far as a verdict depends on them.
pub(crate) trait History {
    /// When the newest units were admitted.
    fn newest(&self) -> Timestamp;
    /// The admissions in the `window` that ends at `now`.
    fn seen(&self, window: Span, now: Timestamp) -> impl Seen;
}

/// The admissions in one window at one moment.
pub(crate) trait Seen {
    /// The units in the window.
    fn count(&self) -> u64;
    /// When `units` units will have left the window: the end of the entry with the last of them.
    /// `None` if the window has fewer.
    fn last_of(&self, units: u64) -> Option<Timestamp>;
}

impl History for Log {
    #[inline]
    fn newest(&self) -> Timestamp {
        Self::newest(self)
    }

    #[inline]
    fn seen(&self, window: Span, now: Timestamp) -> impl Seen {
        self.view(window, now)
    }
}

impl Seen for View<'_> {
    #[inline]
    fn count(&self) -> u64 {
        View::count(self)
    }

    #[inline]
    fn last_of(&self, units: u64) -> Option<Timestamp> {
        View::last_of(self, units)
    }
}

/// Judges a call on a key that does not exist.
pub(crate) fn judge_new(quotas: &[Quota], cost: u64, now: Timestamp) -> Verdict {
    judge::<Log>(None, quotas, cost, now)
}

/// Judges a call of `cost` units at `now`, without changing anything. `None` is a key that does not
/// exist.
#[inline]
pub(crate) fn judge<H: History>(log: Option<&H>, quotas: &[Quota], cost: u64, now: Timestamp) -> Verdict {
    // Most calls have one pair, which needs no search for the binding one.
    if let [quota] = quotas {
        let view = log.map(|log| log.seen(quota.window, now));
        let used = view.as_ref().map_or(0, Seen::count);
        let admitted = used.saturating_add(cost) <= quota.limit;
        return judge_one(log, view.as_ref(), quota, used, cost, admitted, now);
    }
    judge_many(log, quotas, cost, now)
}

/// The verdict on a call whose units were recorded whatever `before` said: whether it would have
/// been admitted, and the state after it. `log` holds its units. `retry_after` is how long until
/// one unit more would be admitted, [`Wait::Never`] only for a limit of 0.
pub(crate) fn forced<H: History>(before: &Verdict, log: &H, quotas: &[Quota], now: Timestamp) -> Verdict {
    let one_more = judge(Some(log), quotas, 1, now);
    // Without a unit more, a verdict of an admitted call tells what remains.
    let after = if one_more.admitted { judge(Some(log), quotas, 0, now) } else { one_more };
    Verdict { admitted: before.admitted, ..after }
}

fn judge_many<H: History>(log: Option<&H>, quotas: &[Quota], cost: u64, now: Timestamp) -> Verdict {
    let mut used = [0; MAX_PAIRS];
    let mut admitted = true;
    for (quota, used) in quotas.iter().zip(&mut used) {
        *used = log.map_or(0, |log| log.seen(quota.window, now).count());
        admitted &= used.saturating_add(cost) <= quota.limit;
    }
    strictest(log, quotas.iter().zip(used), cost, admitted, admitted, now)
}

/// Whether all of `quotas` have room for a call of `cost` units. A call without units needs room
/// for one.
pub(super) fn admits<H: History>(log: Option<&H>, quotas: &[Quota], cost: u64, now: Timestamp) -> bool {
    let used = |quota: &Quota| log.map_or(0, |log| log.seen(quota.window, now).count());
    quotas.iter().all(|quota| used(quota).saturating_add(cost.max(1)) <= quota.limit)
}

/// The verdict of some quotas of a key on a call that all quotas of all its keys together admit or
/// not. A call without units is judged as by [`admits`].
pub(super) fn judge_part<H: History>(
    log: Option<&H>,
    quotas: &[Quota],
    cost: u64,
    admitted: bool,
    now: Timestamp,
) -> Verdict {
    let used = |quota: &Quota| log.map_or(0, |log| log.seen(quota.window, now).count());
    let with_used = quotas.iter().map(|quota| (quota, used(quota)));
    let verdict = strictest(log, with_used, cost.max(1), admitted, admitted && cost > 0, now);
    Verdict { admitted, ..verdict }
}

/// The verdict of the binding quota. Each of `quotas` comes with the units used in its window.
/// `recorded`: whether the call is admitted and its units count in the verdict.
#[inline]
fn strictest<'q, H: History>(
    log: Option<&H>,
    quotas: impl Iterator<Item = (&'q Quota, u64)>,
    cost: u64,
    admitted: bool,
    recorded: bool,
    now: Timestamp,
) -> Verdict {
    let mut binding: Option<(Verdict, Span)> = None;
    for (quota, used) in quotas {
        let view = log.map(|log| log.seen(quota.window, now));
        let verdict = judge_one(log, view.as_ref(), quota, used, cost, recorded, now);
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

/// The verdict for one quota, with `used` units in its window, on a call that all quotas together
/// admit or not.
#[inline]
fn judge_one<H: History, S: Seen>(
    log: Option<&H>,
    view: Option<&S>,
    quota: &Quota,
    used: u64,
    cost: u64,
    admitted: bool,
    now: Timestamp,
) -> Verdict {
    let over = used.saturating_add(cost).saturating_sub(quota.limit);
    // An entry later than now, after the clock has stepped back, counts as admitted now.
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
