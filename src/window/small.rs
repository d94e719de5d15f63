//! A compact form of a log with at most two entries and four windows: 64 bytes with the header of
//! its block, where a [`Log`] takes 112. Most keys of an API are like that.
//!
//! It has no cursors: with two entries, looking at both is all there is to do. Whatever it can't
//! hold or do is left to a [`Log`] (see [`super::value`]).

use crate::server::flat::Header;
use crate::server::gauge::Gauge;
use crate::text::time::{Span, Timestamp};

use super::effect::{Step, is_after};
use super::entries::Entry;
use super::extra::Extra;
use super::log::{Log, expiry_beyond, seconds};
use super::verdict::{History, Seen};

const MAX_WINDOWS: usize = 4;

/// A time span below 2^40 ms, which is 34 years.
#[derive(Clone, Copy, Debug, Default)]
struct Short([u8; 5]);

impl Short {
    #[inline]
    fn new(span: Span) -> Option<Self> {
        let bytes = span.0.to_le_bytes();
        (span.0 < 1 << 40).then(|| Self([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]]))
    }

    #[inline]
    fn span(self) -> Span {
        let [a, b, c, d, high] = self.0;
        Span(u64::from(u32::from_le_bytes([a, b, c, d])) | u64::from(high) << 32)
    }
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Small {
    /// See [`super::log::Header`] for the fields of these names.
    seq: u64,
    newest: Timestamp,
    newest_units: u32,
    pub(super) kept_until: u32,
    /// The units of the closed entry. 0 if there is none.
    closed_units: u32,
    /// The time from the closed entry to the newest.
    closed_gap: Short,
    /// Ascending.
    windows: [Short; MAX_WINDOWS],
    /// The number of windows. 0 only in a log that never admitted any.
    len: u8,
}

const _: () = assert!(size_of::<Small>() == 56);

/// The general form is the limiter's.
impl Header for Small {
    #[inline]
    fn bytes() -> &'static Gauge {
        <() as Extra>::bytes()
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Applied,
    /// It was applied before.
    Repeated,
    /// The result may need a [`Log`]. Nothing was changed.
    TooLarge,
}

impl Small {
    /// The same log in this form, if it fits.
    pub(super) fn of(log: &Log) -> Option<Self> {
        let header = log.header();
        let mut closed = log.closed();
        let closed = match header.entries {
            0 => None,
            1 => Some(closed.next().filter(|entry| entry.start == entry.end)?),
            _ => return None,
        };
        let mut small = Self {
            seq: header.seq,
            newest: header.newest,
            newest_units: u32::try_from(header.newest_units).ok()?,
            kept_until: header.kept_until,
            ..Self::default()
        };
        if let Some(entry) = closed {
            small.closed_units = u32::try_from(entry.units).ok()?;
            small.closed_gap = Short::new(header.newest - entry.end)?;
        }
        if usize::from(header.windows) > MAX_WINDOWS {
            return None;
        }
        for (slot, window) in small.windows.iter_mut().zip(log.windows()) {
            *slot = Short::new(window)?;
            small.len += 1;
        }
        Some(small)
    }

    /// The same log in its general form.
    pub(super) fn to_log(self) -> Log {
        let mut log = Log::new();
        let header = log.header_mut();
        header.seq = self.seq;
        header.newest = self.newest;
        header.newest_units = u64::from(self.newest_units);
        header.kept_until = self.kept_until;
        if self.len > 0 {
            let windows: Vec<Span> = self.windows().collect();
            log.set_windows(&windows);
            log.set_closed(self.closed().as_slice());
        }
        log
    }

    pub(super) fn is_empty(&self) -> bool {
        self.newest_units == 0
    }

    #[inline]
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// When the last admission leaves the longest window.
    #[inline]
    fn expires(&self) -> Timestamp {
        self.newest + self.horizon()
    }

    /// See [`Log::expiry_to_set`].
    #[inline]
    pub(super) fn expiry_to_set(&mut self) -> Option<Timestamp> {
        let until = expiry_beyond(self.kept_until, self.expires(), self.horizon())?;
        self.kept_until = seconds(until);
        Some(until)
    }

