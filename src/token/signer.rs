//! Signing with keys that take long, on threads of its own, while clients wait. Clients that are to get the same token wait
//! for one signature.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::config;
use crate::server::blocked::Waiting;
use crate::server::error::Refusal;
use crate::server::thread;

use super::grant::Grant;
use super::key::Key;

/// How many signatures by a key of 2048 bits may be waited for, for each thread: what it makes in a bit more than half a
/// second. One of twice the bits takes about eight times as long.
const ROOM: usize = 2048;
const USUAL_CHARS: usize = 342;

/// The same in all, if a test sets it.
#[cfg(feature = "debug-commands")]
pub static ROOM_OF_TESTS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// How long one is waited for before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a thread waits for work before it looks whether there are too many.
const LOOK: Duration = Duration::from_secs(1);

/// A thread's stack: several times what a signature takes.
const STACK_BYTES: usize = 512 << 10;

struct Signer {
    jobs: Sender<Job>,
    queue: Receiver<Job>,
    /// Who waits, by what is to be signed. Held for moments: by the main thread, and by a thread that has a signature.
    flights: Mutex<HashMap<Arc<str>, Vec<Waiter>>>,
    threads: AtomicUsize,
}

struct Job {
    key: Arc<Key>,
    message: Arc<str>,
    until: Instant,
}

struct Waiter {
    grant: Grant,
    waiting: Waiting,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let (jobs, queue) = unbounded();
    Signer { jobs, queue, flights: Mutex::default(), threads: AtomicUsize::new(0) }
});

fn flights() -> MutexGuard<'static, HashMap<Arc<str>, Vec<Waiter>>> {
    SIGNER.flights.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many signatures are waited for.
pub fn depth() -> usize {
    flights().len()
}

/// Refuses if no more can be waited for. Only the main thread adds any: so there is room until it does.
pub fn require_room(key: &Key) -> Result<(), Refusal> {
    if depth() < room(key) {
        Ok(())
    } else {
        Err(Refusal::Busy("too many tokens are waiting to be signed; nothing was changed"))
    }
}

/// Whether that very token is being signed, so that another client can wait for it whatever the room.
pub fn is_signing(grant: &Grant) -> bool {
    flights().contains_key(grant.message.as_str())
}

/// Has the token signed and the client answered. Main thread only.
pub fn sign(grant: Grant, waiting: Waiting) {
    start_threads();
    let mut flights = flights();
    if let Some(waiters) = flights.get_mut(grant.message.as_str()) {
        waiters.push(Waiter { grant, waiting });
        return;
    }
    let message: Arc<str> = grant.message.as_str().into();
    let until = Instant::now() + PATIENCE;
    let job = Job { key: Arc::clone(&grant.key), message: Arc::clone(&message), until };
    flights.insert(message, vec![Waiter { grant, waiting }]);
    drop(flights);
    // The receiver lives as long as the sender.
    let _ = SIGNER.jobs.send(job);
}

fn room(key: &Key) -> usize {
    #[cfg(feature = "debug-commands")]
    if let Some(room) = usize::try_from(ROOM_OF_TESTS.load(Ordering::Relaxed)).ok().filter(|room| *room > 0) {
        return room;
    }
    let times = key.signature_chars().div_ceil(USUAL_CHARS).pow(3);
    (ROOM * wanted() / times).max(1)
}

fn wanted() -> usize {
    usize::try_from(config::SIGN_THREADS.get()).unwrap_or(1)
}

fn start_threads() {
    while SIGNER.threads.load(Ordering::Relaxed) < wanted() {
        let index = SIGNER.threads.fetch_add(1, Ordering::Relaxed);
        let thread = Builder::new().name(format!("lw-sign-{index}")).stack_size(STACK_BYTES);
        if thread.spawn(work).is_err() {
            SIGNER.threads.fetch_sub(1, Ordering::Relaxed);
            break;
        }
    }
}

/// Counts a thread out, however it ends.
struct Place {
    is_counted: bool,
}

impl Place {
    /// Gives the place up if there are more than wanted. One at a time does: there are never fewer.
    fn is_given_up(&mut self) -> bool {
        let fewer = |threads: usize| (threads > wanted()).then(|| threads - 1);
        self.is_counted = SIGNER.threads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_err();
        !self.is_counted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_counted {
            SIGNER.threads.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn work() {
    let mut place = Place { is_counted: true };
    // Commands come first: who waits for a token waits for a while anyway.
    thread::give_way();
    loop {
        match SIGNER.queue.recv_timeout(LOOK) {
            Ok(job) => serve(job),
            Err(RecvTimeoutError::Timeout) if place.is_given_up() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// Answers everybody who waits for a message, once and in any case: if not before, then when this is dropped.
struct Flight(Option<Arc<str>>);

impl Flight {
    fn land(&mut self, signature: Option<&Arc<str>>) {
        // Those who come from here on wait for another signature.
        let Some(message) = self.0.take() else { return };
        let waiters = flights().remove(&message).unwrap_or_default();
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

impl Drop for Flight {
    fn drop(&mut self) {
        self.land(None);
    }
}

fn serve(job: Job) {
    let mut flight = Flight(Some(Arc::clone(&job.message)));
    // Who has waited for so long has others behind it, who have not yet.
    let signature = if Instant::now() < job.until { job.key.sign(job.message.as_bytes()) } else { None };
    flight.land(signature.map(Arc::from).as_ref());
}
