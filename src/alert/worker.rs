//! The threads that make the tries: one for each endpoint, so that a slow one delays no other.
//!
//! They decide nothing. The main thread hands a try to [`Pool::offer`] when it is due and takes back what came of it
//! from [`Pool::outcomes`]; a thread holds nothing of the server's, and never waits for the main thread.

mod mailbox;
#[cfg(test)]
mod tests;
mod thread;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use self::mailbox::Mailbox;
use self::thread::Desk;
use super::Alert;
use super::endpoint::{Endpoint, EndpointId};
pub use super::webhook::Answer;
use crate::journal::id::Id;

/// How many tries wait in an endpoint's queue.
pub const QUEUE: usize = 16;

/// How many threads there may be, counting those of endpoints that are gone and whose last try still hangs.
const THREADS: usize = 64;

/// A thread's stack: several times what a try over TLS takes.
const STACK_BYTES: usize = 1024 * 1024;

/// A try to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// What the alert is called.
    pub id: Id,
    /// What is sent.
    pub alert: Arc<Alert>,
    /// Where to.
    pub endpoint: Arc<Endpoint>,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether private, shared and loopback addresses may be dialled.
    pub allow_private: bool,
    /// Which settings it goes by: see [`Pool::recall`].
    pub generation: u64,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Of which alert.
    pub id: Id,
    /// At which endpoint.
    pub endpoint: EndpointId,
    /// What the receiver said.
    pub answer: Answer,
    /// How long that took.
    pub took: Duration,
}

impl Order {
    fn closed(&self, answer: Answer, took: Duration) -> Outcome {
        Outcome { id: self.id, endpoint: self.endpoint.id, answer, took }
    }

    fn not_begun(&self, answer: Answer) -> Outcome {
        self.closed(answer, Duration::ZERO)
    }
}

/// The threads, as the main thread sees them.
pub struct Pool {
    wake: fn(),
    lanes: HashMap<EndpointId, Lane>,
    /// Threads that end by themselves: of endpoints that are gone, and of tests.
    leaving: Vec<JoinHandle<()>>,
    tries: Mailbox,
    tests: Mailbox,
    crew: Crew,
}

/// An endpoint's queue and its thread.
struct Lane {
    number: usize,
    orders: Sender<Order>,
    /// The thread's end of the queue, by which the main thread takes back what was not begun.
    queued: Receiver<Order>,
    thread: JoinHandle<()>,
}

/// What the threads share that were started since the last shutdown.
struct Crew {
    closing: Arc<AtomicBool>,
    alive: Sender<Infallible>,
    /// Disconnected once no thread has a copy of `alive`.
    gone: Receiver<Infallible>,
}

impl Crew {
    fn new() -> Self {
        let (alive, gone) = bounded(0);
        Self { closing: Arc::default(), alive, gone }
    }
}

impl Pool {
    /// A pool without threads. `wake` is called, from any thread, when there is something new in [`Pool::outcomes`] or
    /// [`Pool::test_outcomes`].
    pub fn new(wake: fn()) -> Self {
        Self {
            wake,
            lanes: HashMap::new(),
            leaving: Vec::new(),
            tries: Mailbox::new(),
            tests: Mailbox::new(),
            crew: Crew::new(),
        }
    }

    /// Puts a try into its endpoint's queue, and starts the thread if there is none. Never waits: the order comes back
    /// if the queue is full or no thread can be had.
    pub fn offer(&mut self, order: Order) -> Result<(), Order> {
        let id = order.endpoint.id;
        if !self.tries.has_room() {
            return Err(order);
        }
        if !self.lanes.contains_key(&id) {
            let Some(lane) = self.open_lane() else { return Err(order) };
            self.lanes.insert(id, lane);
        }
        let Some(lane) = self.lanes.get(&id) else { return Err(order) };
        lane.orders.try_send(order).map_err(|refused| refused.into_inner())?;
        self.tries.expect();
        Ok(())
    }

    /// What came of a try; `None` if there is nothing new.
    pub fn outcomes(&mut self) -> Option<Outcome> {
        self.tries.take()
    }

    /// What came of a try that [`Pool::test`] began; `None` if there is nothing new.
    pub fn test_outcomes(&mut self) -> Option<Outcome> {
        self.tests.take()
    }

