//! The worker threads that make the attempts: one for each endpoint, so that a slow endpoint delays
//! no other. An endpoint in force always gets its thread, whatever tests are under way; only after
//! the list was changed several times within `webhook-timeout`, each time with hanging endpoints,
//! may a new endpoint wait for threads of the old ones.
//!
//! Workers decide nothing. The main thread hands an attempt to [`Workers::offer`] when it is due
//! and gets the result from [`Workers::next_result`]. A worker holds nothing of the server's and
//! never waits for the main thread.

mod mailbox;
#[cfg(test)]
mod tests;
mod thread;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::server::thread as thread_of_module;

use self::mailbox::Mailbox;
use self::thread::Reporter;
use super::attempt::{Attempt, AttemptResult};
use super::endpoint::{EndpointId, MAX_ENDPOINTS};
use super::webhook::DeliveryStatus;

/// The capacity of a worker's queue.
pub(crate) const QUEUE: usize = 16;

/// The maximum number of threads whose endpoint is gone and whose last attempt still hangs. Beyond
/// it no thread starts for a new endpoint. Each of those ends within `webhook-timeout`.
const LEAVING: usize = 7 * MAX_ENDPOINTS;

/// The maximum number of threads that make tests. They are counted apart, so that tests of hanging
/// endpoints take no thread from deliveries.
const TEST_THREADS: usize = 64;

/// The stack of a thread: several times what an attempt over TLS takes.
const STACK_BYTES: usize = 1024 * 1024;

/// The workers, as the main thread sees them.
pub(crate) struct Workers {
    wake: fn(),
    workers: HashMap<EndpointId, Worker>,
    /// Threads of endpoints that are gone. They end by themselves.
    leaving: Vec<JoinHandle<()>>,
    /// Threads of tests. They end by themselves.
    testing: Vec<JoinHandle<()>>,
    results: Mailbox,
    test_results: Mailbox,
    lifetime: Lifetime,
}

/// The queue and thread of one endpoint.
struct Worker {
    number: usize,
    attempts: Sender<Attempt>,
    /// The thread's end of the queue, by which the main thread takes back attempts that have not
    /// started.
    queued: Receiver<Attempt>,
    thread: JoinHandle<()>,
}

/// What the threads started since the last shutdown share.
struct Lifetime {
    closing: Arc<AtomicBool>,
    alive: Sender<Infallible>,
    /// Disconnected once no thread has a copy of `alive`.
    gone: Receiver<Infallible>,
}

impl Lifetime {
    fn new() -> Self {
        let (alive, gone) = bounded(0);
        Self { closing: Arc::default(), alive, gone }
    }
}

impl Workers {
    /// Starts no thread. `wake` is called, from any thread, when a new result is available.
    pub(crate) fn new(wake: fn()) -> Self {
        Self {
            wake,
            workers: HashMap::new(),
            leaving: Vec::new(),
            testing: Vec::new(),
            results: Mailbox::new(),
            test_results: Mailbox::new(),
            lifetime: Lifetime::new(),
        }
    }

    /// Puts an attempt into the queue of its endpoint, and starts the thread if there is none.
    /// Never waits: returns the attempt if the queue is full or no thread can be started.
    pub(crate) fn offer(&mut self, attempt: Attempt) -> Result<(), Attempt> {
        let id = attempt.endpoint.id;
        if !self.results.has_room() {
            return Err(attempt);
        }
        if !self.workers.contains_key(&id) {
            let Some(worker) = self.start_worker() else { return Err(attempt) };
            self.workers.insert(id, worker);
        }
        let Some(worker) = self.workers.get(&id) else { return Err(attempt) };
        worker.attempts.try_send(attempt).map_err(|refused| refused.into_inner())?;
        self.results.expect();
        Ok(())
    }

    pub(crate) fn next_result(&mut self) -> Option<AttemptResult> {
        self.results.pop()
    }

    /// The next result of an attempt that [`Workers::test`] started.
    pub(crate) fn next_test_result(&mut self) -> Option<AttemptResult> {
        self.test_results.pop()
    }

