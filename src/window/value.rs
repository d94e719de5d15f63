//! The value of a limiter's key: a log in its compact or its general form.
//!
//! A key begins compact. It becomes a [`Log`] when that is too small, and compact again once a call
//! finds all earlier admissions expired. What is saved, replicated and answered does not depend on
//! the form.

use std::borrow::Cow;

use crate::server::flat::{EitherFlat, Flat};
use crate::text::time::{Span, Timestamp};

use super::effect::{Refund, Step, is_after};
use super::extra::Extra;
use super::log::{Header, Log, seconds};
use super::small::{Outcome, Small};
use super::verdict::{self, History, Quota, Verdict, forced, judge};

/// What a decision needs of a log, in either form.
pub(crate) trait Form: History {
    /// The number of the next change.
    fn next_seq(&self) -> u64;
    /// See [`Log::advance`].
    fn advance(&mut self, windows: impl Iterator<Item = Span>, now: Timestamp);
}

impl Form for Log {
    #[inline]
    fn next_seq(&self) -> u64 {
        Self::next_seq(self)
    }

    #[inline]
    fn advance(&mut self, windows: impl Iterator<Item = Span>, now: Timestamp) {
        Self::advance(self, windows, now);
    }
}

impl Form for Small {
    #[inline]
    fn next_seq(&self) -> u64 {
        self.seq().wrapping_add(1)
    }

    #[inline]
    fn advance(&mut self, _windows: impl Iterator<Item = Span>, _now: Timestamp) {}
}

/// A decision about a key, which is the same for either form.
pub(crate) trait Decision {
    type Answer;
    /// Returns the answer and the step to apply. Changes nothing but cursors.
    fn decide<F: Form>(&self, log: &mut F) -> (Self::Answer, Option<Step>);
}

/// A log in the form that a key holds.
/// The default is a log without admissions.
pub(crate) trait Stored<X: Extra>: Default {
    fn of(log: Log<X>) -> Self;
    /// Whether `log` is a later state of this log.
    fn is_older_than(&self, log: &Log<X>) -> bool;
    /// See [`Log::apply`].
    fn apply(&mut self, step: &Step<X>) -> bool;
    /// See [`Log::apply_refund`].
    fn apply_refund(&mut self, refund: &Refund) -> bool;
    /// See [`Log::is_empty`].
    fn is_empty(&self) -> bool;
    /// See [`Log::expiry_to_set`].
    fn expiry_to_set(&mut self) -> Option<Timestamp>;
    /// See [`Log::kept_until`].
    fn kept_until(&mut self, until: Timestamp);
}

impl<X: Extra> Stored<X> for Log<X> {
    fn of(log: Self) -> Self {
        log
    }

    fn is_older_than(&self, log: &Self) -> bool {
        Self::is_older_than(self, log)
    }

    #[inline]
    fn apply(&mut self, step: &Step<X>) -> bool {
        Self::apply(self, step)
    }

    fn apply_refund(&mut self, refund: &Refund) -> bool {
        Self::apply_refund(self, refund)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    #[inline]
    fn expiry_to_set(&mut self) -> Option<Timestamp> {
        Self::expiry_to_set(self)
    }

    fn kept_until(&mut self, until: Timestamp) {
        Self::kept_until(self, until);
    }
}

pub(crate) enum Window {
    Small(Flat<Small>),
    Log(Log),
}

impl Window {
    /// The log in its general form, to read it.
    pub(crate) fn to_log(&self) -> Cow<'_, Log> {
        match self {
            Self::Small(small) => Cow::Owned(small.header().to_log()),
            Self::Log(log) => Cow::Borrowed(log),
        }
    }

    /// Changes the log in its general form. It is compact afterwards if it can be.
    #[cold]
    fn change<R>(&mut self, change: impl FnOnce(&mut Log) -> R) -> R {
        match self {
            Self::Small(small) => {
                let mut log = small.header().to_log();
                let result = change(&mut log);
                *self = Self::of(log);
                result
            }
            Self::Log(log) => {
                let result = change(log);
                self.shrink();
                result
            }
        }
    }

    #[cold]
    fn shrink(&mut self) {
        if let Self::Log(log) = self {
            if let Some(small) = Small::of(log) {
                *self = Self::Small(Flat::new(small, 0));
            }
        }
    }

