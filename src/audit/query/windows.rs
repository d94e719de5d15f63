//! The windows of time in which the log in Postgres is searched, so that a statement locks few
//! partitions, however many there are.
//!
//! The windows cover all times, without a gap: rows of a DEFAULT partition are found, and those of
//! a partition that is created or dropped meanwhile, too.

use crate::text::time::Timestamp;

use super::page::Page;

/// The starts of the partitions in Unix milliseconds, but not that of a DEFAULT partition or of one
/// without a lower bound.
pub(crate) const STARTS: &str = r"SELECT floor(extract(epoch FROM bound) * 1000)::bigint FROM (
 SELECT (regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('([^']+)'\)$$))[1]::timestamptz AS bound
 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'lockwatch_audit_log'::regclass
) AS partitions WHERE isfinite(bound)";

/// The number of partitions in the first window, which often has the whole page. It doubles.
const FIRST: usize = 2;
/// With its four indexes, a partition takes five locks.
const MOST: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Inclusive.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
}

/// The windows that may have events of `page`, the newest first. `starts` are those of the
/// partitions.
pub(crate) fn windows(starts: Vec<i64>, page: &Page) -> Vec<Window> {
    // No event is older than 1970.
    let mut starts: Vec<u64> = starts.into_iter().map(|ms| u64::try_from(ms).unwrap_or(0)).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut windows = Vec::new();
    let (mut until, mut size) = (None, FIRST);
    while starts.len() > size {
        starts.truncate(starts.len() - size + 1);
        let from = starts.pop().map(Timestamp);
        windows.push(Window { from, until });
        until = from;
        size = (2 * size).min(MOST);
    }
    windows.push(Window { from: None, until });
    let latest = page.filter.to.into_iter().chain(page.before.map(|id| id.at)).min();
    windows.retain(|window| {
        let too_late = window.from.is_some_and(|from| latest.is_some_and(|latest| from > latest));
        let too_old = window.until.is_some_and(|until| page.filter.from.is_some_and(|from| until <= from));
        !too_late && !too_old
    });
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::query::filter::Filter;

    fn page(from: Option<u64>, to: Option<u64>) -> Page {
        let filter = Filter { from: from.map(Timestamp), to: to.map(Timestamp), ..Filter::default() };
        Page { filter, count: 1, before: None, local: false }
    }

    fn includes(window: &Window, at: u64) -> bool {
        window.from.is_none_or(|from| from.0 <= at) && window.until.is_none_or(|until| at < until.0)
    }

    #[test]
    fn a_log_without_partitions_has_one_window() {
        assert_eq!(windows(Vec::new(), &page(None, None)), [Window { from: None, until: None }]);
    }

    proptest! {
        #[test]
        fn each_time_is_in_one_window_with_few_partitions(
            starts in prop::collection::vec(-5_i64..400, 0..100),
            from in prop::option::of(0_u64..400),
            to in prop::option::of(0_u64..400),
            at in 0_u64..500,
        ) {
            let all = windows(starts.clone(), &page(from, to));
            let is_wanted = from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to);
            let of_at = all.iter().filter(|window| includes(window, at)).count();
            prop_assert!(if is_wanted { of_at == 1 } else { of_at <= 1 }, "{at} in {all:?}");
            prop_assert!(all.windows(2).all(|pair| pair[1].until <= pair[0].from));
            for window in &all {
                let starts: std::collections::BTreeSet<_> = starts.iter().map(|start| (*start).max(0) as u64).collect();
                let count = starts.into_iter().filter(|start| includes(window, *start)).count();
                prop_assert!(count <= MOST, "{count} in {window:?}");
            }
        }
    }
}
