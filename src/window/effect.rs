//! A change of a log in the form in which it travels to replicas and the AOF, and how a log applies
//! it.
//!
//! The primary applies its own changes in the same way, so all copies are equal to the bit. An
//! effect holds everything that it depends on (time, windows, bound on entries), so applying it
//! reads no clock and no configuration. Its sequence number makes it idempotent.
//!
//! Format, version 1: the byte 1, then the LEB128 integers sequence number, time, units, expiry (0:
//! unchanged), bound on entries, number of windows, each window, the numbers of the extra. The byte
//! 2 and a snapshot replace the whole log. The byte 3 is a refund: sequence number, time of the
//! entry, units. The byte 4 in place of 1 is a step by policy.

use std::ops::Deref;

use crate::text::time::{Span, Timestamp};

use super::entries::{Reader, put};
use super::extra::{Extra, MAX_NUMBERS};
use super::log::{Log, MAX_ENTRIES, MAX_PAIRS};
use super::snapshot;
use super::thin::thin_if_full;

/// An admission, or, without units, a clock that has stepped back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step<X: Extra = ()> {
    /// One more than the number of the log's last change.
    pub seq: u64,
    /// The time of the admission.
    pub at: Timestamp,
    /// The admitted units. 0 only moves entries later than `at` to `at`.
    pub units: u64,
    /// The new expiry of the key, if it changes.
    pub expires: Option<Timestamp>,
    /// The bound on the log's entries.
    pub max_entries: u16,
    /// The windows of the call.
    pub windows: Windows,
    /// Whether they are all windows of a policy. Then longer windows are dropped once no entry is so
    /// old that only they cover it, so that a policy with shorter windows than before does not keep
    /// its keys for longer than it needs.
    pub by_policy: bool,
    /// The new extra of the log.
    pub extra: X,
}

/// The windows of a call: up to [`MAX_PAIRS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    spans: [Span; MAX_PAIRS],
    len: u8,
}

impl Windows {
    /// Keeps the first [`MAX_PAIRS`] windows.
    pub(crate) fn new(spans: impl Iterator<Item = Span>) -> Self {
        let mut windows = Self::default();
        for (slot, span) in windows.spans.iter_mut().zip(spans) {
            *slot = span;
            windows.len += 1;
        }
        windows
    }

    /// The windows in the call's order.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[Span] {
        &self.spans[..usize::from(self.len)]
    }
}

/// Units that go back from one entry. If they are the last ones of the log, its key is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refund {
    /// One more than the number of the log's last change.
    pub seq: u64,
    /// A millisecond of the entry.
    pub at: Timestamp,
    /// At least one, and at most those of the entry.
    pub units: u64,
}

/// A decoded payload.
pub(crate) enum WindowEffect<X: Extra = ()> {
    Step(Step<X>),
    Snapshot(Log<X>),
    Refund(Refund),
}

const STEP: u8 = 1;
const SNAPSHOT: u8 = 2;
const REFUND: u8 = 3;
const STEP_BY_POLICY: u8 = 4;

/// The longest payload of a [`Step`]: six numbers of its own, the windows, the extra.
const STEP_BYTES: usize = 1 + 10 * 6 + WINDOW_BYTES * MAX_PAIRS + 10 * MAX_NUMBERS;

/// The length of the longest window as LEB128.
const WINDOW_BYTES: usize = 6;
const _: () = assert!(Span::MAX.0 < 1 << (7 * WINDOW_BYTES));

/// An encoded [`Step`] or [`Refund`], on the stack.
pub(crate) struct Payload {
    bytes: [u8; STEP_BYTES],
    len: usize,
}

impl Payload {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl<X: Extra> Step<X> {
    #[inline(always)]
    pub(crate) fn encode(&self) -> Payload {
        let mut bytes = [0; STEP_BYTES];
        bytes[0] = if self.by_policy { STEP_BY_POLICY } else { STEP };
        let mut len = 1;
        let mut number = |value| len += put(&mut bytes[len..], value);
        let windows = self.windows.as_slice();
        number(self.seq);
        number(self.at.0);
        number(self.units);
        number(self.expires.map_or(0, |at| at.0));
        number(u64::from(self.max_entries));
        number(windows.len() as u64);
        windows.iter().for_each(|window| number(window.0));
        self.extra.numbers().as_ref().iter().copied().for_each(number);
        Payload { bytes, len }
    }

