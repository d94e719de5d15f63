//! An endpoint's lane: what is due, what is under way, how it fares. Kept in memory alone and made anew from the outbox.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::endpoint::Endpoint;
use super::schedule::{FAILURES_TO_OPEN, PROBE, hurried};

/// How many tries may be under way while the endpoint is known to be well. After a failure it is one.
const MOST_UNDER_WAY: usize = 16;

/// A lane.
pub struct Lane {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    due: BTreeSet<(Timestamp, u64)>,
    under_way: BTreeSet<u64>,
    health: Health,
    /// How many alerts it took.
    pub delivered: u64,
    /// How many tries have failed.
    pub failed: u64,
    /// What it answered last; 0 if it did not.
    pub last_status: u16,
    /// Why the last try failed.
    pub last_error: String,
    /// When that was.
    pub last_error_at: Timestamp,
}

/// How an endpoint fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Health {
    failures_in_row: u32,
    /// When an open circuit lets the next try through.
    probe_at: Timestamp,
}

impl Lane {
    /// A lane without anything in it.
    pub fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            due: BTreeSet::new(),
            under_way: BTreeSet::new(),
            health: Health::default(),
            delivered: 0,
            failed: 0,
            last_status: 0,
            last_error: String::new(),
            last_error_at: Timestamp(0),
        }
    }

    /// Forgets what is due, but neither what is under way nor how the endpoint fares.
    pub fn clear(&mut self) {
        self.due.clear();
    }

    /// The alert `seq` waits and is due at `at`, unless it is under way.
    pub fn lay(&mut self, seq: u64, at: Timestamp) {
        if !self.under_way.contains(&seq) {
            self.due.insert((at, seq));
        }
    }

    /// The alert `seq`, which is new or back from a try, is due at `at`.
    pub fn add(&mut self, seq: u64, at: Timestamp) {
        self.under_way.remove(&seq);
        self.due.insert((at, seq));
    }

    /// The alert `seq` is no longer due, if it was at `at`.
    pub fn remove(&mut self, seq: u64, at: Timestamp) {
        self.under_way.remove(&seq);
        self.due.remove(&(at, seq));
    }

    /// How many alerts wait, those under way included.
    pub fn pending(&self) -> usize {
        self.due.len() + self.under_way.len()
    }

    /// Whether the circuit is open: most tries are held back.
    pub fn is_open(&self) -> bool {
        self.health.failures_in_row >= FAILURES_TO_OPEN
    }

    /// Whether its last try failed.
    pub fn is_failing(&self) -> bool {
        self.health.failures_in_row > 0
    }

    /// When the next try may go out; `None` if one has to come back first, or nothing waits.
    pub fn next_try(&self) -> Option<Timestamp> {
        let &(at, _) = self.due.first()?;
        let room = if self.is_failing() { 1 } else { MOST_UNDER_WAY };
        if self.under_way.len() >= room {
            return None;
        }
        // A probe takes whatever is first: it need not be due.
        Some(if self.is_open() { self.health.probe_at } else { at })
    }

    /// Takes the next alert out to be tried, if one is due at `now`.
    pub fn take_due(&mut self, now: Timestamp) -> Option<u64> {
        // After the clock has stepped back a probe is at most one interval away, as ever.
        self.health.probe_at = self.health.probe_at.min(now + hurried(PROBE));
        if self.next_try()? > now {
            return None;
        }
        let (_, seq) = self.due.pop_first()?;
        self.under_way.insert(seq);
        Some(seq)
    }

    /// The endpoint took an alert. Whatever waited for it to be well again is for the caller to make due.
    pub fn succeeded(&mut self, status: u16) {
        self.delivered += 1;
        self.last_status = status;
        self.health = Health::default();
    }

    /// A try has failed. Returns whether it was spent: one that probes an open circuit is not.
    pub fn failed(&mut self, reason: &str, now: Timestamp) -> bool {
        let spent = !self.is_open();
        self.failed += 1;
        self.last_error = reason.to_owned();
        self.last_error_at = now;
        self.health.failures_in_row = self.health.failures_in_row.saturating_add(1);
        self.health.probe_at = now + hurried(PROBE);
        spent
    }

    /// The endpoint is well again by other evidence.
    pub fn close_circuit(&mut self) {
        self.health = Health::default();
    }
}