    /// Takes back the attempts of generations before `generation` that have not started.
    /// [`Workers::next_result`] returns them as not attempted.
    pub(crate) fn recall(&mut self, generation: u64) {
        for worker in self.workers.values() {
            let queued: Vec<_> = worker.queued.try_iter().collect();
            for attempt in queued {
                if attempt.generation < generation {
                    self.results.return_expected(attempt.not_started(DeliveryStatus::NotAttempted));
                } else if let Err(refused) = worker.attempts.try_send(attempt) {
                    let attempt = refused.into_inner();
                    self.results.return_expected(attempt.not_started(DeliveryStatus::NotAttempted));
                }
            }
        }
        self.wake_if_returned();
    }

    /// Lets the threads of all other endpoints end, each after its current attempt.
    /// [`Workers::next_result`] returns the queued attempts as not attempted.
    pub(crate) fn retain(&mut self, endpoints: &[EndpointId]) {
        let (kept, gone) = self.workers.drain().partition(|(id, _)| endpoints.contains(id));
        self.workers = kept;
        self.dismiss(gone);
        self.reap();
        self.wake_if_returned();
    }

    /// Starts each of `attempts` at once, on a thread of its own, past all queues.
    pub(crate) fn test(&mut self, attempts: Vec<Attempt>) {
        for attempt in attempts {
            self.reap();
            let reporter = self.reporter(&self.test_results);
            let unable = attempt.not_started(DeliveryStatus::no_answer("too many tries are under way"));
            let start = || spawn("lw-alert-test".into(), move || thread::make_one(&attempt, &reporter));
            let has_room = self.testing.len() < TEST_THREADS && self.test_results.has_room();
            match has_room.then(start).flatten() {
                Some(thread) => {
                    self.testing.push(thread);
                    self.test_results.expect();
                }
                None => self.test_results.return_at_once(unable),
            }
        }
        self.wake_if_returned();
    }

    /// Ends the threads: no new attempt starts, and those in flight are waited for, for at most
    /// `timeout`. What has not started is returned as not attempted; a thread that takes longer is
    /// left behind. The next attempt starts anew.
    pub(crate) fn shutdown(&mut self, timeout: Duration) {
        let Lifetime { closing, alive, gone } = std::mem::replace(&mut self.lifetime, Lifetime::new());
        closing.store(true, Ordering::Relaxed);
        let workers = std::mem::take(&mut self.workers);
        self.dismiss(workers);
        drop(alive);
        if let Err(RecvTimeoutError::Disconnected) = gone.recv_timeout(timeout) {
            self.leaving.drain(..).chain(self.testing.drain(..)).for_each(join);
        }
        self.leaving.clear();
        self.testing.clear();
        self.wake_if_returned();
    }

    fn start_worker(&mut self) -> Option<Worker> {
        self.reap();
        if self.leaving.len() >= LEAVING {
            return None;
        }
        let number = (0..).find(|number| self.workers.values().all(|worker| worker.number != *number))?;
        let (attempts, queued) = bounded(QUEUE);
        let (queue, reporter) = (queued.clone(), self.reporter(&self.results));
        let closing = Arc::clone(&self.lifetime.closing);
        let thread = spawn(format!("lw-alert-{number}"), move || thread::serve(&queue, &reporter, &closing))?;
        Some(Worker { number, attempts, queued, thread })
    }

    fn reporter(&self, mailbox: &Mailbox) -> Reporter {
        Reporter { results: mailbox.sender(), wake: self.wake, _alive: self.lifetime.alive.clone() }
    }

    /// Takes back the queued attempts of `workers` and lets their threads end.
    fn dismiss(&mut self, workers: HashMap<EndpointId, Worker>) {
        for Worker { queued, thread, .. } in workers.into_values() {
            for attempt in queued.try_iter() {
                self.results.return_expected(attempt.not_started(DeliveryStatus::NotAttempted));
            }
            self.leaving.push(thread);
        }
    }

    /// Joins the threads that have ended.
    fn reap(&mut self) {
        for threads in [&mut self.leaving, &mut self.testing] {
            let (ended, running) = threads.drain(..).partition(JoinHandle::is_finished);
            *threads = running;
            Vec::into_iter(ended).for_each(join);
        }
    }

    fn wake_if_returned(&self) {
        if self.results.has_returned() || self.test_results.has_returned() {
            (self.wake)();
        }
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    thread_of_module::spawn(name, Some(STACK_BYTES), body).ok()
}

fn join(thread: JoinHandle<()>) {
    // It cannot have panicked: each attempt is guarded.
    let _ = thread.join();
}
