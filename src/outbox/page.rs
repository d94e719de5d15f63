//! `[COUNT n] [BEFORE id]`: a page of a list, newest first. A page is bounded, so that it takes the
//! main thread a few milliseconds, whatever COUNT says. The next page begins before its last entry.

use crate::journal::id::Id;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::number;
use crate::text::syntax::Param;

use super::arguments::COUNT;

/// Where a page ends, if COUNT does not end it before: the approximate size of the reply.
const PAGE_BYTES: usize = 1 << 20;
/// What a value of the reply counts, besides its own bytes: a third of a microsecond or less.
const VALUE_BYTES: usize = 64;

const DEFAULT_COUNT: usize = 100;
const MAX_COUNT: u64 = 1_000_000;

pub(crate) const ARGS: &[Param] = &[COUNT, Param::string(c"before").token(c"BEFORE").shown(c"id").optional()];

pub(crate) struct Page {
    count: usize,
    before: Option<Id>,
}

/// What an item of a list adds to the reply.
pub(crate) struct Weight {
    pub records: usize,
    pub values: usize,
    pub bytes: usize,
}

impl Page {
    /// Reads the arguments of a command whose only arguments are [`ARGS`].
    pub(crate) fn parse(call: &Call<'_>, spec: &Spec) -> Result<Self, Refusal> {
        let given = spec.parse(call)?;
        let count = given.optional("COUNT", number::within(1..=MAX_COUNT))?;
        Ok(Self {
            count: count.and_then(|count| usize::try_from(count).ok()).unwrap_or(DEFAULT_COUNT),
            before: given.optional("BEFORE", |text| Id::parse(text).ok_or("is not an id"))?,
        })
    }

    /// All entries of the page have lower numbers than this one.
    pub(crate) fn before(&self) -> u64 {
        self.before.map_or(u64::MAX, |id| id.seq)
    }

    /// The first of `items` that are within the bounds of a page, at least one.
    pub(crate) fn cut<T>(&self, items: impl Iterator<Item = T>, weigh: impl Fn(&T) -> Weight) -> Vec<T> {
        let (mut records, mut bytes) = (0, 0);
        let fits = |item: &T| {
            let is_first = records == 0;
            let weight = weigh(item);
            records += weight.records;
            bytes += weight.bytes + weight.values * VALUE_BYTES;
            is_first || (records <= self.count && bytes <= PAGE_BYTES)
        };
        items.take_while(fits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_by_count_or_size_and_is_never_empty() {
        let page = |count| Page { count, before: None };
        let cut =
            |count, records, bytes| page(count).cut(0..1000, |_| Weight { records, values: 1, bytes }).len();
        assert_eq!(cut(10, 1, 0), 10);
        assert_eq!(cut(10, 3, 0), 3, "an item is on the page as a whole");
        assert_eq!(cut(10, 20, 0), 1);
        assert_eq!(cut(1000, 1, 100_000), 10);
        assert_eq!(cut(1000, 1, PAGE_BYTES), 1);
    }
}
