//! A Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k
//! Elements in Data Streams, ICDT 2005) over decaying counts.
//!
//! It holds `capacity` keys. A denial of one of them adds to its count. A denial of any other key
//! replaces the key with the least count: the new key takes that count over, as its error. With W
//! the decayed denials of all keys since the sketch was made, for each key:
//!
//! - `denied - error <= true <= denied`
//! - `error <= W / capacity`
//! - a key whose true count is above W / capacity is in the sketch.
//!
//! The counts decay all by the same factor, so decay changes neither an order nor one of these.
//! They hold up to the rounding of floating point, about 10^-9 of a count.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::text::time::Timestamp;

use super::decay::Decay;
use super::heap::Heap;

/// The most bytes of a key that are kept to be shown.
pub(super) const SHOWN: usize = 256;

/// Counts below this are not listed: those of a key with one denial, half an hour after it.
pub(super) const LEAST: f64 = 1.0 / 64.0;

/// A denied call.
pub(super) struct Denial<'a> {
    /// A keyed hash of the database and the whole key, by which keys are told apart.
    pub id: u64,
    pub db: i32,
    pub key: &'a [u8],
    pub policy: Option<&'a str>,
}

/// A key of the sketch, without its count.
struct Entry {
    id: u64,
    db: i32,
    /// The beginning of the key.
    key: Vec<u8>,
    /// A sum of weights, like the count.
    error: f64,
    last: Timestamp,
    policy: Option<String>,
}

/// A listed key.
pub(super) struct Listed<'a> {
    pub db: i32,
    pub key: &'a [u8],
    /// Decayed denials, never less than the true ones.
    pub denied: f64,
    /// By how much that may be too high.
    pub error: f64,
    /// The last denial.
    pub last: Timestamp,
    /// The policy of that denial.
    pub policy: Option<&'a str>,
}

pub(super) struct Sketch {
    capacity: usize,
    /// `None` before the first denial.
    decay: Option<Decay>,
    /// The weights of all denials.
    total: f64,
    /// The counts. The slot of a key is its place in `entries`.
    heap: Heap,
    entries: Vec<Entry>,
    slots: HashMap<u64, u32, BuildHasherDefault<AlreadyHashed>>,
}

impl Sketch {
    /// A sketch of at most `capacity` keys, which is not 0.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            decay: None,
            total: 0.0,
            heap: Heap::with_capacity(capacity),
            entries: Vec::with_capacity(capacity),
            slots: HashMap::with_capacity_and_hasher(capacity, BuildHasherDefault::default()),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The decayed denials of all keys: W.
    pub(super) fn total(&self, now: Timestamp) -> f64 {
        self.decay.as_ref().map_or(0.0, |decay| decay.worth(self.total, now))
    }

    pub(super) fn record(&mut self, denial: &Denial<'_>, now: Timestamp) {
        let decay = self.decay.get_or_insert_with(|| Decay::starting(now));
        let factor = decay.advance(now);
        let weight = decay.weight();
        if let Some(factor) = factor {
            self.scale(factor);
        }
        self.total += weight;
        if let Some(&slot) = self.slots.get(&denial.id) {
            let slot = slot as usize;
            self.heap.grow(slot, weight);
            self.entries[slot].touch(denial, now);
            return;
        }
        let slot = match self.heap.least() {
            Some((slot, count)) if self.heap.len() >= self.capacity => {
                self.heap.grow(slot, weight);
                let entry = &mut self.entries[slot];
                self.slots.remove(&entry.id);
                entry.become_key(denial, count, now);
                slot
            }
            _ => {
                self.heap.push(weight);
                let mut entry = Entry { id: 0, db: 0, key: Vec::new(), error: 0.0, last: now, policy: None };
                entry.become_key(denial, 0.0, now);
                self.entries.push(entry);
                self.entries.len() - 1
            }
        };
        self.slots.insert(denial.id, slot as u32);
    }

    /// The `most` keys that were denied most often, the highest count first.
    pub(super) fn top(&self, most: usize, now: Timestamp) -> Vec<Listed<'_>> {
        let Some(decay) = &self.decay else { return Vec::new() };
        let listed = self.heap.iter().map(|(slot, count)| {
            let entry = &self.entries[slot];
            Listed {
                db: entry.db,
                key: &entry.key,
                denied: decay.worth(count, now),
                error: decay.worth(entry.error, now),
                last: entry.last,
                policy: entry.policy.as_deref(),
            }
        });
        let mut listed: Vec<_> = listed.filter(|key| key.denied >= LEAST).collect();
        listed.sort_unstable_by(|a, b| {
            b.denied.total_cmp(&a.denied).then(b.last.cmp(&a.last)).then((a.db, a.key).cmp(&(b.db, b.key)))
        });
        listed.truncate(most);
        listed
    }

    #[cold]
    fn scale(&mut self, factor: f64) {
        self.total *= factor;
        self.heap.scale(factor);
        self.entries.iter_mut().for_each(|entry| entry.error *= factor);
    }
}

impl Entry {
    #[inline]
    fn touch(&mut self, denial: &Denial<'_>, now: Timestamp) {
        self.last = now;
        if self.policy.as_deref() != denial.policy {
            self.policy = denial.policy.map(str::to_owned);
        }
    }

    /// Makes this the entry of the denied key, in the memory of the key that it replaces.
    fn become_key(&mut self, denial: &Denial<'_>, error: f64, now: Timestamp) {
        let shown = &denial.key[..denial.key.len().min(SHOWN)];
        (self.id, self.db, self.error) = (denial.id, denial.db, error);
        self.key.clear();
        // Not more than is needed, which is SHOWN bytes at most.
        self.key.reserve_exact(shown.len());
        self.key.extend_from_slice(shown);
        self.touch(denial, now);
    }
}

/// `value` as a whole number, rounded up. What is above a whole number only by the rounding of
/// floating point is that number.
pub(super) fn whole(value: f64) -> u64 {
    const ROUNDING: f64 = 1e-9;
    (value * (1.0 - ROUNDING)).ceil() as u64
}

/// The hasher of keys that are hashes.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
