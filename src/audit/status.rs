//! The status of the shipper: written by its thread, read by INFO. The lock is held only to copy.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::text::time::Timestamp;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ShipperState {
    /// There is no thread: this is a replica, or nothing had to be shipped yet.
    #[default]
    Idle,
    Connecting,
    Connected,
    /// Something failed. It waits before it tries again.
    Waiting,
}

impl ShipperState {
    /// As INFO shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub state: ShipperState,
    /// The number of batches that Postgres has taken.
    pub batches: u64,
    /// The number of failures after which it tried again.
    pub retries: u64,
    /// Empty if nothing has failed.
    pub last_error: String,
    pub last_error_at: Timestamp,
    /// A message for the log, which the main thread writes.
    message: Option<String>,
}

static STATUS: Mutex<Status> = Mutex::new(Status {
    state: ShipperState::Idle,
    batches: 0,
    retries: 0,
    last_error: String::new(),
    last_error_at: Timestamp(0),
    message: None,
});

fn status() -> MutexGuard<'static, Status> {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read() -> Status {
    status().clone()
}

/// The message for the log, once.
pub(crate) fn next_message() -> Option<String> {
    status().message.take()
}

pub(crate) fn set(state: ShipperState) {
    let mut status = status();
    if state == ShipperState::Connected && status.state == ShipperState::Waiting {
        status.message = Some("Postgres takes audit events again".into());
    }
    status.state = state;
}

pub(crate) fn count_batch() {
    status().batches += 1;
}

/// Something failed. It is logged once, until something else fails.
pub(crate) fn failed(reason: &str) {
    let mut status = status();
    if status.state != ShipperState::Waiting || status.last_error != reason {
        status.message = Some(format!("audit events wait for Postgres: {reason}"));
    }
    status.state = ShipperState::Waiting;
    status.retries += 1;
    reason.clone_into(&mut status.last_error);
    status.last_error_at = Timestamp::from_system_clock();
}

/// The maintenance of partitions failed, which holds up no event. It is logged once, until
/// something else fails.
pub(crate) fn maintenance_failed(reason: &str) {
    let mut status = status();
    let reason = format!("partitions can't be looked after: {reason}");
    if status.last_error != reason {
        status.message = Some(reason.clone());
    }
    status.last_error = reason;
    status.last_error_at = Timestamp::from_system_clock();
}
