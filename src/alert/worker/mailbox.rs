//! The way back from the workers to the main thread. It never makes a worker wait.

use std::collections::VecDeque;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::alert::attempt::AttemptResult;

/// The maximum number of attempts in flight or with a result that was not taken yet. The channel
/// has room for all.
const MAX_IN_FLIGHT: usize = 1024;

/// The main thread's end.
pub(super) struct Mailbox {
    sender: Sender<AttemptResult>,
    receiver: Receiver<AttemptResult>,
    /// Results that the main thread added itself.
    returned: VecDeque<AttemptResult>,
    in_flight: usize,
}

impl Mailbox {
    pub(super) fn new() -> Self {
        let (sender, receiver) = bounded(MAX_IN_FLIGHT);
        Self { sender, receiver, returned: VecDeque::new(), in_flight: 0 }
    }

    /// The end for a worker.
    pub(super) fn sender(&self) -> Sender<AttemptResult> {
        self.sender.clone()
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < MAX_IN_FLIGHT
    }

    /// A worker will send one more result.
    pub(super) fn expect(&mut self) {
        self.in_flight += 1;
    }

    /// Adds a result that was expected from a worker, which will not send it.
    pub(super) fn return_expected(&mut self, result: AttemptResult) {
        self.in_flight -= 1;
        self.returned.push_back(result);
    }

    /// Adds a result that was never expected from a worker.
    pub(super) fn return_at_once(&mut self, result: AttemptResult) {
        self.returned.push_back(result);
    }

    pub(super) fn pop(&mut self) -> Option<AttemptResult> {
        if let Some(result) = self.returned.pop_front() {
            return Some(result);
        }
        let result = self.receiver.try_recv().ok()?;
        self.in_flight -= 1;
        Some(result)
    }

    /// Whether a result that the main thread added is still to be taken.
    pub(super) fn has_returned(&self) -> bool {
        !self.returned.is_empty()
    }
}
