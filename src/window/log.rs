//! The admissions of one key, for as long as any of its windows covers them.
//!
//! The log is exact: it holds the millisecond in which each unit was admitted. Admissions of the
//! same millisecond share an entry. The newest entry is in the header; the closed ones follow as
//! bytes, oldest first. For each window that the key is called with, a cursor points at the oldest
//! entry in that window. A call moves the cursors past the entries that have expired since the last
//! call. So a call costs amortised O(1), whatever the limit.
//!
//! Answers depend on the entries and the time alone, never on the positions of the cursors. So a
//! replica, a reloaded copy and the original agree.

use crate::server::flat::{self, Flat};
use crate::server::gauge::Gauge;
use crate::text::time::{Span, Timestamp};

use super::entries::{self, Entry, MAX_BYTES};
use super::extra::Extra;

/// The most limit-window pairs of a call.
pub(crate) const MAX_PAIRS: usize = 8;

/// The most windows that a log remembers: those of a call, and the longest it was ever called with.
pub(crate) const MAX_WINDOWS: usize = MAX_PAIRS + 1;

/// The most units that are counted. Every limit is lower (at most 2^53).
pub(crate) const MAX_UNITS: u64 = 1 << 62;
/// The highest bound on the entries of a log.
pub(crate) const MAX_ENTRIES: u16 = 16_384;

/// One allocation that holds the header with the extra, the cursors, and the closed entries.
#[derive(Clone)]
pub(crate) struct Log<X: Extra = ()> {
    pub(super) flat: Flat<Header<X>>,
}

/// Its layout makes a log with a single hit 112 bytes, which is a size class of the server's
/// allocator. A limiter's key with few hits is smaller still: see [`super::small`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Header<X: Extra = ()> {
    /// The number of the last change. An effect with an earlier or equal number was applied
    /// already.
    pub(super) seq: u64,
    /// The units of all entries, including the newest.
    pub(super) total: u64,
    /// The end of the entry before the oldest, to which the oldest entry's gap is relative.
    pub(super) base: Timestamp,
    /// The end of the last closed entry.
    pub(super) last_end: Timestamp,
    /// When the newest entry's units were admitted.
    pub(super) newest: Timestamp,
    /// The newest entry's units. 0 only in a log that never admitted any.
    pub(super) newest_units: u64,
    /// The latest time that the cursors were moved to. Not saved, because it does not depend on the
    /// entries.
    advanced_to: Timestamp,
    /// The offset of the oldest closed entry, counted from the end of the cursors.
    pub(super) head: u32,
    /// The offset behind the last closed entry, counted likewise.
    pub(super) tail: u32,
    /// The Unix second until which the server is known to keep the key. A cache: never saved or
    /// copied.
    pub(super) kept_until: u32,
    /// The number of closed entries.
    pub(super) entries: u16,
    /// The number of windows.
    pub(super) windows: u8,
    /// The extra of this kind of log. The limiter's takes no bytes.
    pub(super) extra: X,
}

impl<X: Extra> flat::Header for Header<X> {
    #[inline]
    fn bytes() -> &'static Gauge {
        X::bytes()
    }
}

/// A window and its cursor: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) window: Span,
    /// The end of the closed entry at the cursor; `NEVER` behind the last.
    pub(super) end: Timestamp,
    /// The units of the closed entries before the cursor.
    pub(super) gone: u64,
    /// The offset of the entry at the cursor.
    pub(super) at: u32,
}

pub(super) const CURSOR_BYTES: usize = 32;

impl<X: Extra> Default for Log<X> {
    fn default() -> Self {
        Self::new()
    }
}

impl<X: Extra> Log<X> {
    /// A log without admissions, with room for one window and no closed entry.
    pub(crate) fn new() -> Self {
        let header = Header {
            seq: 0,
            total: 0,
            base: Timestamp(0),
            last_end: Timestamp(0),
            newest: Timestamp(0),
            newest_units: 0,
            advanced_to: Timestamp(0),
            head: 0,
            tail: 0,
            kept_until: 0,
            entries: 0,
            windows: 0,
            extra: X::default(),
        };
        Self { flat: Flat::new(header, CURSOR_BYTES) }
    }

