//! How the shipper fares: written by its thread, read by INFO. Held for no longer than it takes to copy.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::text::time::Timestamp;

/// What the shipper is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There is no thread: this is a replica, or there was nothing to do yet.
    #[default]
    Idle,
    /// It connects, for the first time or again.
    Connecting,
    /// It is connected, and all went well.
    Connected,
    /// Something failed, and it waits to try again.
    Waiting,
}

impl State {
    /// As INFO shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
        }
    }
}

/// How it fares.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it is at.
    pub state: State,
    /// How many batches Postgres has taken.
    pub batches: u64,
    /// How many times something failed and was tried again.
    pub retries: u64,
    /// Why something failed last; empty if nothing has.
    pub last_error: String,
    /// When that was.
    pub last_error_at: Timestamp,
    /// What the log is to be told: it is written by the main thread.
    pub news: Option<String>,
}

static STATUS: Mutex<Status> = Mutex::new(Status {
    state: State::Idle,
    batches: 0,
    retries: 0,
    last_error: String::new(),
    last_error_at: Timestamp(0),
    news: None,
});

fn status() -> MutexGuard<'static, Status> {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How it fares now.
pub fn read() -> Status {
    status().clone()
}

/// What the log is to be told, once.
pub fn take_news() -> Option<String> {
    status().news.take()
}

/// It is at something else.
pub fn set(state: State) {
    let mut status = status();
    if state == State::Connected && status.state == State::Waiting {
        status.news = Some("Postgres takes audit events again".into());
    }
    status.state = state;
}

/// A batch was taken.
pub fn took_batch() {
    status().batches += 1;
}

/// Something failed. The log hears of it once, until it is something else.
pub fn failed(reason: &str) {
    let mut status = status();
    if status.state != State::Waiting || status.last_error != reason {
        status.news = Some(format!("audit events wait for Postgres: {reason}"));
    }
    status.state = State::Waiting;
    status.retries += 1;
    reason.clone_into(&mut status.last_error);
    status.last_error_at = now();
}

/// The partitions could not be looked after, which holds up no event. The log hears of it once, until it is something else.
pub fn complain(reason: &str) {
    let mut status = status();
    let reason = format!("partitions can't be looked after: {reason}");
    if status.last_error != reason {
        status.news = Some(reason.clone());
    }
    status.last_error = reason;
    status.last_error_at = now();
}

/// The wall clock, on any thread.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(0))
}
