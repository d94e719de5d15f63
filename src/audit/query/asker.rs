//! A client that waits for the answer to LW.AUDITLOG QUERY.
//!
//! The main thread writes an answer to its client, which takes some milliseconds for a large page.
//! So only one answer at a time is handed to it, and other clients are served between two.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::server::blocked::Waiting;
use crate::server::error::Refusal;
use crate::server::events;

use super::super::link::Failure;
use super::found::Found;
use super::record;

/// The maximum number of clients that wait.
const MAX_ASKERS: usize = 32;

/// The number of clients that wait.
static ASKERS: AtomicUsize = AtomicUsize::new(0);

/// Holds one permit, for the next answer.
static NEXT: Semaphore = Semaphore::const_new(1);

pub(crate) fn has_room() -> bool {
    ASKERS.load(Ordering::Relaxed) < MAX_ASKERS
}

/// A client that waits. It is answered at the latest when this is dropped.
pub(crate) struct Asker(Option<Waiting>);

impl Asker {
    pub(crate) fn new(waiting: Waiting) -> Self {
        ASKERS.fetch_add(1, Ordering::Relaxed);
        Self(Some(waiting))
    }

    /// Answers when the main thread has written the answer before.
    pub(crate) async fn answer(mut self, found: Result<Found, Failure>) {
        let turn = Turn::begin().await;
        let Some(waiting) = self.0.take() else { return };
        waiting.answer(Box::new(move |call| {
            let _until_dropped = &turn;
            match &found {
                Ok(found) => {
                    record::reply(call, found.events());
                    Ok(())
                }
                Err(failure) => {
                    Err(Refusal::Unavailable(format!("Postgres can't be asked now: {}", failure.reason)))
                }
            }
        }));
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        ASKERS.fetch_sub(1, Ordering::Relaxed);
        if let Some(waiting) = self.0.take() {
            waiting.answer(Box::new(|_| Err(Refusal::Unavailable("an internal error ended it".into()))));
        }
    }
}

/// The right to give an answer to the main thread. It ends in the turn of the event loop after the
/// one in which this is dropped.
struct Turn;

impl Turn {
    async fn begin() -> Self {
        // It fails only if the semaphore is closed, which it never is.
        if let Ok(permit) = NEXT.acquire().await {
            permit.forget();
        }
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        events::run_later(|| NEXT.add_permits(1));
    }
}
