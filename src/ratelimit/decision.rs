//! The verdict on a call, and the change that follows from it.

use crate::text::time::Timestamp;
use crate::window::effect::Step;
use crate::window::settings::WINDOW_MAX_ENTRIES;
use crate::window::value::{Decision, Form, Window};
use crate::window::verdict::{Verdict, judge};

use super::counters;
use super::request::Request;

/// Admits or denies a call at `now`.
pub(super) struct Admission<'a> {
    pub request: &'a Request,
    pub now: Timestamp,
}

impl Decision for Admission<'_> {
    type Answer = Verdict;

    /// The verdict and the change that follows: the units of an admitted call. A denied call
    /// changes nothing unless the clock has stepped back.
    #[inline(always)]
    fn decide<F: Form>(&self, log: &mut F) -> (Verdict, Option<Step>) {
        let Self { request, now } = *self;
        log.advance(request.windows(), now);
        let verdict = judge(Some(log), request.quotas(), request.cost, now);
        let stepped_back = log.newest() > now;
        if stepped_back {
            counters::CLOCK_STEPS.count();
        }
        let step = (verdict.admitted || stepped_back).then(|| Step {
            seq: log.next_seq(),
            at: now,
            units: if verdict.admitted { request.cost } else { 0 },
            expires: None,
            max_entries: WINDOW_MAX_ENTRIES.get(),
            windows: request.owned_windows(),
            extra: (),
        });
        (verdict, step)
    }
}

/// The verdict before the units are recorded, and the step that records them.
pub(super) fn decide_forced(window: &mut Window, request: &Request, now: Timestamp) -> (Verdict, Step) {
    window.advance(request.windows(), now);
    let before = window.judge(request.quotas(), request.cost, now);
    if window.newest() > now {
        counters::CLOCK_STEPS.count();
    }
    let step = Step {
        seq: window.next_seq(),
        at: now,
        units: request.cost,
        expires: None,
        max_entries: WINDOW_MAX_ENTRIES.get(),
        windows: request.owned_windows(),
        extra: (),
    };
    (before, step)
}