    pub(super) fn from_flat(flat: Flat<Header<X>>) -> Self {
        Self { flat }
    }

    pub(super) fn into_flat(self) -> Flat<Header<X>> {
        self.flat
    }

    #[inline]
    pub(super) fn header(&self) -> &Header<X> {
        self.flat.header()
    }

    #[inline]
    pub(super) fn header_mut(&mut self) -> &mut Header<X> {
        self.flat.header_mut()
    }

    /// The size of the log's allocation.
    pub(crate) fn allocated(&self) -> usize {
        self.flat.allocated()
    }

    /// The number of the last change.
    pub(crate) fn seq(&self) -> u64 {
        self.header().seq
    }

    /// The number of the next change.
    #[inline]
    pub(crate) fn next_seq(&self) -> u64 {
        self.header().seq.wrapping_add(1)
    }

    /// Whether the log never admitted anything.
    #[inline]
    pub(super) fn is_new(&self) -> bool {
        self.header().windows == 0
    }

    /// When the newest units were admitted.
    #[inline]
    pub(crate) fn newest(&self) -> Timestamp {
        self.header().newest
    }

    /// The number of entries, including the newest.
    pub(crate) fn entries(&self) -> usize {
        usize::from(self.header().entries) + usize::from(self.header().newest_units > 0)
    }

    /// The longest window that the log was ever called with.
    #[inline]
    pub(crate) fn horizon(&self) -> Span {
        match self.header().windows {
            0 => Span(0),
            n => self.cursor(usize::from(n) - 1).window,
        }
    }

    #[inline]
    pub(crate) fn extra(&self) -> X {
        self.header().extra
    }

    /// When the last admission leaves the longest window. Nothing in the log matters after that.
    #[inline]
    pub(crate) fn expires(&self) -> Timestamp {
        (self.newest() + self.horizon()).max(self.header().extra.matters_until())
    }

    /// The new expiry of the key, if the server must keep it for longer.
    ///
    /// The first expiry is exact. Later ones add some time, so that a busy key's expiry is not set
    /// in every call.
    #[inline]
    pub(crate) fn expiry_to_set(&mut self) -> Option<Timestamp> {
        let until = expiry_beyond(self.header().kept_until, self.expires(), self.horizon())?;
        self.kept_until(until);
        Some(until)
    }

    /// Forgets how long the server keeps the key, because the log is now under another key.
    pub(super) fn expiry_unknown(&mut self) {
        self.header_mut().kept_until = 0;
    }

    /// Records that the server keeps the key until `until`.
    pub(crate) fn kept_until(&mut self, until: Timestamp) {
        self.header_mut().kept_until = seconds(until);
    }

    // --- cursors ---