    /// Takes back the tries of generations before `generation` that were not begun: they come out of
    /// [`Pool::outcomes`] untouched.
    pub fn recall(&mut self, generation: u64) {
        for lane in self.lanes.values() {
            let queued: Vec<_> = lane.queued.try_iter().collect();
            for order in queued {
                if order.generation < generation {
                    self.tries.return_expected(order.not_begun(Answer::Untouched));
                } else if let Err(refused) = lane.orders.try_send(order) {
                    self.tries.return_expected(refused.into_inner().not_begun(Answer::Untouched));
                }
            }
        }
        self.tell();
    }

    /// Lets the threads of all other endpoints end, each after the try that it is at. What waits in their queues comes
    /// out of [`Pool::outcomes`] untouched.
    pub fn retain(&mut self, endpoints: &[EndpointId]) {
        let (kept, gone) = self.lanes.drain().partition(|(id, _)| endpoints.contains(id));
        self.lanes = kept;
        self.dismiss(gone);
        self.reap();
        self.tell();
    }

    /// Begins each of `orders` at once, on a thread of its own, past all queues. What comes of it comes out of
    /// [`Pool::test_outcomes`].
    pub fn test(&mut self, orders: Vec<Order>) {
        for order in orders {
            let desk = self.desk(&self.tests);
            let unable = order.not_begun(Answer::failed("too many tries are under way"));
            let begin = || self.spawn("lw-alert-test".into(), move || thread::make_one(&order, &desk));
            match self.tests.has_room().then(begin).flatten() {
                Some(thread) => {
                    self.leaving.push(thread);
                    self.tests.expect();
                }
                None => self.tests.return_at_once(unable),
            }
            self.reap();
        }
        self.tell();
    }

    /// Ends the threads: no try begins any more, and those under way are waited for, for at most `patience`. What was
    /// not begun comes out of [`Pool::outcomes`] untouched; a thread that takes longer is left behind. The next order
    /// starts anew.
    pub fn shutdown(&mut self, patience: Duration) {
        let Crew { closing, alive, gone } = std::mem::replace(&mut self.crew, Crew::new());
        closing.store(true, Ordering::Relaxed);
        let lanes = std::mem::take(&mut self.lanes);
        self.dismiss(lanes);
        drop(alive);
        if let Err(RecvTimeoutError::Disconnected) = gone.recv_timeout(patience) {
            self.leaving.drain(..).for_each(join);
        }
        self.reap();
        self.leaving.clear();
        self.tell();
    }

    fn open_lane(&mut self) -> Option<Lane> {
        self.reap();
        let number = (0..).find(|number| self.lanes.values().all(|lane| lane.number != *number))?;
        let (orders, queued) = bounded(QUEUE);
        let (queue, desk) = (queued.clone(), self.desk(&self.tries));
        let closing = Arc::clone(&self.crew.closing);
        let thread =
            self.spawn(format!("lw-alert-{number}"), move || thread::serve(&queue, &desk, &closing))?;
        Some(Lane { number, orders, queued, thread })
    }

    fn desk(&self, mailbox: &Mailbox) -> Desk {
        Desk { outcomes: mailbox.address(), wake: self.wake, _alive: self.crew.alive.clone() }
    }

    fn spawn(&self, name: String, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        if self.lanes.len() + self.leaving.len() >= THREADS {
            return None;
        }
        Builder::new().name(name).stack_size(STACK_BYTES).spawn(body).ok()
    }

    /// Takes back what waits in the queues of `lanes` and lets their threads end.
    fn dismiss(&mut self, lanes: HashMap<EndpointId, Lane>) {
        for Lane { queued, thread, .. } in lanes.into_values() {
            queued
                .try_iter()
                .for_each(|order| self.tries.return_expected(order.not_begun(Answer::Untouched)));
            self.leaving.push(thread);
        }
    }

    /// Joins the threads that have ended.
    fn reap(&mut self) {
        let (ended, leaving) = self.leaving.drain(..).partition(JoinHandle::is_finished);
        self.leaving = leaving;
        Vec::into_iter(ended).for_each(join);
    }

    fn tell(&self) {
        if self.tries.has_returned() || self.tests.has_returned() {
            (self.wake)();
        }
    }
}

fn join(thread: JoinHandle<()>) {
    // It can't have panicked: each try is guarded.
    let _ = thread.join();
}
