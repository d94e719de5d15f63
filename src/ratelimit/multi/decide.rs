//! Decides a call on several keys. Pure.

use std::cmp::Ordering;

use crate::text::time::{Span, Timestamp};
use crate::window::effect::{Step, Windows};
use crate::window::value::{Window, admits, judge_part};
use crate::window::verdict::{Verdict, Wait};

use super::request::{KeyLimits, Request, Tuple};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether every limit of every key has room for the call.
    pub admitted: bool,
    /// The index of the binding tuple: for a denied call the one with the longest wait, for an
    /// admitted one the one with the smallest part of its limit left. Of equals, the first.
    pub binding: usize,
    /// How long until the whole call would be admitted if no other call came.
    pub retry_after: Wait,
    /// For each tuple the verdict of its binding limit.
    pub tuples: Vec<Verdict>,
}

/// Decides a call at `now` on `logs`, one for each key of the request. `None` is a key that does not
/// exist.
pub(super) fn decide(request: &Request<'_>, logs: &[Option<&Window>], now: Timestamp) -> Decision {
    let keys = || request.keys.iter().zip(logs);
    let admitted = keys().all(|(key, log)| admits(*log, key.quotas(), key.cost, now));
    let judge = |tuple: &Tuple| {
        let (key, log) = (&request.keys[tuple.key], logs[tuple.key]);
        judge_part(log, key.quotas_of(tuple), key.cost, admitted, now)
    };
    let tuples: Vec<Verdict> = request.tuples.iter().map(judge).collect();
    let binding = binding(&tuples, admitted);
    // Without other calls windows only get emptier. So a limit that has room once keeps it, and the
    // last one to have room is the one that the call waits for.
    let retry_after = tuples.get(binding).map_or(Wait::For(Span(0)), |verdict| verdict.retry_after);
    Decision { admitted, binding, retry_after, tuples }
}

fn binding(tuples: &[Verdict], admitted: bool) -> usize {
    let is_stricter = |a: &Verdict, b: &Verdict| {
        if admitted { part_left(a, b) == Ordering::Less } else { a.retry_after > b.retry_after }
    };
    (1..tuples.len()).fold(0, |best, i| if is_stricter(&tuples[i], &tuples[best]) { i } else { best })
}

/// Compares `remaining / limit` of two verdicts, exactly.
fn part_left(a: &Verdict, b: &Verdict) -> Ordering {
    let product = |x: u64, y: u64| u128::from(x) * u128::from(y);
    product(a.remaining, b.limit).cmp(&product(b.remaining, a.limit))
}

/// The change of a key that follows from the decision: its units if the call is admitted. Otherwise
/// nothing changes unless the clock has stepped back.
pub(super) fn step(
    key: &KeyLimits<'_>,
    log: &Window,
    admitted: bool,
    now: Timestamp,
    max_entries: u16,
) -> Option<Step> {
    let units = if admitted { key.cost } else { 0 };
    (units > 0 || log.newest() > now).then(|| Step {
        seq: log.next_seq(),
        at: now,
        units,
        expires: None,
        max_entries,
        windows: Windows::new(key.windows()),
        extra: (),
    })
}
