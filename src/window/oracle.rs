//! A brute-force sliding window, which counts every admission anew in each call.

use crate::text::time::{Span, Timestamp};

use super::log::Log;
use super::verdict::{Quota, Verdict, Wait, judge};

/// Slow, but small enough to be obviously correct.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    /// Time and units of every admission.
    pub(crate) admitted: Vec<(u64, u64)>,
    /// The longest window so far.
    horizon: u64,
}

impl Oracle {
    /// Units admitted in `(now - window, now]`. Admissions later than `now` count as admitted now.
    pub(crate) fn count(&self, window: u64, now: u64) -> u64 {
        self.admitted.iter().filter(|(at, _)| at + window > now).map(|(_, units)| units).sum()
    }

    /// How long until the first and the last admission in the window leave it; zero if it is empty.
    pub(super) fn first_free_and_reset(&self, window: u64, now: u64) -> (u64, u64) {
        let ends = self.admitted.iter().map(|(at, _)| now.min(*at) + window).filter(|end| *end > now);
        let waits: Vec<u64> = ends.map(|end| end - now).collect();
        (waits.iter().copied().min().unwrap_or(0), waits.iter().copied().max().unwrap_or(0))
    }

    fn admits(&self, quotas: &[Quota], cost: u64, now: u64) -> bool {
        quotas.iter().all(|q| self.count(q.window.0, now) + cost <= q.limit)
    }

    /// The documented reply, each field computed from its definition.
    pub(crate) fn judge(&self, quotas: &[Quota], cost: u64, now: u64) -> Verdict {
        let admitted = self.admits(quotas, cost, now);
        let mut seen_now = self.clone();
        seen_now.step_back(now);
        let candidates = quotas.iter().map(|q| {
            let only = std::slice::from_ref(q);
            let retry_after = if self.admits(only, cost, now) {
                Wait::For(Span(0))
            } else {
                // The answer can only change when something leaves the window.
                let ends = seen_now.admitted.iter().map(|(at, _)| at + q.window.0).filter(|end| *end > now);
                let first = ends.filter(|end| seen_now.admits(only, cost, *end)).min();
                first.map_or(Wait::Never, |end| Wait::For(Span(end - now)))
            };
            let mut after = seen_now.clone();
            if admitted && cost > 0 {
                after.admitted.push((now, cost));
            }
            let last = after.admitted.iter().map(|(at, _)| at + q.window.0).max().unwrap_or(0);
            let verdict = Verdict {
                admitted,
                limit: q.limit,
                remaining: q.limit.saturating_sub(after.count(q.window.0, now)),
                retry_after,
                reset_after: Span(last.saturating_sub(now)),
            };
            (verdict, q.window)
        });
        let mut best = None::<(Verdict, Span)>;
        for (verdict, window) in candidates {
            let better = best.as_ref().is_none_or(|(so_far, so_far_window)| {
                if admitted {
                    (so_far.remaining, window) > (verdict.remaining, *so_far_window)
                } else {
                    (verdict.retry_after, window) > (so_far.retry_after, *so_far_window)
                }
            });
            if better {
                best = Some((verdict, window));
            }
        }
        best.expect("at least one quota").0
    }

    /// The documented reply to a call whose units are recorded whatever the limits.
    pub(super) fn judge_forced(&self, quotas: &[Quota], cost: u64, now: u64) -> Verdict {
        let mut after = self.clone();
        after.step_back(now);
        after.record(quotas, cost, now);
        let one_more = after.admits(quotas, 1, now);
        // Backwards, because `max_by_key` returns the last of equals, and the first pair binds.
        let candidates = quotas.iter().rev().map(|q| {
            let only = std::slice::from_ref(q);
            let ends = after.admitted.iter().map(|(at, _)| at + q.window.0).filter(|end| *end > now);
            let first = ends.filter(|end| after.admits(only, 1, *end)).min();
            let retry_after = match first {
                _ if after.admits(only, 1, now) => Wait::For(Span(0)),
                Some(end) => Wait::For(Span(end - now)),
                None => Wait::Never,
            };
            let remaining = q.limit.saturating_sub(after.count(q.window.0, now));
            (retry_after, remaining, q)
        });
        let least_left = |(_, remaining, q): &(Wait, u64, &Quota)| (u64::MAX - remaining, q.window);
        let binding = if one_more {
            candidates.max_by_key(least_left)
        } else {
            candidates.max_by_key(|(retry_after, _, q)| (*retry_after, q.window))
        };
        let (retry_after, remaining, q) = binding.expect("at least one quota");
        let admitted = self.admits(quotas, cost, now);
        Verdict { admitted, limit: q.limit, remaining, retry_after, reset_after: q.window }
    }

    /// The units that were admitted at `at` and did not go back.
    pub(super) fn held(&self, at: u64) -> u64 {
        self.admitted.iter().filter(|(its, _)| *its == at).map(|(_, units)| units).sum()
    }

    /// Gives back up to `units` that were admitted at `at`. Returns how many.
    pub(super) fn refund(&mut self, at: u64, units: u64, now: u64) -> u64 {
        if at + self.horizon <= now {
            return 0;
        }
        let mut left = units;
        for (_, held) in self.admitted.iter_mut().filter(|(its, _)| *its == at) {
            let back = left.min(*held);
            *held -= back;
            left -= back;
        }
        self.admitted.retain(|(_, units)| *units > 0);
        units - left
    }

    pub(super) fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// The longest window of a call that was recorded.
    pub(super) fn horizon(&self) -> u64 {
        self.horizon
    }

    /// Moves admissions later than `now` to `now`.
    pub(crate) fn step_back(&mut self, now: u64) {
        for (at, _) in &mut self.admitted {
            *at = now.min(*at);
        }
    }

    /// Records an admission and forgets those that have left every window.
    pub(crate) fn record(&mut self, quotas: &[Quota], cost: u64, now: u64) {
        self.horizon = quotas.iter().map(|q| q.window.0).max().unwrap_or(0).max(self.horizon);
        let horizon = self.horizon;
        self.admitted.retain(|(at, _)| at + horizon > now);
        self.admitted.push((now, cost));
    }
}

/// Asserts that the call is denied one millisecond before `retry_after` and admitted at it.
pub(crate) fn retry_after_is_exact(log: &Log, quotas: &[Quota], cost: u64, now: u64, verdict: &Verdict) {
    let Wait::For(Span(wait)) = verdict.retry_after else {
        assert!(quotas.iter().any(|q| cost > q.limit), "never, although no limit forbids it");
        return;
    };
    assert!(wait > 0, "denied without a wait");
    // With the clock stepped back, entries later than now move to now first.
    let mut log = log.clone();
    log.step_back(Timestamp(now));
    let at = |time| judge(Some(&log), quotas, cost, Timestamp(time)).admitted;
    assert!(!at(now + wait - 1), "admitted a millisecond early");
    assert!(at(now + wait), "still denied at the promised time");
}