    fn decode(bytes: &[u8], by_policy: bool) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let seq = reader.integer()?;
        let at = Timestamp(reader.integer()?);
        let units = reader.integer()?;
        let expires = Some(Timestamp(reader.integer()?)).filter(|at| at.0 > 0);
        let max_entries = u16::try_from(reader.integer()?).ok().filter(|n| (1..=MAX_ENTRIES).contains(n))?;
        let count = usize::try_from(reader.integer()?).ok().filter(|n| *n <= MAX_PAIRS)?;
        let mut spans = [Span(0); MAX_PAIRS];
        for span in &mut spans[..count] {
            *span = Span(reader.integer()?);
        }
        let windows = Windows::new(spans.into_iter().take(count));
        let extra = X::read(&mut reader)?;
        let sound = windows.as_slice().iter().all(|span| (Span::MIN..=Span::MAX).contains(span))
            && at < Timestamp::NEVER
            && units <= u64::from(u32::MAX)
            && (units == 0 || count > 0)
            && reader.rest().is_empty();
        sound.then_some(Self { seq, at, units, expires, max_entries, windows, by_policy, extra })
    }
}

impl Refund {
    pub(crate) fn encode(&self) -> Payload {
        let mut bytes = [0; STEP_BYTES];
        bytes[0] = REFUND;
        let mut len = 1;
        for number in [self.seq, self.at.0, self.units] {
            len += put(&mut bytes[len..], number);
        }
        Payload { bytes, len }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let seq = reader.integer()?;
        let at = Timestamp(reader.integer()?);
        let units = reader.integer()?;
        let sound =
            at < Timestamp::NEVER && (1..=u64::from(u32::MAX)).contains(&units) && reader.rest().is_empty();
        sound.then_some(Self { seq, at, units })
    }
}

impl<X: Extra> WindowEffect<X> {
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        match payload.split_first() {
            Some((&kind @ (STEP | STEP_BY_POLICY), rest)) => {
                Step::decode(rest, kind == STEP_BY_POLICY).map(Self::Step).ok_or("a damaged step")
            }
            Some((&SNAPSHOT, rest)) => snapshot::read(rest).map(Self::Snapshot),
            Some((&REFUND, rest)) => Refund::decode(rest).map(Self::Refund).ok_or("a damaged refund"),
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }

    /// The payload that replaces any log by `log`.
    pub(crate) fn snapshot_of(log: &Log<X>) -> Vec<u8> {
        let mut payload = vec![SNAPSHOT];
        snapshot::write(log, &mut payload);
        payload
    }
}

/// Whether change `a` was made after change `b`, in serial number arithmetic (RFC 1982). The
/// numbers may wrap, so no number that a RESTOREd value claims is too high.
#[inline]
pub(crate) fn is_after(a: u64, b: u64) -> bool {
    a.wrapping_sub(b).wrapping_sub(1) < u64::MAX / 2
}

impl<X: Extra> Log<X> {
    /// Whether `other` is a later state of the same log.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        is_after(other.seq(), self.seq())
    }

    /// Applies `step`. Returns false if it was applied before.
    #[inline]
    pub(crate) fn apply(&mut self, step: &Step<X>) -> bool {
        if !self.is_new() && !is_after(step.seq, self.seq()) {
            return false;
        }
        let header = self.header_mut();
        (header.seq, header.extra) = (step.seq, step.extra);
        self.step_back(step.at);
        if step.units > 0 {
            self.adopt(step.windows.as_slice());
            self.forget(step.at);
            self.push(step.at, step.units);
            thin_if_full(self, step.at, step.max_entries);
            if step.by_policy {
                self.shorten(step.windows.as_slice(), step.at);
            }
        }
        true
    }

    /// Gives the units of `refund` back. Returns false if that was done before, or if the log never
    /// admitted any. The caller deletes the key of an empty log.
    pub(crate) fn apply_refund(&mut self, refund: &Refund) -> bool {
        if self.is_new() || !is_after(refund.seq, self.seq()) {
            return false;
        }
        self.header_mut().seq = refund.seq;
        self.give_back(refund.at, refund.units);
        true
    }
}
