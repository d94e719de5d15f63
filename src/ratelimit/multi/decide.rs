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
    /// For each tuple whether its limits have room for the call.
    pub room: Vec<bool>,
    /// For each key whether it records the call's units.
    pub recorded: Vec<bool>,
}

/// Decides a call at `now` on `logs`, one for each key of the request. `None` is a key that does
/// not exist.
///
/// A tuple by a policy in SHADOW does not deny the call. If it would, its key records nothing
/// unless another tuple of the key is enforced.
pub(super) fn decide(request: &Request<'_>, logs: &[Option<&Window>], now: Timestamp) -> Decision {
    let has_room = |tuple: &Tuple<'_>| {
        let key = &request.keys[tuple.key];
        admits(logs[tuple.key], key.quotas_of(tuple), key.cost, now)
    };
    let room: Vec<bool> = request.tuples.iter().map(has_room).collect();
    let tuples = || request.tuples.iter().zip(&room);
    let admitted = tuples().all(|(tuple, room)| *room || tuple.is_shadow());
    let records = |index: usize| {
        let mut of_key = tuples().filter(|(tuple, _)| tuple.key == index);
        admitted && (of_key.clone().any(|(tuple, _)| !tuple.is_shadow()) || of_key.all(|(_, room)| *room))
    };
    let recorded: Vec<bool> = (0..request.keys.len()).map(records).collect();
    let judge = |tuple: &Tuple<'_>| {
        let (key, log) = (&request.keys[tuple.key], logs[tuple.key]);
        judge_part(log, key.quotas_of(tuple), key.cost, recorded[tuple.key], now)
    };
    let verdicts: Vec<Verdict> = request.tuples.iter().map(judge).collect();
    let binding = binding(request, &verdicts, admitted);
    // Without other calls windows only get emptier. So a limit that has room once keeps it, and the
    // last one to have room is the one that the call waits for.
    let retry_after = match verdicts.get(binding) {
        Some(verdict) if !admitted => verdict.retry_after,
        _ => Wait::For(Span(0)),
    };
    Decision { admitted, binding, retry_after, tuples: verdicts, room, recorded }
}

/// A tuple in SHADOW binds no denied call.
fn binding(request: &Request<'_>, verdicts: &[Verdict], admitted: bool) -> usize {
    let is_stricter = |a: &Verdict, b: &Verdict| {
        if admitted { part_left(a, b) == Ordering::Less } else { a.retry_after > b.retry_after }
    };
    let may_bind = |index: &usize| admitted || !request.tuples[*index].is_shadow();
    let mut candidates = (0..verdicts.len()).filter(may_bind);
    let first = candidates.next().unwrap_or(0);
    candidates.fold(first, |best, i| if is_stricter(&verdicts[i], &verdicts[best]) { i } else { best })
}

/// Compares `remaining / limit` of two verdicts, exactly.
fn part_left(a: &Verdict, b: &Verdict) -> Ordering {
    let product = |x: u64, y: u64| u128::from(x) * u128::from(y);
    product(a.remaining, b.limit).cmp(&product(b.remaining, a.limit))
}

/// The change of a key that follows from the decision: its units if it records them. Otherwise
/// nothing changes unless the clock has stepped back.
pub(super) fn step(
    key: &KeyLimits<'_>,
    log: &Window,
    records: bool,
    now: Timestamp,
    max_entries: u16,
) -> Option<Step> {
    let units = if records { key.cost } else { 0 };
    (units > 0 || log.newest() > now).then(|| Step {
        seq: log.next_seq(),
        at: now,
        units,
        expires: None,
        max_entries,
        windows: Windows::new(key.windows()),
        by_policy: key.by_policy,
        extra: (),
    })
}
