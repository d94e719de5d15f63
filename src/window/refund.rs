//! Gives units back: removes them from the entry that holds a given millisecond. And the other way
//! round: records units that a settled call used beyond those that it had reserved.
//!
//! Only that entry is touched. So the log always holds, of every millisecond, the units that were
//! admitted then less those that went back, and a refund can't let a call through too early. A
//! merged entry is found by any millisecond from its start to its end.
//!
//! When the newest entry is emptied, the last closed one becomes the newest. The newest entry has a
//! single time, so a merged one is found only by its end from then on.

use crate::text::time::Timestamp;

use super::effect::{Refund, Step, Windows};
use super::entries::{self, Entry, MAX_BYTES};
use super::extra::Extra;
use super::log::{CURSOR_BYTES, Log};

/// A closed entry, and where it is.
#[derive(Clone, Copy)]
struct Closed {
    entry: Entry,
    /// The end of the entry before it.
    previous: Timestamp,
    /// Its offset, and that of the next entry.
    at: u32,
    next: u32,
}

enum Place {
    Newest,
    Closed(Closed),
}

impl<X: Extra> Log<X> {
    /// Whether the log has no units. Its key must not stay.
    pub(super) fn is_empty(&self) -> bool {
        self.header().total == 0
    }

    /// The change that gives back `units`, but at most those of the entry that holds `at`. `None`
    /// if there is no such entry, or if the longest window sees it no more at `now`.
    pub(crate) fn refund(&self, at: Timestamp, units: u64, now: Timestamp) -> Option<Refund> {
        let (end, held) = match self.place_of(at)? {
            Place::Newest => (self.newest(), self.header().newest_units),
            Place::Closed(closed) => (closed.entry.end, closed.entry.units),
        };
        let units = units.min(held);
        let back = units > 0 && end + self.horizon() > now;
        back.then(|| Refund { seq: self.next_seq(), at, units })
    }

    /// The change that records `units` at `now`, whatever the limits, under the windows that the
    /// log knows. `None` for a log that knows none.
    pub(crate) fn excess(&self, units: u64, now: Timestamp, max_entries: u16) -> Option<Step<X>> {
        (!self.is_new()).then(|| Step {
            seq: self.next_seq(),
            at: now,
            units,
            expires: None,
            max_entries,
            // The log keeps the others by itself.
            windows: Windows::new(std::iter::once(self.horizon())),
            by_policy: false,
            extra: self.extra(),
        })
    }

    /// Removes up to `units` units from the entry that holds `at`.
    pub(super) fn give_back(&mut self, at: Timestamp, units: u64) {
        match self.place_of(at) {
            None => {}
            Some(Place::Closed(closed)) => self.take_from(&closed, units.min(closed.entry.units)),
            Some(Place::Newest) => {
                let header = self.header_mut();
                let units = units.min(header.newest_units);
                header.newest_units -= units;
                header.total -= units;
                if header.newest_units == 0 {
                    self.reopen_last();
                }
            }
        }
    }

    fn place_of(&self, at: Timestamp) -> Option<Place> {
        if at == self.newest() && self.header().newest_units > 0 {
            return Some(Place::Newest);
        }
        if at > self.header().last_end {
            return None;
        }
        let closed = self.find_closed(|closed| closed.entry.end >= at)?;
        (closed.entry.start <= at).then_some(Place::Closed(closed))
    }

    /// The oldest closed entry that `is_it` accepts.
    fn find_closed(&self, is_it: impl Fn(&Closed) -> bool) -> Option<Closed> {
        let mut at = self.header().head;
        let mut previous = self.header().base;
        while at != self.header().tail {
            let (entry, len) = self.entry_at(at, previous);
            let closed = Closed { entry, previous, at, next: at + len };
            if is_it(&closed) {
                return Some(closed);
            }
            (at, previous) = (closed.next, entry.end);
        }
        None
    }

    /// Makes the last closed entry the newest, if there is one.
    fn reopen_last(&mut self) {
        let tail = self.header().tail;
        let Some(last) = self.find_closed(|closed| closed.next == tail) else { return };
        self.take_from(&last, last.entry.units);
        let header = self.header_mut();
        header.newest = last.entry.end;
        header.newest_units = last.entry.units;
        header.total += last.entry.units;
    }

    /// Removes `units`, at most all, from a closed entry, and the entry with its last one.
    fn take_from(&mut self, closed: &Closed, units: u64) {
        let Closed { entry, previous, at, next } = *closed;
        let tail = self.header().tail;
        let left = Entry { units: entry.units - units, ..entry };
        let removed = left.units == 0;
        // The bytes from `at` to `end` give way to one entry at most. It is never longer: a number
        // has become smaller, or the gap before the next entry takes in that entry's own numbers.
        let (rest, end) = match (removed, next == tail) {
            (false, _) => (Some(left), next),
            (true, true) => (None, next),
            (true, false) => {
                let (following, len) = self.entry_at(next, entry.end);
                (Some(following), next + len)
            }
        };
        let mut bytes = [0; MAX_BYTES];
        let len = rest.map_or(0, |rest| entries::write(&mut bytes, previous, rest));
        let start = self.count_of_windows() * CURSOR_BYTES;
        let (from, behind) = (start + at as usize, start + end as usize);
        let all = self.flat.bytes_mut();
        all[from..from + len].copy_from_slice(&bytes[..len]);
        all.copy_within(behind..start + tail as usize, from + len);

        let shorter = end - at - len as u32;
        let header = self.header_mut();
        header.tail -= shorter;
        header.total -= units;
        if removed {
            header.entries -= 1;
            if next == tail {
                header.last_end = previous;
            }
            if header.entries == 0 {
                (header.head, header.tail) = (0, 0);
                (header.base, header.last_end) = (Timestamp(0), Timestamp(0));
            }
        }
        let emptied = self.header().entries == 0;
        for i in 0..self.count_of_windows() {
            let mut cursor = self.cursor(i);
            if emptied {
                cursor = self.first(cursor.window);
            } else if cursor.at > at {
                cursor.gone -= units;
                cursor.at = if removed && cursor.at == next { at } else { cursor.at - shorter };
            } else if cursor.at == at && removed {
                cursor.end = self.end_at(at, previous);
            }
            self.set_cursor(i, cursor);
        }
    }
}
