//! The verdict on a call, and the change that follows from it.

use crate::text::time::Timestamp;
use crate::window::effect::Step;
use crate::window::settings::WINDOW_MAX_ENTRIES;
use crate::window::value::{Decision, Form, Window};
use crate::window::verdict::{Verdict, judge};

use super::counters;
use super::request::Request;

/// A call at `now`.
pub(super) struct Admission<'a> {
    pub request: &'a Request,
    pub now: Timestamp,
    /// Whether the limits are those of a policy.
    pub by_policy: bool,
}

impl Admission<'_> {
    #[inline(always)]
    fn step(&self, seq: u64, units: u64) -> Step {
        Step {
            seq,
            at: self.now,
            units,
            expires: None,
            max_entries: WINDOW_MAX_ENTRIES.get(),
            windows: self.request.owned_windows(),
            by_policy: self.by_policy,
            extra: (),
        }
    }

    /// The verdict before the units are recorded, and the step that records them whatever it says.
    pub(super) fn force(&self, window: &mut Window) -> (Verdict, Step) {
        let Self { request, now, .. } = *self;
        window.advance(request.windows(), now);
        let before = window.judge(request.quotas(), request.cost, now);
        if window.newest() > now {
            counters::CLOCK_STEPS.count();
        }
        (before, self.step(window.next_seq(), request.cost))
    }
}

impl Decision for Admission<'_> {
    type Answer = Verdict;

    /// The verdict and the change that follows: the units of an admitted call. A denied call
    /// changes nothing unless the clock has stepped back.
    #[inline(always)]
    fn decide<F: Form>(&self, log: &mut F) -> (Verdict, Option<Step>) {
        let Self { request, now, .. } = *self;
        log.advance(request.windows(), now);
        let verdict = judge(Some(log), request.quotas(), request.cost, now);
        let stepped_back = log.newest() > now;
        if stepped_back {
            counters::CLOCK_STEPS.count();
        }
        let units = if verdict.admitted { request.cost } else { 0 };
        let step = (verdict.admitted || stepped_back).then(|| self.step(log.next_seq(), units));
        (verdict, step)
    }
}
