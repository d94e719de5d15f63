//! The definition by brute force: a call is admitted if, in each trailing window, the units
//! admitted so far plus its own do not exceed the limit.

use crate::support::{Bracket, Reply};

/// A decision that the server made between two readings of TIME, in microseconds.
#[derive(Debug)]
pub struct Decision {
    pub from: i64,
    pub to: i64,
    pub cost: i64,
    pub reply: Reply,
}

impl Decision {
    /// The milliseconds in which the decision may have been made. Nearly always there is only one.
    fn at(&self) -> Bracket {
        Bracket { from: self.from / 1000, to: self.to / 1000 }
    }
}

/// The admissions so far.
///
/// If the millisecond of a decision is ambiguous, the decision counts as wrong only if it is wrong
/// for every possible one. [`Oracle::assert_mostly_exact`] checks that such decisions are few.
pub struct Oracle {
    quotas: Vec<(i64, i64)>,
    admitted: Vec<(Bracket, i64)>,
    decisions: usize,
    inexact: usize,
    last: i64,
}

impl Oracle {
    /// An oracle of a new key with these limits and windows (in milliseconds).
    pub fn new(quotas: &[(i64, i64)]) -> Self {
        Self { quotas: quotas.to_vec(), admitted: Vec::new(), decisions: 0, inexact: 0, last: 0 }
    }

    /// Checks the next decision in the server's order.
    pub fn check(&mut self, decision: &Decision) {
        let (now, cost, reply) = (decision.at(), decision.cost, decision.reply);
        self.decisions += 1;
        assert!(decision.from >= self.last, "out of order: {decision:?} after one until {}", self.last);
        self.last = decision.to;
        self.inexact += usize::from(now.exact().is_none());
        let fits = |units: &dyn Fn(i64) -> i64| {
            self.quotas.iter().all(|&(limit, window)| units(window) + cost <= limit)
        };
        if reply.limited {
            assert!(!fits(&|window| self.most(now, window)), "under-admitted: {decision:?}");
            self.check_wait(decision);
        } else {
            assert!(fits(&|window| self.least(now, window)), "over-admitted: {decision:?}");
            self.admitted.push((now, cost));
        }
    }

    /// The units that are certainly in the window.
    pub fn least(&self, now: Bracket, window: i64) -> i64 {
        self.units(|at| at.from + window > now.to, |at| at.to + window <= now.from)
    }

    /// The units that may be in the window.
    pub fn most(&self, now: Bracket, window: i64) -> i64 {
        self.units(|at| at.to + window > now.from, |at| at.to + window <= now.from)
    }

    /// Sums the units of the admissions that are `seen`, from the newest to the first that is
    /// `gone`.
    fn units(&self, seen: impl Fn(Bracket) -> bool, gone: impl Fn(Bracket) -> bool) -> i64 {
        let recent = self.admitted.iter().rev().take_while(|(at, _)| !gone(*at));
        recent.filter(|(at, _)| seen(*at)).map(|(_, cost)| cost).sum()
    }

    /// Asserts that the wait ends when enough units have left every window. Checks nothing if a
    /// time is ambiguous.
    fn check_wait(&self, decision: &Decision) {
        let Some(now) = decision.at().exact() else { return };
        let Some(waits) = self.quotas.iter().map(|&quota| self.wait(quota, now, decision.cost)).collect()
        else {
            return;
        };
        let waits: Vec<i64> = waits;
        assert_eq!(Some(decision.reply.retry_after), waits.into_iter().max(), "wrong wait: {decision:?}");
    }

    /// Milliseconds until one window has room, or `None` if that depends on an ambiguous time.
    fn wait(&self, (limit, window): (i64, i64), now: i64, cost: i64) -> Option<i64> {
        let mut units = cost;
        for (at, cost) in self.admitted.iter().rev() {
            let at = at.exact()?;
            if at + window <= now {
                break;
            }
            units += cost;
            if units > limit {
                return Some(at + window - now);
            }
        }
        Some(0)
    }

    /// Asserts that the millisecond of most decisions is known.
    pub fn assert_mostly_exact(&self) {
        assert!(self.decisions > 200, "only {} decisions", self.decisions);
        assert!(
            self.inexact * 5 < self.decisions,
            "{} of {} times are ambiguous",
            self.inexact,
            self.decisions
        );
    }
}
