//! Signs access tokens and replies: at once where signing is fast, else on a worker while the
//! client waits. Clients that are to get the same token share one signature.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::server::blocked::Waiting;
use crate::server::call::{Call, Outcome};
use crate::server::error::Refusal;
use crate::server::thread;

use super::counters;
use super::error::TokenError;
use super::grant::Grant;
use super::key::Key;
use super::keyring::Keyring;
use super::seed;
use super::settings::SIGN_THREADS;

/// How many signatures by a key of 2048 bits may be in flight for each worker: what one makes in
/// half a second. A key of twice the bits takes about eight times as long.
const MAX_IN_FLIGHT: usize = 2048;
/// The length of a signature by a key of 2048 bits, in base64 characters.
const USUAL_CHARS: usize = 342;

/// Overrides the limit above, in tests.
#[cfg(feature = "debug-commands")]
pub(crate) static TEST_LIMIT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// The longest time that a job waits for a worker.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a worker waits for a job before it checks whether there are too many workers.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// The stack of a worker: several times what a signature takes.
const STACK_BYTES: usize = 512 << 10;

struct Signer {
    jobs: Sender<Job>,
    queue: Receiver<Job>,
    /// The clients that wait for a signature, by the message to be signed. The main thread and the
    /// workers hold the lock for microseconds.
    in_flight: Mutex<HashMap<Arc<str>, Vec<Waiter>>>,
    workers: AtomicUsize,
}

struct Job {
    key: Arc<Key>,
    message: Arc<str>,
    deadline: Instant,
}

struct Waiter {
    grant: Grant,
    waiting: Waiting,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let (jobs, queue) = unbounded();
    Signer { jobs, queue, in_flight: Mutex::default(), workers: AtomicUsize::new(0) }
});

fn lock() -> MutexGuard<'static, HashMap<Arc<str>, Vec<Waiter>>> {
    SIGNER.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of signatures in flight.
pub(crate) fn in_flight() -> usize {
    lock().len()
}

/// Refuses a call whose token could not be signed soon, before it changes anything. Only the main
/// thread adds jobs, so there is still room when the call comes to [`deliver`].
pub(crate) fn require_room(call: &Call<'_>, ring: &Keyring) -> Result<(), Refusal> {
    let key = ring.signer()?;
    if !belongs_on_worker(key) || !call.may_wait() || in_flight() < limit(key) {
        return Ok(());
    }
    counters::BUSY.count();
    Err(Refusal::Busy("too many tokens are waiting to be signed; nothing was changed"))
}

/// Whether signing with `key` would stall the main thread.
fn belongs_on_worker(key: &Key) -> bool {
    key.is_slow() || !seed::is_ready_for(key)
}

/// Whether that very token is being signed. Another client may wait for it whatever the limit.
pub(crate) fn is_signing(grant: &Grant) -> bool {
    lock().contains_key(grant.message.as_str())
}

/// Signs and replies: at once if that is fast or the client may not wait, else by a worker.
pub(crate) fn deliver(call: &Call<'_>, grant: Grant) -> Outcome {
    if belongs_on_worker(&grant.key) && call.may_wait() {
        let waiting = call.wait()?;
        enqueue(grant, waiting);
        return Ok(());
    }
    let signature = grant.key.sign(grant.message.as_bytes());
    let signature = signature.ok_or(TokenError::NoKey("the key can't sign".into()))?;
    grant.reply(call, &signature);
    Ok(())
}

/// Like [`deliver`], for a client that waits already.
pub(crate) fn deliver_late(grant: Grant, waiting: Waiting) {
    if belongs_on_worker(&grant.key) {
        return enqueue(grant, waiting);
    }
    let signature = grant.key.sign(grant.message.as_bytes()).unwrap_or_default();
    waiting.answer(Box::new(move |call| grant.reply_late(call, &signature)));
}

fn enqueue(grant: Grant, waiting: Waiting) {
    start_workers();
    let mut in_flight = lock();
    if let Some(waiters) = in_flight.get_mut(grant.message.as_str()) {
        waiters.push(Waiter { grant, waiting });
        return;
    }
    let message: Arc<str> = grant.message.as_str().into();
    let deadline = Instant::now() + TIMEOUT;
    let job = Job { key: Arc::clone(&grant.key), message: Arc::clone(&message), deadline };
    in_flight.insert(message, vec![Waiter { grant, waiting }]);
    drop(in_flight);
    // The receiver lives as long as the sender.
    let _ = SIGNER.jobs.send(job);
}

fn limit(key: &Key) -> usize {
    #[cfg(feature = "debug-commands")]
    if let Some(limit) = usize::try_from(TEST_LIMIT.load(Ordering::Relaxed)).ok().filter(|limit| *limit > 0) {
        return limit;
    }
    let cost = key.signature_chars().div_ceil(USUAL_CHARS).pow(3);
    (MAX_IN_FLIGHT * wanted_workers() / cost).max(1)
}

fn wanted_workers() -> usize {
    SIGN_THREADS.get()
}

fn start_workers() {
    while SIGNER.workers.load(Ordering::Relaxed) < wanted_workers() {
        let index = SIGNER.workers.fetch_add(1, Ordering::Relaxed);
        if thread::spawn(format!("lw-sign-{index}"), Some(STACK_BYTES), work).is_err() {
            SIGNER.workers.fetch_sub(1, Ordering::Relaxed);
            break;
        }
    }
}

/// A worker in [`Signer::workers`], removed from the count however its thread ends.
struct CountedWorker {
    is_counted: bool,
}

impl CountedWorker {
    /// Removes the worker if there are more than wanted. The update is atomic, so never too many
    /// go.
    fn retire_if_surplus(&mut self) -> bool {
        let fewer = |workers: usize| (workers > wanted_workers()).then(|| workers - 1);
        self.is_counted = SIGNER.workers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_err();
        !self.is_counted
    }
}

impl Drop for CountedWorker {
    fn drop(&mut self) {
        if self.is_counted {
            SIGNER.workers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn work() {
    let mut worker = CountedWorker { is_counted: true };
    // Commands come first: a client that waits for a token waits for milliseconds anyway.
    thread::give_way();
    loop {
        match SIGNER.queue.recv_timeout(IDLE_CHECK) {
            Ok(job) => run(job),
            Err(RecvTimeoutError::Timeout) if worker.retire_if_surplus() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// Answers every client that waits for a message, exactly once: at the latest when it is dropped.
struct Completion(Option<Arc<str>>);

impl Completion {
    fn finish(&mut self, signature: Option<&Arc<str>>) {
        let Some(message) = self.0.take() else { return };
        // Clients that arrive from here on wait for another signature.
        let waiters = lock().remove(&message).unwrap_or_default();
        for Waiter { grant, waiting } in waiters {
            let signature = signature.cloned();
            waiting.answer(Box::new(move |call| match &signature {
                Some(signature) => grant.reply_late(call, signature),
                None => {
                    Err(Refusal::Unavailable("the token was not signed in time; the session stands".into()))
                }
            }));
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        self.finish(None);
    }
}

fn run(job: Job) {
    let mut completion = Completion(Some(Arc::clone(&job.message)));
    thread::panic_if_asked();
    // A job that is late is given up, so that the jobs behind it are not late as well.
    let in_time = Instant::now() < job.deadline;
    let signature = if in_time { job.key.sign(job.message.as_bytes()) } else { None };
    if signature.is_some() && job.key.needs_random() {
        seed::done();
    }
    completion.finish(signature.map(Arc::from).as_ref());
}