    /// The size of the allocation.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        match self {
            Self::Small(small) => small.allocated(),
            Self::Log(log) => log.allocated(),
        }
    }

    /// See [`judge`].
    #[inline]
    pub(crate) fn judge(&self, quotas: &[Quota], cost: u64, now: Timestamp) -> Verdict {
        match self {
            Self::Small(small) => judge(Some(small.header()), quotas, cost, now),
            Self::Log(log) => judge(Some(log), quotas, cost, now),
        }
    }

    /// When the newest units were admitted.
    #[inline]
    pub(crate) fn newest(&self) -> Timestamp {
        match self {
            Self::Small(small) => small.header().newest(),
            Self::Log(log) => log.newest(),
        }
    }

    #[inline]
    fn seq(&self) -> u64 {
        match self {
            Self::Small(small) => small.header().seq(),
            Self::Log(log) => log.seq(),
        }
    }

    /// The number of the next change.
    #[inline]
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq().wrapping_add(1)
    }

    /// See [`Log::advance`].
    #[inline]
    pub(crate) fn advance(&mut self, windows: impl Iterator<Item = Span>, now: Timestamp) {
        if let Self::Log(log) = self {
            log.advance(windows, now);
        }
    }

    /// Decides, applies the step, and sets its expiry. Looks at the form once, because most calls
    /// come here.
    #[inline(always)]
    pub(super) fn update<D: Decision>(&mut self, decision: &D) -> (D::Answer, Option<Step>) {
        let (answer, mut step);
        match self {
            Self::Log(log) => {
                (answer, step) = decision.decide(log);
                if let Some(step) = &mut step {
                    log.apply(step);
                    step.expires = log.expiry_to_set();
                    if log.header().entries == 0 {
                        self.shrink();
                    }
                }
            }
            Self::Small(small) => {
                let small = small.header_mut();
                (answer, step) = decision.decide(small);
                if let Some(step) = &mut step {
                    step.expires = match small.apply(step) {
                        Outcome::TooLarge => self.outgrow(step),
                        Outcome::Applied | Outcome::Repeated => small.expiry_to_set(),
                    };
                }
            }
        }
        (answer, step)
    }

    /// See [`forced`].
    pub(crate) fn forced(&self, before: &Verdict, quotas: &[Quota], now: Timestamp) -> Verdict {
        match self {
            Self::Small(small) => forced(before, small.header(), quotas, now),
            Self::Log(log) => forced(before, log, quotas, now),
        }
    }

    /// Applies a step that the compact form can't hold, and returns the new expiry.
    #[cold]
    fn outgrow(&mut self, step: &Step) -> Option<Timestamp> {
        self.change(|log| log.apply(step));
        self.expiry_to_set()
    }

    /// A copy for another key, of which it is not known how long the server keeps it.
    pub(super) fn copy(&self) -> Self {
        match self {
            Self::Small(small) => {
                let mut copy = *small.header();
                copy.kept_until = 0;
                Self::Small(Flat::new(copy, 0))
            }
            Self::Log(log) => {
                let mut copy = log.clone();
                copy.expiry_unknown();
                Self::Log(copy)
            }
        }
    }
}

impl Default for Window {
    #[inline]
    fn default() -> Self {
        Self::Small(Flat::new(Small::default(), 0))
    }
}

impl Stored<()> for Window {
    fn of(log: Log) -> Self {
        match Small::of(&log) {
            Some(small) => Self::Small(Flat::new(small, 0)),
            None => Self::Log(log),
        }
    }

    fn is_older_than(&self, log: &Log) -> bool {
        is_after(log.seq(), self.seq())
    }

    #[inline]
    fn apply(&mut self, step: &Step) -> bool {
        match self {
            Self::Small(small) => match small.header_mut().apply(step) {
                Outcome::Applied => true,
                Outcome::Repeated => false,
                Outcome::TooLarge => self.change(|log| log.apply(step)),
            },
            Self::Log(log) => {
                let taken = log.apply(step);
                if log.header().entries == 0 {
                    self.shrink();
                }
                taken
            }
        }
    }

    fn apply_refund(&mut self, refund: &Refund) -> bool {
        self.change(|log| log.apply_refund(refund))
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Small(small) => small.header().is_empty(),
            Self::Log(log) => log.is_empty(),
        }
    }

    #[inline]
    fn expiry_to_set(&mut self) -> Option<Timestamp> {
        match self {
            Self::Small(small) => small.header_mut().expiry_to_set(),
            Self::Log(log) => log.expiry_to_set(),
        }
    }

    fn kept_until(&mut self, until: Timestamp) {
        match self {
            Self::Small(small) => small.header_mut().kept_until = seconds(until),
            Self::Log(log) => log.kept_until(until),
        }
    }
}

/// See [`verdict::admits`]. `None` is a key that does not exist.
pub(crate) fn admits(window: Option<&Window>, quotas: &[Quota], cost: u64, now: Timestamp) -> bool {
    match window {
        Some(Window::Small(small)) => verdict::admits(Some(small.header()), quotas, cost, now),
        Some(Window::Log(log)) => verdict::admits(Some(log), quotas, cost, now),
        None => verdict::admits::<Log>(None, quotas, cost, now),
    }
}

/// See [`verdict::judge_part`]. `None` is a key that does not exist.
pub(crate) fn judge_part(
    window: Option<&Window>,
    quotas: &[Quota],
    cost: u64,
    admitted: bool,
    now: Timestamp,
) -> Verdict {
    match window {
        Some(Window::Small(small)) => verdict::judge_part(Some(small.header()), quotas, cost, admitted, now),
        Some(Window::Log(log)) => verdict::judge_part(Some(log), quotas, cost, admitted, now),
        None => verdict::judge_part::<Log>(None, quotas, cost, admitted, now),
    }
}

impl From<Window> for EitherFlat<Small, Header> {
    #[inline]
    fn from(window: Window) -> Self {
        match window {
            Window::Small(small) => Self::Bare(small),
            Window::Log(log) => Self::Full(log.into_flat()),
        }
    }
}

impl From<EitherFlat<Small, Header>> for Window {
    #[inline]
    fn from(flat: EitherFlat<Small, Header>) -> Self {
        match flat {
            EitherFlat::Bare(small) => Self::Small(small),
            EitherFlat::Full(log) => Self::Log(Log::from_flat(log)),
        }
    }
}
