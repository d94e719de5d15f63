//! Writes a whole log as bytes for the RDB, DUMP and a rewritten AOF, and reads it back from bytes
//! that may be damaged or hostile.
//!
//! Version 1: the byte 1, then the LEB128 integers sequence number, number of windows, each window
//! (ascending), time and units of the newest entry, number of closed entries, start of the first
//! one (0 without one), the numbers of the extra; then the closed entries as in memory. The gap of
//! the first entry is 0: what was before it is forgotten.

use crate::text::time::{Span, Timestamp};

use super::entries::{self, Entry, MAX_BYTES, Reader, put};
use super::extra::Extra;
use super::log::{Log, MAX_ENTRIES, MAX_UNITS, MAX_WINDOWS};

const VERSION: u8 = 1;

/// The most closed entries of a log: the highest bound, the working room, and one for each window.
const MOST_CLOSED: usize = MAX_ENTRIES as usize + MAX_ENTRIES as usize / 8 + MAX_WINDOWS + 1;

/// Appends `log` to `out`. Equal logs give equal bytes.
pub(super) fn write<X: Extra>(log: &Log<X>, out: &mut Vec<u8>) {
    out.push(VERSION);
    let mut number = |value| {
        let mut bytes = [0; 10];
        let len = put(&mut bytes, value);
        out.extend_from_slice(&bytes[..len]);
    };
    let header = log.header();
    number(header.seq);
    number(u64::from(header.windows));
    log.windows().for_each(|window| number(window.0));
    number(header.newest.0);
    number(header.newest_units);
    number(u64::from(header.entries));
    let closed = log.closed_bytes();
    let first = entries::read(closed, header.base);
    let base = first.map_or(Timestamp(0), |(entry, _)| entry.start);
    number(base.0);
    header.extra.numbers().as_ref().iter().copied().for_each(number);
    if let Some((entry, len)) = first {
        let mut bytes = [0; MAX_BYTES];
        let written = entries::write(&mut bytes, base, entry);
        out.extend_from_slice(&bytes[..written]);
        out.extend_from_slice(&closed[len..]);
    }
}

impl<X: Extra> Log<X> {
    /// The log as bytes. Equal logs give equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.allocated());
        write(self, &mut bytes);
        bytes
    }

    /// Reads a log from bytes that may be damaged or hostile.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        read(bytes)
    }
}

pub(super) fn read<X: Extra>(bytes: &[u8]) -> Result<Log<X>, &'static str> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => parse(rest).ok_or("it is damaged"),
        Some(_) => Err("it was written by a newer version of lockwatch"),
        None => Err("it is empty"),
    }
}

fn parse<X: Extra>(bytes: &[u8]) -> Option<Log<X>> {
    let mut reader = Reader::new(bytes);
    let seq = reader.integer()?;
    let windows = read_windows(&mut reader)?;
    let newest = Timestamp(reader.integer()?);
    let newest_units = reader.integer()?;
    let count = usize::try_from(reader.integer()?).ok().filter(|count| *count <= MOST_CLOSED)?;
    let base = Timestamp(reader.integer()?);
    let extra = X::read(&mut reader)?;
    let closed_bytes = reader.rest();
    let (closed, units) = read_closed(closed_bytes, count, base)?;
    let last_end = closed.last().map_or(Timestamp(0), |entry| entry.end);
    let total = units.checked_add(newest_units)?;
    let sound = newest < Timestamp::NEVER
        && newest >= last_end
        && newest_units > 0
        && total <= MAX_UNITS
        && base == closed.first().map_or(Timestamp(0), |entry| entry.start);
    if !sound {
        return None;
    }
    let mut log = Log::new();
    let header = log.header_mut();
    (header.seq, header.newest, header.newest_units, header.extra) = (seq, newest, newest_units, extra);
    log.set_windows(&windows);
    log.set_closed_bytes(&closed, closed_bytes, base);
    Some(log)
}

fn read_windows(reader: &mut Reader<'_>) -> Option<Vec<Span>> {
    let count = usize::try_from(reader.integer()?).ok().filter(|n| (1..=MAX_WINDOWS).contains(n))?;
    let windows = (0..count).map(|_| reader.integer().map(Span)).collect::<Option<Vec<_>>>()?;
    let ascending = windows.windows(2).all(|pair| pair[0] < pair[1]);
    let in_range = windows.iter().all(|window| (Span::MIN..=Span::MAX).contains(window));
    (ascending && in_range).then_some(windows)
}

fn read_closed(mut bytes: &[u8], count: usize, base: Timestamp) -> Option<(Vec<Entry>, u64)> {
    // The count is not trusted to reserve memory before the entries were read.
    let mut closed = Vec::new();
    let mut units = 0_u64;
    let mut previous = base;
    for _ in 0..count {
        let (entry, len) = entries::read(bytes, previous)?;
        units = units.checked_add(entry.units)?;
        previous = entry.end;
        bytes = &bytes[len..];
        closed.push(entry);
    }
    bytes.is_empty().then_some((closed, units))
}
