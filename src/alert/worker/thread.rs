//! What runs on a thread: takes an order, makes the try, reports, until there is nothing left to come.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{Answer, Order, Outcome};
use crate::alert::dial::{KEEP_ALIVE, Terms};
use crate::alert::webhook;

/// What a thread needs to report, and to be waited for.
pub(super) struct Desk {
    pub(super) outcomes: Sender<Outcome>,
    pub(super) wake: fn(),
    /// Never used: the pool knows by it that this thread has not ended.
    pub(super) _alive: Sender<Infallible>,
}

impl Desk {
    fn report(&self, order: &Order, answer: Answer, took: Duration) {
        // There is always room. If the pool is gone, nobody wants to know.
        let _ = self.outcomes.try_send(order.closed(answer, took));
    }
}

/// The life of an endpoint's thread. Ends when the other end of `queue` is dropped; after `closing` begins no new try.
pub(super) fn serve(queue: &Receiver<Order>, desk: &Desk, closing: &Arc<AtomicBool>) {
    let mut sender = webhook::Sender::default();
    while let Some(order) = next(queue, &mut sender) {
        let open = !closing.load(Ordering::Relaxed);
        let delivered = open && make(&order, &mut sender, desk);
        if !open {
            desk.report(&order, Answer::Untouched, Duration::ZERO);
        }
        if !delivered {
            // What failed for one will fail for the next: the main thread decides when to try again.
            queue.try_iter().for_each(|order| desk.report(&order, Answer::Untouched, Duration::ZERO));
        }
        (desk.wake)();
    }
}

/// A single try.
pub(super) fn make_one(order: &Order, desk: &Desk) {
    make(order, &mut webhook::Sender::default(), desk);
    (desk.wake)();
}

/// The next order; `None` if none will come. A connection that is no longer of use is not kept meanwhile.
fn next(queue: &Receiver<Order>, sender: &mut webhook::Sender) -> Option<Order> {
    match queue.recv_timeout(KEEP_ALIVE) {
        Ok(order) => Some(order),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            sender.rest();
            queue.recv().ok()
        }
    }
}

/// Makes a try and reports; whether the alert was delivered.
fn make(order: &Order, sender: &mut webhook::Sender, desk: &Desk) -> bool {
    let terms = Terms { timeout: order.timeout, allow_private: order.allow_private };
    let started = Instant::now();
    let answer =
        guarded(|| sender.send(order.id, &order.alert, &order.endpoint, terms)).unwrap_or_else(|| {
            *sender = webhook::Sender::default();
            Answer::failed("internal error: the try panicked")
        });
    let delivered = matches!(answer, Answer::Delivered { .. });
    desk.report(order, answer, started.elapsed());
    delivered
}

/// What `body` returns; `None` if it panicked, so that neither the order nor the thread is lost.
fn guarded<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_nothing_but_the_try() {
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| -> u8 { panic!("at the disco") }), None);
    }
}
