//! The thread of an erasure. It does one piece of work that takes long, and wakes the scheduler
//! with the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use tokio::runtime;

use crate::journal::queue::Snapshot;
use crate::server::thread;

use super::super::entry::Entry;
use super::super::link::{Failure, Link};
use super::super::wake;
use super::rows::{self, Rows};
use super::search::{self, Range};
use lockwatch_common::postgres::target::Target;

/// The stack of the thread: several times what TLS takes.
const STACK_BYTES: usize = 2 << 20;

/// A piece of work that the thread does. Dropping it lets the thread end soon.
pub(crate) struct Work<T> {
    result: Receiver<T>,
    ends: Arc<AtomicBool>,
}

/// The number of rows that were deleted, even if the deletion failed later.
pub(crate) struct Deletion {
    pub rows: u64,
    pub failure: Option<Failure>,
}

/// Connects to Postgres and checks that the role may delete.
pub(crate) fn ask(target: Arc<Target>) -> Option<Work<Result<(), Failure>>> {
    start(move |_| {
        within_runtime(async {
            let link = Link::open(&target).await?;
            rows::tables(&link).await.map(drop)
        })
    })
}

/// Finds the events of `user` up to the number `through`.
pub(crate) fn search(events: Snapshot<Entry>, user: String, through: u64) -> Option<Work<Vec<Range>>> {
    start(move |_| search::in_queue(&events, &user, through))
}

/// Deletes rows in Postgres.
pub(crate) fn delete(target: Arc<Target>, rows: Rows) -> Option<Work<Deletion>> {
    start(move |ends| {
        let mut deleted = 0;
        let done = within_runtime(async {
            let link = Link::open(&target).await?;
            rows::delete(&link, &rows, ends, &mut deleted).await
        });
        Deletion { rows: deleted, failure: done.err() }
    })
}

fn within_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|_| Failure::other("the system has no room for a connection"))?;
    let done = runtime.block_on(work);
    // Does not wait for a name that is still being looked up.
    runtime.shutdown_background();
    done
}

/// `None` if the system has no thread to give.
fn start<T: Send + 'static>(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Option<Work<T>> {
    /// Wakes the scheduler even if the work panics.
    struct Wake;
    impl Drop for Wake {
        fn drop(&mut self) {
            wake::from_thread();
        }
    }
    let (sender, result) = bounded(1);
    let ends = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&ends);
    let body = move || {
        // Dropped after the sender, so that the scheduler finds the result or its absence.
        let _wake = Wake;
        let sender = sender;
        thread::panic_if_asked();
        let _ = sender.try_send(work(&theirs));
    };
    thread::spawn("lw-audit-erase", Some(STACK_BYTES), body).ok()?;
    Some(Work { result, ends })
}

impl<T> Work<T> {
    /// The result, once; `None` while the thread works. The inner `None` means that it has
    /// panicked.
    pub(crate) fn result(&self) -> Option<Option<T>> {
        match self.result.try_recv() {
            Ok(result) => Some(Some(result)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(None),
        }
    }
}

impl<T> Drop for Work<T> {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}