    #[inline]
    pub(super) fn cursor(&self, i: usize) -> Cursor {
        let bytes = &self.flat.bytes()[i * CURSOR_BYTES..][..CURSOR_BYTES];
        let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 8]));
        Cursor { window: Span(word(0)), end: Timestamp(word(8)), gone: word(16), at: word(24) as u32 }
    }

    #[inline]
    pub(super) fn set_cursor(&mut self, i: usize, cursor: Cursor) {
        let bytes = &mut self.flat.bytes_mut()[i * CURSOR_BYTES..][..CURSOR_BYTES];
        bytes[..8].copy_from_slice(&cursor.window.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&cursor.end.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&cursor.gone.to_le_bytes());
        bytes[24..].copy_from_slice(&u64::from(cursor.at).to_le_bytes());
    }

    pub(super) fn count_of_windows(&self) -> usize {
        usize::from(self.header().windows)
    }

    /// The windows, shortest first.
    pub(super) fn windows(&self) -> impl Iterator<Item = Span> + '_ {
        (0..self.count_of_windows()).map(|i| self.cursor(i).window)
    }

    /// The cursor of `window` at `now`. A window that the log does not know starts at the oldest
    /// entry.
    #[inline]
    pub(super) fn cursor_at(&self, window: Span, now: Timestamp) -> Cursor {
        let known = (0..self.count_of_windows()).map(|i| self.cursor(i)).find(|c| c.window == window);
        let stands = known.filter(|_| now >= self.header().advanced_to);
        self.moved(stands.unwrap_or_else(|| self.first(window)), now)
    }

    /// A cursor at the oldest closed entry.
    pub(super) fn first(&self, window: Span) -> Cursor {
        let at = self.header().head;
        Cursor { window, end: self.end_at(at, self.header().base), gone: 0, at }
    }

    /// The end of the closed entry at `at`, which follows one that ended at `previous`.
    #[inline]
    pub(super) fn end_at(&self, at: u32, previous: Timestamp) -> Timestamp {
        if at == self.header().tail { Timestamp::NEVER } else { self.entry_at(at, previous).0.end }
    }

    #[inline]
    pub(super) fn entry_at(&self, at: u32, previous: Timestamp) -> (Entry, u32) {
        let start = self.count_of_windows() * CURSOR_BYTES;
        let bytes = &self.flat.bytes()[start + at as usize..start + self.header().tail as usize];
        match entries::read(bytes, previous) {
            Some((entry, len)) => (entry, len as u32),
            // Loaded entries are validated, and all others are written by `entries::write`.
            None => unreachable_entry(),
        }
    }

    /// `cursor`, moved past the entries that have left its window by `now`.
    #[inline]
    fn moved(&self, mut cursor: Cursor, now: Timestamp) -> Cursor {
        while cursor.end + cursor.window <= now {
            let (entry, len) = self.entry_at(cursor.at, Timestamp(0));
            cursor.gone += entry.units;
            cursor.at += len;
            cursor.end = self.end_at(cursor.at, cursor.end);
        }
        cursor
    }

    /// Moves the cursors of `windows` to `now`, so that the next call does not walk expired entries
    /// again.
    #[inline(always)]
    pub(crate) fn advance(&mut self, windows: impl Iterator<Item = Span>, now: Timestamp) {
        if now < self.header().advanced_to {
            // The clock has stepped back, so entries behind a cursor may be in its window again.
            self.rewind();
        }
        for window in windows {
            for i in 0..self.count_of_windows() {
                let cursor = self.cursor(i);
                if cursor.window == window {
                    if cursor.end + window <= now {
                        self.set_cursor(i, self.moved(cursor, now));
                    }
                    break;
                }
            }
        }
        self.header_mut().advanced_to = now;
    }

    /// Moves every cursor to the oldest entry.
    fn rewind(&mut self) {
        for i in 0..self.count_of_windows() {
            self.set_cursor(i, self.first(self.cursor(i).window));
        }
        self.header_mut().advanced_to = Timestamp(0);
    }

    // --- views ---

    /// The part of the log in the `window` that ends at `now`.
    #[inline]
    pub(crate) fn view(&self, window: Span, now: Timestamp) -> View<'_, X> {
        View { log: self, cursor: self.cursor_at(window, now), newest_seen: self.newest() + window > now }
    }

    /// The units admitted in the `window` that ends at `now`.
    pub(crate) fn count(&self, window: Span, now: Timestamp) -> u64 {
        self.view(window, now).count()
    }

    // --- changes ---

    /// Adds `windows` to those that the log knows. Others are dropped only for lack of room, and
    /// the longest never.
    #[inline]
    pub(super) fn adopt(&mut self, windows: &[Span]) {
        let known = |log: &Self, window: &Span| log.windows().any(|w| w == *window);
        if !windows.iter().all(|window| known(self, window)) {
            self.adopt_new(windows);
        }
    }

    #[cold]
    fn adopt_new(&mut self, windows: &[Span]) {
        let longest = self.windows().last();
        let mut kept: Vec<Span> = longest.into_iter().chain(windows.iter().copied()).collect();
        kept.sort_unstable();
        kept.dedup();
        let old: Vec<Span> = self.windows().collect();
        for window in old {
            if kept.len() < MAX_WINDOWS && !kept.contains(&window) {
                kept.push(window);
            }
        }
        kept.sort_unstable();
        self.set_windows(&kept);
    }

    /// Drops the windows that are longer than all of `windows`, unless an entry is so old at `now`
    /// that only they cover it. Then the key expires earlier.
    pub(super) fn shorten(&mut self, windows: &[Span], now: Timestamp) {
        let Some(&longest) = windows.iter().max() else { return };
        if self.horizon() > longest {
            self.shorten_to(longest, now);
        }
    }

    #[cold]
    fn shorten_to(&mut self, longest: Span, now: Timestamp) {
        let oldest = self.first(longest).end.min(self.newest());
        let kept: Vec<Span> = self.windows().filter(|window| *window <= longest).collect();
        if oldest + longest > now && !kept.is_empty() {
            self.set_windows(&kept);
            self.expiry_unknown();
        }
    }

    /// Replaces the windows by `kept`: at most [`MAX_WINDOWS`], ascending.
    pub(super) fn set_windows(&mut self, kept: &[Span]) {
        let entries = self.closed_bytes().to_vec();
        let start = kept.len() * CURSOR_BYTES;
        self.flat.resize(size_class::<Header<X>>(start + entries.len()));
        self.flat.bytes_mut()[start..start + entries.len()].copy_from_slice(&entries);
        let header = self.header_mut();
        header.windows = kept.len() as u8;
        header.head = 0;
        header.tail = entries.len() as u32;
        for (i, &window) in kept.iter().enumerate() {
            self.set_cursor(i, Cursor { window, end: Timestamp::NEVER, gone: 0, at: 0 });
        }
        self.rewind();
    }

    /// The bytes of the closed entries.
    pub(super) fn closed_bytes(&self) -> &[u8] {
        let start = self.count_of_windows() * CURSOR_BYTES;
        let header = self.header();
        &self.flat.bytes()[start + header.head as usize..start + header.tail as usize]
    }

    /// The closed entries, oldest first.
    pub(super) fn closed(&self) -> impl Iterator<Item = Entry> + '_ {
        let mut previous = self.header().base;
        let mut at = self.header().head;
        std::iter::from_fn(move || {
            (at != self.header().tail).then(|| {
                let (entry, len) = self.entry_at(at, previous);
                previous = entry.end;
                at += len;
                entry
            })
        })
    }

    /// Replaces the closed entries.
    pub(super) fn set_closed(&mut self, closed: &[Entry]) {
        let base = closed.first().map_or(Timestamp(0), |entry| entry.start);
        let mut bytes = vec![0; closed.len() * MAX_BYTES];
        let mut len = 0;
        let mut previous = base;
        for entry in closed {
            len += entries::write(&mut bytes[len..], previous, *entry);
            previous = entry.end;
        }
        self.set_closed_bytes(closed, &bytes[..len], base);
    }

    /// Replaces the closed entries by `closed`, whose encoding after an entry that ended at `base`
    /// is `bytes`.
    pub(super) fn set_closed_bytes(&mut self, closed: &[Entry], bytes: &[u8], base: Timestamp) {
        let start = self.count_of_windows() * CURSOR_BYTES;
        let end = start + bytes.len();
        self.flat.resize(size_class::<Header<X>>(end));
        self.flat.bytes_mut()[start..end].copy_from_slice(bytes);
        let units: u64 = closed.iter().map(|entry| entry.units).sum();
        let header = self.header_mut();
        header.total = units + header.newest_units;
        header.base = base;
        header.last_end = closed.last().map_or(Timestamp(0), |entry| entry.end);
        header.head = 0;
        header.tail = bytes.len() as u32;
        header.entries = closed.len() as u16;
        self.rewind();
    }

    /// Moves entries later than `now` to `now`, after the clock has stepped back.
    #[inline]
    pub(super) fn step_back(&mut self, now: Timestamp) {
        if self.newest() > now {
            self.step_back_to(now);
        }
    }

    #[cold]
    fn step_back_to(&mut self, now: Timestamp) {
        let (kept, moved): (Vec<Entry>, Vec<Entry>) = self.closed().partition(|entry| entry.end < now);
        let units = moved.iter().map(|entry| entry.units).sum::<u64>();
        let header = self.header_mut();
        header.newest = now;
        header.newest_units += units;
        self.set_closed(&kept);
    }

    /// Removes the entries that have left the longest window by `now`.
    #[inline]
    pub(super) fn forget(&mut self, now: Timestamp) {
        let Some(last) = self.count_of_windows().checked_sub(1) else { return };
        let oldest = self.cursor(last);
        // The common case reads no entry: the cursor of the longest window is at the oldest entry,
        // which is still in the window.
        if oldest.at != self.header().head || oldest.end + oldest.window <= now {
            self.forget_expired(oldest.window, now);
        }
        if self.newest() + oldest.window <= now {
            let header = self.header_mut();
            header.total -= header.newest_units;
            header.newest_units = 0;
        }
    }

    fn forget_expired(&mut self, horizon: Span, now: Timestamp) {
        let mut previous = self.header().base;
        let (mut at, mut units, mut count) = (self.header().head, 0, 0);
        while at != self.header().tail {
            let (entry, len) = self.entry_at(at, previous);
            if entry.end + horizon > now {
                break;
            }
            previous = entry.end;
            at += len;
            units += entry.units;
            count += 1;
        }
        let header = self.header_mut();
        header.base = previous;
        header.total -= units;
        header.entries -= count;
        header.head = at;
        if header.head == header.tail {
            (header.head, header.tail, header.base) = (0, 0, Timestamp(0));
        }
        let emptied = header.entries == 0;
        for i in 0..self.count_of_windows() {
            let cursor = self.cursor(i);
            let ahead = !emptied && cursor.at >= at;
            let cursor = if ahead {
                Cursor { gone: cursor.gone - units, ..cursor }
            } else {
                self.first(cursor.window)
            };
            self.set_cursor(i, cursor);
        }
    }

    /// Adds `units` admitted at `now`, which is not earlier than the newest entry.
    #[inline]
    pub(super) fn push(&mut self, now: Timestamp, units: u64) {
        if self.header().total + units > MAX_UNITS {
            self.overflow(now);
            return;
        }
        if self.newest() != now && self.header().newest_units > 0 {
            self.close_newest();
        }
        let header = self.header_mut();
        header.newest = now;
        header.newest_units += units;
        header.total += units;
    }

    /// Counts all units as admitted now, because there are more than any limit allows.
    #[cold]
    fn overflow(&mut self, now: Timestamp) {
        let header = self.header_mut();
        header.newest = now;
        header.newest_units = MAX_UNITS;
        self.set_closed(&[]);
    }

    /// Closes the newest entry.
    #[inline]
    fn close_newest(&mut self) {
        self.make_room();
        let start = self.count_of_windows() * CURSOR_BYTES;
        let header = *self.header();
        let at = header.newest;
        let empty = header.head == header.tail;
        let previous = if empty { at } else { header.last_end };
        let entry = Entry { start: at, end: at, units: header.newest_units };
        let len = entries::write(&mut self.flat.bytes_mut()[start + header.tail as usize..], previous, entry);
        let header = self.header_mut();
        if empty {
            header.base = at;
        }
        header.last_end = at;
        header.newest_units = 0;
        header.entries += 1;
        let old_tail = header.tail;
        header.tail += len as u32;
        for i in 0..self.count_of_windows() {
            let cursor = self.cursor(i);
            if cursor.at == old_tail {
                self.set_cursor(i, Cursor { end: at, ..cursor });
            }
        }
    }

    /// Makes room for one more closed entry.
    #[inline]
    fn make_room(&mut self) {
        // A single hit at a single time, by far the most common entry, takes at most seven bytes.
        let entry = if self.header().newest_units == 1 { 10 } else { MAX_BYTES };
        let start = self.count_of_windows() * CURSOR_BYTES;
        if start + self.header().tail as usize + entry > self.flat.capacity() {
            self.reclaim_or_grow(entry);
        }
    }

    fn reclaim_or_grow(&mut self, entry: usize) {
        let start = self.count_of_windows() * CURSOR_BYTES;
        let (head, tail) = (self.header().head as usize, self.header().tail as usize);
        // Removed entries leave a gap in front. Closing it costs less than growing as long as the
        // gap is an eighth or more.
        if head > 0 {
            self.flat.bytes_mut().copy_within(start + head..start + tail, start);
            let header = self.header_mut();
            (header.head, header.tail) = (0, (tail - head) as u32);
            for i in 0..self.count_of_windows() {
                let cursor = self.cursor(i);
                self.set_cursor(i, Cursor { at: cursor.at - head as u32, ..cursor });
            }
        }
        let live = start + tail - head;
        let wanted = live + entry;
        if head < live / 8 || wanted > self.flat.capacity() {
            self.flat.resize(size_class::<Header<X>>(wanted + live / 8));
        } else if self.flat.capacity() > 512 && wanted < self.flat.capacity() / 4 {
            self.flat.resize(size_class::<Header<X>>(wanted * 2));
        }
    }
}

