//! The leases of a key as plainly as possible, to compare [`super::leases::Leases`] with.

use std::collections::BTreeMap;

/// An end, the ttl that leads to it, and a cost.
#[derive(Clone, Copy)]
struct Lease {
    start: u64,
    ttl: u64,
    cost: u64,
}

/// All times are in milliseconds. The key knows the latest time of a change.
#[derive(Clone, Default)]
pub(super) struct Oracle {
    leases: BTreeMap<u8, Lease>,
    at: u64,
}

/// acquired, in use, time until room (-1 for never).
pub(super) type Answer = (u8, u64, i64);

impl Oracle {
    /// Drops what has ended and handles a clock that has stepped back. Whether anything but time
    /// changes the state afterwards is up to the caller.
    fn look(&self, now: u64) -> BTreeMap<u8, Lease> {
        let over = now.max(self.at);
        let live = self.leases.iter().filter(|(_, lease)| lease.start + lease.ttl > over);
        live.map(|(id, lease)| (*id, Lease { start: lease.start.min(now), ..*lease })).collect()
    }

    fn set(&mut self, now: u64, leases: BTreeMap<u8, Lease>) {
        (self.at, self.leases) = (now, leases);
        if self.leases.is_empty() {
            *self = Self::default();
        }
    }

    /// Keeps `leases` if the clock has stepped back.
    fn seen(&mut self, now: u64, leases: BTreeMap<u8, Lease>) {
        if now < self.at {
            self.set(now, leases);
        }
    }

    /// `None` for an error.
    pub(super) fn acquire(&mut self, id: u8, limit: u64, ttl: u64, cost: u64, now: u64) -> Option<Answer> {
        let mut live = self.look(now);
        let in_use: u64 = live.values().map(|lease| lease.cost).sum();
        if let Some(lease) = live.get_mut(&id) {
            if lease.cost != cost {
                return None;
            }
            if now + ttl > lease.start + lease.ttl {
                (lease.start, lease.ttl) = (now, ttl);
                self.set(now, live);
            } else {
                self.seen(now, live);
            }
            return Some((2, in_use, 0));
        }
        if in_use + cost > limit {
            let retry = (0..).find(|wait| {
                let left = live.values().filter(|lease| lease.start + lease.ttl > now + wait);
                cost > limit || left.map(|lease| lease.cost).sum::<u64>() + cost <= limit
            });
            self.seen(now, live);
            return Some((0, in_use, if cost > limit { -1 } else { retry.unwrap_or(0) as i64 }));
        }
        live.insert(id, Lease { start: now, ttl, cost });
        self.set(now, live);
        Some((1, in_use + cost, 0))
    }

    pub(super) fn renew(&mut self, id: u8, ttl: u64, now: u64) -> bool {
        let mut live = self.look(now);
        let Some(lease) = live.get_mut(&id) else {
            self.seen(now, live);
            return false;
        };
        if now + ttl > lease.start + lease.ttl {
            (lease.start, lease.ttl) = (now, ttl);
            self.set(now, live);
        } else {
            self.seen(now, live);
        }
        true
    }

    pub(super) fn release(&mut self, id: u8, now: u64) -> bool {
        let mut live = self.look(now);
        if live.remove(&id).is_none() {
            self.seen(now, live);
            return false;
        }
        self.set(now, live);
        true
    }

    /// The units of the leases that are live, and the last end.
    pub(super) fn state(&self, now: u64) -> (u64, Option<u64>) {
        let live = self.look(now);
        let end = live.values().map(|lease| lease.start + lease.ttl).max();
        (live.values().map(|lease| lease.cost).sum(), end)
    }
}