    #[inline]
    fn windows(&self) -> impl Iterator<Item = Span> + '_ {
        self.windows.iter().take(usize::from(self.len)).map(|window| window.span())
    }

    /// The longest window.
    #[inline]
    fn horizon(&self) -> Span {
        let last = usize::from(self.len).checked_sub(1).and_then(|last| self.windows.get(last));
        last.map_or(Span(0), |window| window.span())
    }

    /// See [`Log::shorten`].
    fn shorten(&mut self, windows: &[Span], now: Timestamp) {
        let Some(&longest) = windows.iter().max() else { return };
        let oldest = if self.closed_units > 0 { self.closed_end() } else { self.newest };
        if self.horizon() <= longest || oldest + longest <= now {
            return;
        }
        let kept = self.windows().take_while(|window| *window <= longest).count();
        if kept > 0 {
            self.windows[kept..].fill(Short::default());
            (self.len, self.kept_until) = (kept as u8, 0);
        }
    }

    #[inline]
    fn closed_end(&self) -> Timestamp {
        Timestamp(self.newest.0 - self.closed_gap.span().0)
    }

    fn closed(&self) -> Option<Entry> {
        let end = self.closed_end();
        (self.closed_units > 0).then(|| Entry { start: end, end, units: u64::from(self.closed_units) })
    }

    /// Does what [`Log::apply`] does.
    #[inline]
    pub(super) fn apply(&mut self, step: &Step) -> Outcome {
        if self.len > 0 && !is_after(step.seq, self.seq) {
            return Outcome::Repeated;
        }
        let Ok(units) = u32::try_from(step.units) else { return Outcome::TooLarge };
        if units == 0 || self.newest > step.at {
            return Outcome::TooLarge;
        }
        let mut next = *self;
        let fits = next.adopt(step.windows.as_slice()) && next.push(step.at, units);
        if !fits {
            return Outcome::TooLarge;
        }
        if step.by_policy {
            next.shorten(step.windows.as_slice(), step.at);
        }
        next.seq = step.seq;
        *self = next;
        Outcome::Applied
    }

    /// Adds windows. Returns false if there are too many.
    #[inline]
    fn adopt(&mut self, windows: &[Span]) -> bool {
        windows.iter().all(|window| self.windows().any(|known| known == *window) || self.adopt_new(*window))
    }

    fn adopt_new(&mut self, window: Span) -> bool {
        let len = usize::from(self.len);
        let Some(short) = Short::new(window).filter(|_| len < MAX_WINDOWS) else { return false };
        let at = self.windows().position(|known| known > window).unwrap_or(len);
        self.windows.copy_within(at..len, at + 1);
        self.windows[at] = short;
        self.len += 1;
        true
    }

    /// Forgets what has left the longest window by `now`, and adds `units` admitted at `now`, which
    /// is not earlier than the newest entry. Returns false if that needs a third entry.
    #[inline]
    fn push(&mut self, now: Timestamp, units: u32) -> bool {
        let horizon = self.horizon();
        let is_gone = |end: Timestamp| end + horizon <= now;
        if is_gone(self.newest) {
            (self.newest_units, self.closed_units) = (0, 0);
        } else if self.closed_units > 0 && is_gone(self.closed_end()) {
            self.closed_units = 0;
        }
        let mut newest_units = units;
        if self.newest == now {
            let Some(sum) = self.newest_units.checked_add(units) else { return false };
            newest_units = sum;
        } else if self.newest_units > 0 {
            if self.closed_units > 0 {
                return false;
            }
            let Some(gap) = Short::new(now - self.newest) else { return false };
            (self.closed_units, self.closed_gap) = (self.newest_units, gap);
        }
        (self.newest, self.newest_units) = (now, newest_units);
        true
    }
}

impl History for Small {
    #[inline]
    fn newest(&self) -> Timestamp {
        self.newest
    }

    #[inline]
    fn seen(&self, window: Span, now: Timestamp) -> impl Seen {
        let is_seen = |end: Timestamp| end + window > now;
        let newest_seen = is_seen(self.newest);
        let closed_end = self.closed_end();
        let closed_seen = newest_seen && self.closed_units > 0 && is_seen(closed_end);
        SmallView {
            newest: self.newest,
            newest_units: if newest_seen { u64::from(self.newest_units) } else { 0 },
            closed_end,
            closed_units: if closed_seen { u64::from(self.closed_units) } else { 0 },
        }
    }
}

/// What a window covers of both entries. Units that it does not cover are 0.
struct SmallView {
    newest: Timestamp,
    newest_units: u64,
    closed_end: Timestamp,
    closed_units: u64,
}

impl Seen for SmallView {
    #[inline]
    fn count(&self) -> u64 {
        self.newest_units + self.closed_units
    }

    #[inline]
    fn last_of(&self, units: u64) -> Option<Timestamp> {
        if self.closed_units > 0 && self.closed_units >= units {
            return Some(self.closed_end);
        }
        (self.count() > 0 && self.count() >= units).then_some(self.newest)
    }
}
