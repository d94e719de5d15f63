//! The way back from the threads to the main thread, which never makes a thread wait.

use std::collections::VecDeque;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Outcome;

/// How many tries may be with the threads, or have come back and not been taken. The channel has room for all of them.
const UNDER_WAY: usize = 1024;

/// The main thread's end.
pub(super) struct Mailbox {
    sender: Sender<Outcome>,
    receiver: Receiver<Outcome>,
    /// What the main thread put in itself.
    returned: VecDeque<Outcome>,
    under_way: usize,
}

impl Mailbox {
    pub(super) fn new() -> Self {
        let (sender, receiver) = bounded(UNDER_WAY);
        Self { sender, receiver, returned: VecDeque::new(), under_way: 0 }
    }

    /// A thread's end.
    pub(super) fn address(&self) -> Sender<Outcome> {
        self.sender.clone()
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way < UNDER_WAY
    }

    /// One more outcome is to be expected from a thread.
    pub(super) fn expect(&mut self) {
        self.under_way += 1;
    }

    /// No thread will send this one after all.
    pub(super) fn return_expected(&mut self, outcome: Outcome) {
        self.under_way -= 1;
        self.returned.push_back(outcome);
    }

    /// An outcome that was never expected from a thread.
    pub(super) fn return_at_once(&mut self, outcome: Outcome) {
        self.returned.push_back(outcome);
    }

    pub(super) fn take(&mut self) -> Option<Outcome> {
        if let Some(outcome) = self.returned.pop_front() {
            return Some(outcome);
        }
        let outcome = self.receiver.try_recv().ok()?;
        self.under_way -= 1;
        Some(outcome)
    }

    /// Whether the main thread put something in that it has not taken.
    pub(super) fn has_returned(&self) -> bool {
        !self.returned.is_empty()
    }
}
