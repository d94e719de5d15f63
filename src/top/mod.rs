//! Which keys were denied most often lately, on this node.
//!
//! - [`command`]: `LW.TOP`, which lists them.
//! - [`sketch`]: a Space-Saving sketch of a bounded number of keys. Pure.
//! - [`decay`]: how denials lose weight with time. Pure.
//! - [`heap`]: the sketch's keys by their counts. Pure.
//!
//! Only a denied call has a cost here: [`denied`]. The sketch is memory of this process. It is
//! neither saved nor replicated, and FLUSHALL leaves it, because its keys age out.

#![forbid(unsafe_code)]

pub(crate) mod command;
mod decay;
mod heap;
pub(crate) mod info;
pub(crate) mod settings;
mod sketch;

#[cfg(test)]
mod properties;

use std::hash::{BuildHasher, RandomState};
use std::sync::{LazyLock, Mutex, MutexGuard};

use crate::text::time::Timestamp;

use settings::TOP_KEYS;
use sketch::{Denial, Sketch};

/// `None` before the first denial, and while the directive is 0. Only the main thread locks it.
static SKETCH: Mutex<Option<Sketch>> = Mutex::new(None);

/// The hash is keyed per process, so that nobody can choose keys that collide.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Counts a call on `key` of database `db` that a limit has denied. `policy` is the name of the
/// policy with that limit.
#[inline(never)]
pub(crate) fn denied(db: i32, key: &[u8], now: Timestamp, policy: Option<&str>) {
    let capacity = TOP_KEYS.get();
    if capacity == 0 {
        return;
    }
    let id = SEED.hash_one((db, key));
    let denial = Denial { id, db, key, policy };
    lock(capacity).get_or_insert_with(|| Sketch::new(capacity)).record(&denial, now);
}

/// Drops the sketch if the directive has changed, so that it does not show a part of the denials
/// when the directive is set back.
pub(crate) fn config_set() {
    drop(lock(TOP_KEYS.get()));
}

/// Locks the sketch, if there is one of `capacity` keys. One of another size was made before the
/// directive has changed, and is dropped.
fn lock(capacity: usize) -> MutexGuard<'static, Option<Sketch>> {
    let mut sketch = SKETCH.lock().unwrap_or_else(|poisoned| {
        // A panic may have left it half changed. Denied calls must go on without it.
        SKETCH.clear_poison();
        let mut sketch = poisoned.into_inner();
        *sketch = None;
        sketch
    });
    if sketch.as_ref().is_some_and(|sketch| sketch.capacity() != capacity) {
        *sketch = None;
    }
    sketch
}
