//! Notices that a guard is gone with what it still held: deleted, evicted, overwritten or flushed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::alert::raise;
use crate::server::events::Tick;
use crate::text::escape::escaped_within;
use crate::text::time::{Span, Timestamp};

use super::value::Guard;

/// The most losses that are reported one by one between two turns of the event loop.
const MOST: usize = 100;
/// The longest part of a key's name that is reported, in bytes.
const KEY: usize = 256;

/// The names of lost guards that are not reported yet. Values are freed on threads, too.
static LOST: Mutex<Vec<Loss>> = Mutex::new(Vec::new());

struct Loss {
    key: Box<[u8]>,
    bans: usize,
    subjects: usize,
    known: usize,
}

#[derive(Serialize)]
struct Data {
    /// `None` if no command has changed the guard on this server.
    key: Option<String>,
    bans: usize,
    subjects: usize,
    known_users: usize,
}

fn lock() -> MutexGuard<'static, Vec<Loss>> {
    LOST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that `guard` is freed, unless a copy is left or nothing in it matters any longer.
pub(crate) fn freed(guard: &Guard) {
    let is_over = guard.header.until <= Timestamp::from_system_clock();
    if is_over || guard.is_empty() || !guard.local.is_last_copy() {
        return;
    }
    let mut lost = lock();
    if lost.len() < MOST {
        lost.push(Loss {
            key: guard.local.name.clone(),
            bans: guard.bans.len(),
            subjects: guard.subjects(),
            known: guard.known.len(),
        });
    }
}

/// Forgets losses that are none: those of a full sync or of loading.
pub(crate) fn forget() {
    lock().clear();
}

/// Raises an alert for each loss.
pub(crate) fn before_sleep(tick: &Tick) {
    let mut lost = lock();
    if lost.is_empty() {
        return;
    }
    if !tick.is_primary() {
        lost.clear();
        return;
    }
    if !tick.may_propagate() {
        return;
    }
    let now = tick.now();
    for loss in lost.drain(..) {
        let key = (!loss.key.is_empty()).then(|| escaped_within(&loss.key, KEY).into_owned());
        let data = Data { key, bans: loss.bans, subjects: loss.subjects, known_users: loss.known };
        // Serialising plain data to memory can't fail.
        let data = serde_json::to_string(&data).unwrap_or_else(|_| "{}".to_owned());
        raise::own_once_for(now, super::report::LOST, &data, (&loss.key, Span(1)));
    }
}
