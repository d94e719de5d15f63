//! The queue of one endpoint: which alerts are due when, which are in flight, and whether the
//! endpoint works. Kept in memory only and built from the outbox.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::endpoint::Endpoint;
use super::reason::Reason;
use super::schedule::{FAILURES_TO_OPEN, PROBE, hurried};

/// The maximum number of attempts in flight while the endpoint works. After a failure it is one.
const MAX_IN_FLIGHT: usize = 16;

/// Alerts and when they are due.
pub(crate) type Due = BTreeSet<(Timestamp, u64)>;

pub(crate) struct EndpointQueue {
    pub endpoint: Arc<Endpoint>,
    due: Due,
    in_flight: BTreeSet<u64>,
    circuit: Circuit,
    pub history: History,
}

/// What INFO shows of the past of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// The number of alerts that it took.
    pub delivered: u64,
    /// The number of tries that failed.
    pub failed: u64,
    /// The HTTP status of the last answer, also to a test; 0 before the first try and if the last
    /// one got no answer.
    pub last_status: u16,
    /// Why the last failed try or test failed.
    last_error: Option<Reason>,
    pub last_error_at: Timestamp,
}

impl History {
    pub(crate) fn answered(&mut self, status: u16) {
        self.last_status = status;
    }

    pub(crate) fn got_error(&mut self, reason: Reason, now: Timestamp) {
        self.last_status = reason.status();
        self.last_error = Some(reason);
        self.last_error_at = now;
    }

    /// The last error as text; empty if there was none.
    pub(crate) fn last_error(&self) -> String {
        self.last_error.as_ref().map_or_else(String::new, Reason::to_string)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Circuit {
    failures_in_row: u32,
    /// When an open circuit lets the next try through.
    probe_at: Timestamp,
}

impl EndpointQueue {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            due: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            circuit: Circuit::default(),
            history: History::default(),
        }
    }

    /// Forgets which alerts are due, but neither which are in flight nor the state of the circuit.
    /// Returns what it has forgotten.
    pub(crate) fn clear(&mut self) -> Due {
        std::mem::take(&mut self.due)
    }

    /// The alert `seq` is due at `at`, unless it is in flight.
    pub(crate) fn restore(&mut self, seq: u64, at: Timestamp) {
        if !self.in_flight.contains(&seq) {
            self.due.insert((at, seq));
        }
    }

    /// The alert `seq`, which is new or back from a try, is due at `at`.
    pub(crate) fn add(&mut self, seq: u64, at: Timestamp) {
        self.in_flight.remove(&seq);
        self.due.insert((at, seq));
    }

    /// Removes the alert `seq`, which is in flight or due at `at`.
    pub(crate) fn remove(&mut self, seq: u64, at: Timestamp) {
        self.in_flight.remove(&seq);
        self.due.remove(&(at, seq));
    }

    /// The number of alerts, those in flight included.
    pub(crate) fn pending(&self) -> usize {
        self.due.len() + self.in_flight.len()
    }

    pub(crate) fn circuit_is_open(&self) -> bool {
        self.circuit.failures_in_row >= FAILURES_TO_OPEN
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.circuit.failures_in_row > 0
    }

    /// The alerts that wait for a time after a failed try.
    pub(crate) fn planned(&self) -> impl Iterator<Item = u64> {
        self.due.range((Timestamp(1), 0)..).map(|(_, seq)| *seq)
    }

    /// When the next try may be made; `None` if the queue is empty or too many tries are in flight.
    pub(crate) fn next_try(&self) -> Option<Timestamp> {
        let &(at, _) = self.due.first()?;
        let limit = if self.is_failing() { 1 } else { MAX_IN_FLIGHT };
        if self.in_flight.len() >= limit {
            return None;
        }
        // A probe takes the first alert, whether or not it is due.
        Some(if self.circuit_is_open() { self.circuit.probe_at } else { at })
    }

    /// Puts the next alert that is due in flight.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<u64> {
        // After the clock has stepped back a probe is at most one interval away.
        self.circuit.probe_at = self.circuit.probe_at.min(now + hurried(PROBE));
        if self.next_try()? > now {
            return None;
        }
        let (_, seq) = self.due.pop_first()?;
        self.in_flight.insert(seq);
        Some(seq)
    }

    pub(crate) fn succeeded(&mut self, status: u16) {
        self.history.delivered += 1;
        self.history.answered(status);
        self.circuit = Circuit::default();
    }

    /// Returns whether the failed try counts for its alert. A probe of an open circuit does not.
    pub(crate) fn failed(&mut self, reason: Reason, now: Timestamp) -> bool {
        let counts = !self.circuit_is_open();
        self.history.failed += 1;
        self.history.got_error(reason, now);
        self.circuit.failures_in_row = self.circuit.failures_in_row.saturating_add(1);
        self.circuit.probe_at = now + hurried(PROBE);
        counts
    }

    pub(crate) fn close_circuit(&mut self) {
        self.circuit = Circuit::default();
    }

    /// The last error as text; empty if there was none.
    pub(crate) fn last_error(&self) -> String {
        self.history.last_error()
    }
}
