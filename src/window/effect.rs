//! A change of a log in the form in which it travels to replicas and the AOF, and how a log takes it.
//!
//! The primary applies its own changes in the same way, so all copies stay equal to the bit. An effect holds all
//! that it depends on (the time, the windows, the bound on entries), so applying it asks no clock and no
//! configuration. It is numbered: applied twice, it changes nothing.
//!
//! Format, version 1: the byte 1, then the LEB128 integers sequence number, time, units, expiry (0: unchanged), most
//! entries, number of windows, each window, those of the extra. The byte 2 and a snapshot replaces the whole log.

use crate::text::time::{Span, Timestamp};

use super::entries::{Reader, put};
use super::extra::{Extra, MAX_NUMBERS};
use super::log::{Log, MAX_ENTRIES, MAX_PAIRS};
use super::snapshot;
use super::thin::thin_if_full;

/// Units admitted at a time, or, without units, a clock that has stepped back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<X: Extra = ()> {
    /// Its number: one more than the log's last.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// How many; 0 only moves what is later than `at` to `at`.
    pub units: u64,
    /// When the key expires, if that changes.
    pub expires: Option<Timestamp>,
    /// How many entries the log may hold.
    pub max_entries: u16,
    /// The windows of the call.
    pub windows: Windows,
    /// The log's extra from now on.
    pub extra: X,
}

/// The windows of a call: up to [`MAX_PAIRS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    spans: [Span; MAX_PAIRS],
    len: u8,
}

impl Windows {
    /// The windows of a call; those beyond [`MAX_PAIRS`] are left out.
    pub fn new(spans: impl Iterator<Item = Span>) -> Self {
        let mut windows = Self::default();
        for (slot, span) in windows.spans.iter_mut().zip(spans) {
            *slot = span;
            windows.len += 1;
        }
        windows
    }

    /// The windows in the call's order.
    #[inline]
    pub fn as_slice(&self) -> &[Span] {
        &self.spans[..usize::from(self.len)]
    }
}

/// What the payload of an effect says.
pub enum Effect<X: Extra = ()> {
    /// A change.
    Step(Step<X>),
    /// A whole log.
    Snapshot(Log<X>),
}

const STEP: u8 = 1;
const SNAPSHOT: u8 = 2;

/// The longest payload of a [`Step`]: six numbers of its own, the windows, the extra.
const STEP_BYTES: usize = 1 + 10 * 6 + WINDOW_BYTES * MAX_PAIRS + 10 * MAX_NUMBERS;

/// The longest window, as LEB128.
const WINDOW_BYTES: usize = 6;
const _: () = assert!(Span::MAX.0 < 1 << (7 * WINDOW_BYTES));

/// An encoded [`Step`], on the stack.
pub struct Payload {
    bytes: [u8; STEP_BYTES],
    len: usize,
}

impl Payload {
    /// The payload.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl<X: Extra> Step<X> {
    /// The payload of the effect.
    #[inline]
    pub fn encode(&self) -> Payload {
        let mut bytes = [0; STEP_BYTES];
        bytes[0] = STEP;
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

    fn decode(bytes: &[u8]) -> Option<Self> {
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
        sound.then_some(Self { seq, at, units, expires, max_entries, windows, extra })
    }
}

impl<X: Extra> Effect<X> {
    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        match payload.split_first() {
            Some((&STEP, rest)) => Step::decode(rest).map(Self::Step).ok_or("a damaged step"),
            Some((&SNAPSHOT, rest)) => snapshot::read(rest).map(Self::Snapshot),
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }

    /// The payload that makes `log` out of nothing.
    pub fn snapshot_of(log: &Log<X>) -> Vec<u8> {
        let mut payload = vec![SNAPSHOT];
        snapshot::write(log, &mut payload);
        payload
    }
}

/// Whether the change `a` was made after `b`, in serial number arithmetic (RFC 1982): no number is too high to count
/// on from, whatever a RESTOREd value claims.
#[inline]
fn is_after(a: u64, b: u64) -> bool {
    a.wrapping_sub(b).wrapping_sub(1) < u64::MAX / 2
}

impl<X: Extra> Log<X> {
    /// Whether this is a later state of the same log than `other`.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_after(self.seq(), other.seq())
    }

    /// Takes `step`; false if it was taken before.
    #[inline]
    pub fn apply(&mut self, step: &Step<X>) -> bool {
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
        }
        true
    }
}
