//! The connections that are open to a server of the program. Their number is bounded.
//!
//! Connections that have not shown yet that they are welcome can't keep out those that have: each
//! kind has a bound of its own, and at the bound the oldest connection of the kind is closed for a
//! new one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

const MOST_UNKNOWN: usize = 128;
const MOST_KNOWN: usize = 256;

#[derive(Default)]
pub struct Connections(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    unknown: BTreeMap<u64, Arc<Notify>>,
    known: BTreeMap<u64, Arc<Notify>>,
}

impl State {
    fn add(list: &mut BTreeMap<u64, Arc<Notify>>, most: usize, id: u64, end: Arc<Notify>) {
        if list.len() >= most {
            if let Some((_, oldest)) = list.pop_first() {
                oldest.notify_one();
            }
        }
        list.insert(id, end);
    }
}

/// One connection. It is counted until this is dropped.
pub struct Ticket {
    id: u64,
    end: Arc<Notify>,
    all: Arc<Connections>,
}

impl Connections {
    pub fn open(self: &Arc<Self>) -> Ticket {
        let mut state = self.lock();
        let (id, end) = (state.next, Arc::new(Notify::new()));
        state.next += 1;
        State::add(&mut state.unknown, MOST_UNKNOWN, id, Arc::clone(&end));
        Ticket { id, end, all: Arc::clone(self) }
    }

    pub fn count(&self) -> usize {
        let state = self.lock();
        state.unknown.len() + state.known.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Notes that the connection is welcome: it had a request, or one with a session.
    pub fn vouch(&self) {
        let mut state = self.all.lock();
        if let Some(end) = state.unknown.remove(&self.id) {
            State::add(&mut state.known, MOST_KNOWN, self.id, end);
        }
    }

    /// Waits until the connection has to make room for another one.
    pub async fn evicted(&self) {
        self.end.notified().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.all.lock();
        state.unknown.remove(&self.id);
        state.known.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evicted(ticket: &Ticket) -> bool {
        let end = ticket.evicted();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(end).poll(&mut context).is_ready()
    }

    #[test]
    fn the_oldest_unknown_connection_makes_room() {
        let all = Arc::new(Connections::default());
        let known = all.open();
        known.vouch();
        let unknown: Vec<_> = (0..1000).map(|_| all.open()).collect();
        assert_eq!(all.count(), MOST_UNKNOWN + 1);
        assert!(!is_evicted(&known));
        let evicted: Vec<bool> = unknown.iter().map(is_evicted).collect();
        assert!(evicted.iter().take(1000 - MOST_UNKNOWN).all(|evicted| *evicted));
        assert!(!evicted.iter().skip(1000 - MOST_UNKNOWN).any(|evicted| *evicted));
        drop((known, unknown));
        assert_eq!(all.count(), 0);
    }
}
