//! Bans and allow entries of a guard.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

use super::address::{Block, Prefix};
use super::rule::Tag;
use super::state::left;
use super::subject::Who;
use super::table::{HeapSize, Table};
use super::{ALLOCATOR, strikes};

/// The most bans and allow entries, and the most observed bans.
pub(crate) const MOST: usize = 10_000;
/// The longest REASON and BY, in bytes.
pub(crate) const MOST_TEXT: usize = 256;

/// Whom an entry concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Target {
    Block(Block),
    Who(Who),
}

/// Who made an entry. A target has at most one entry of each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Source {
    Allow,
    Operator,
    Rule(Tag),
    /// A rule that only observes.
    Observed(Tag),
}

pub(crate) type BanKey = (Target, Source);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Whether it denies. Only observed entries may challenge instead.
    pub denies: bool,
    /// The name of the rule; empty for an operator's entry.
    pub rule: Box<str>,
    /// The number that the rule allows, and within which time.
    pub count: u32,
    pub window: Span,
    /// The earlier bans that made this one longer.
    pub strikes: u8,
    /// What the operator has given as REASON and BY, and the operator's ACL user.
    pub reason: Box<str>,
    pub by: Box<str>,
    pub acl_user: Box<str>,
}

impl Entry {
    /// An operator's ban or allow entry, without texts.
    pub(crate) fn of_operator(from: Timestamp, until: Timestamp, source: Source) -> Self {
        Self {
            from,
            until,
            denies: source != Source::Allow,
            rule: Box::default(),
            count: 0,
            window: Span(0),
            strikes: 0,
            reason: Box::default(),
            by: Box::default(),
            acl_user: Box::default(),
        }
    }

    /// How long it lasts from `now` on, and never longer than it was set for.
    pub(crate) fn left(&self, now: Timestamp) -> Span {
        left(self.from, self.until, now)
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.left(now) == Span(0)
    }

    fn is_sound(&self) -> bool {
        let texts = [&self.rule, &self.reason, &self.by, &self.acl_user];
        self.from <= self.until
            && self.until <= Timestamp::NEVER + Span::MAX
            && self.strikes <= strikes::MOST
            && texts.iter().all(|text| text.len() <= 4 * MOST_TEXT)
    }
}

impl HeapSize for Entry {
    fn heap_size(&self) -> usize {
        let texts = [&self.rule, &self.reason, &self.by, &self.acl_user];
        texts.iter().filter(|text| !text.is_empty()).map(|text| text.len() + ALLOCATOR).sum()
    }
}

/// All entries of a guard. Those that have ended stay until a change removes them.
#[derive(Clone, Default)]
pub(crate) struct Bans {
    table: Table<BanKey, Entry>,
    /// The prefixes of all blocks with the number of entries that have them.
    prefixes: Vec<(Prefix, usize)>,
    observed: usize,
}

impl Bans {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn size(&self) -> usize {
        self.table.size()
    }

    pub(crate) fn get(&self, key: &BanKey) -> Option<&Entry> {
        self.table.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (BanKey, &Entry)> {
        self.table.iter()
    }

    /// The entries from `key` on, in ascending order.
    pub(crate) fn from(&self, key: BanKey) -> impl Iterator<Item = (BanKey, &Entry)> {
        self.table.from(key)
    }

    /// The entries of exactly this target.
    pub(crate) fn of(&self, target: Target) -> impl Iterator<Item = (Source, &Entry)> {
        let entries = self.table.from((target, Source::Allow));
        entries.take_while(move |((of, _), _)| *of == target).map(|((_, source), entry)| (source, entry))
    }

    /// The entries of every block that `ip` is in, with the length of its prefix.
    pub(crate) fn around(&self, ip: IpAddr) -> impl Iterator<Item = (u8, Source, &Entry)> {
        let prefixes = self.prefixes.iter().filter(move |(prefix, _)| prefix.is_v6 == ip.is_ipv6());
        prefixes.flat_map(move |(prefix, _)| {
            let target = Target::Block(Block::around(ip, prefix.len));
            self.of(target).map(|(source, entry)| (prefix.len, source, entry))
        })
    }

    pub(crate) fn set(&mut self, key: BanKey, entry: Option<Entry>) {
        let was = self.table.contains(&key);
        let is = entry.is_some();
        self.table.set(key, entry);
        if was == is {
            return;
        }
        if matches!(key.1, Source::Observed(_)) {
            self.observed = if is { self.observed + 1 } else { self.observed - 1 };
        }
        if let Target::Block(block) = key.0 {
            self.count_prefix(block.prefix(), is);
        }
    }

    fn count_prefix(&mut self, prefix: Prefix, is_new: bool) {
        match self.prefixes.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, count)) if is_new => *count += 1,
            Some((_, count)) => *count -= 1,
            None => self.prefixes.push((prefix, 1)),
        }
        self.prefixes.retain(|(_, count)| *count > 0);
    }

    /// Whether there is no room for another entry of the kind that `source` is, with texts of
    /// `size` bytes. Observed entries have an eighth of the budget of `most` bytes, so that they
    /// take no room of those that are in force.
    pub(crate) fn is_full(&self, source: Source, size: usize, most: usize) -> bool {
        let (len, most) = match source {
            Source::Observed(_) => (self.observed, most / 8),
            _ => (self.len() - self.observed, most / 8 * 7),
        };
        // Its share of the table.
        let bytes = self.size() / self.len().max(1) * len;
        len >= MOST || bytes + size > most
    }

    /// Some entries that have ended, of the next few in turn.
    pub(crate) fn ended(&mut self, most: usize, now: Timestamp) -> Vec<BanKey> {
        self.table.candidates(most, |_, entry| (!entry.is_over(now)).then_some(())).0
    }
}

pub(crate) fn is_sound(key: &BanKey, entry: &Entry) -> bool {
    key.0.is_sound() && entry.is_sound()
}

impl Target {
    pub(crate) fn is_sound(self) -> bool {
        match self {
            Self::Block(block) => block.is_sound(),
            Self::Who(who) => who.is_sound(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => block.fmt(f),
            Self::Who(who) => who.fmt(f),
        }
    }
}