/// The expiry to set for a key that is needed until `needed` and known to be kept until the Unix
/// second `known`. See [`Log::expiry_to_set`].
#[inline]
pub(super) fn expiry_beyond(known: u32, needed: Timestamp, horizon: Span) -> Option<Timestamp> {
    if u64::from(known) * 1000 >= needed.0 {
        return None;
    }
    let slack = if known == 0 { Span(0) } else { Span((horizon.0 / 8).max(1000)) };
    Some(needed + slack)
}

/// The Unix second of `until`, rounded down, because what is known must never be more than what is
/// true.
#[inline]
pub(super) fn seconds(until: Timestamp) -> u32 {
    u32::try_from(until.0 / 1000).unwrap_or(0)
}

/// The part of a log in one window at one moment.
pub(crate) struct View<'a, X: Extra = ()> {
    log: &'a Log<X>,
    cursor: Cursor,
    newest_seen: bool,
}

impl<X: Extra> View<'_, X> {
    /// The units in the window.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        if self.newest_seen { self.log.header().total - self.cursor.gone } else { 0 }
    }

    /// When `units` units will have left the window: the end of the entry with the last of them.
    /// `None` if the window has fewer.
    #[inline]
    pub(crate) fn last_of(&self, units: u64) -> Option<Timestamp> {
        let (log, mut cursor) = (self.log, self.cursor);
        let mut left = 0;
        while cursor.at != log.header().tail {
            let (entry, len) = log.entry_at(cursor.at, Timestamp(0));
            left += entry.units;
            if left >= units {
                return Some(cursor.end);
            }
            cursor.at += len;
            cursor.end = log.end_at(cursor.at, cursor.end);
        }
        let all = left + log.header().newest_units;
        (self.newest_seen && all >= units).then_some(log.newest())
    }
}

/// The capacity that fills the allocator's size class for a block of `bytes`. There are four
/// classes per doubling.
fn size_class<H: flat::Header>(bytes: usize) -> usize {
    let size = Flat::<H>::OVERHEAD + bytes;
    let step = (size.next_power_of_two() / 8).max(16);
    size.next_multiple_of(step) - Flat::<H>::OVERHEAD
}

#[cold]
fn unreachable_entry() -> (Entry, u32) {
    // The panic guard turns this into an error reply. The log is unchanged.
    panic!("a closed entry can't be read")
}
