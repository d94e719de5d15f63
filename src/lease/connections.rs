//! Which leases end when which connection closes. Memory of this process: not saved, not
//! replicated.
//!
//! The last LW.ACQUIRE of a lease decides: with ONCLOSE the lease belongs to the caller's
//! connection, without it to none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::text::time::Timestamp;

use super::id::{Fence, LeaseId};

/// The most leases of one connection, and of all.
pub(super) const MOST_OF_ONE: usize = 10_000;
pub(super) const MOST: usize = 100_000;
/// The most bytes of the names of all their keys.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// Leases that have ended and that each new one removes, and one of a connection that is full.
const SWEEP: usize = 16;
const SWEEP_OF_FULL: usize = 256;

/// Where a lease is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub database: i32,
    pub key: Box<[u8]>,
    pub id: LeaseId,
}

/// The number by which the server knows a connection. It is never used again.
type ClientId = u64;

#[derive(Clone, Copy)]
struct Bound {
    client: ClientId,
    fence: Fence,
    end: Timestamp,
}

#[derive(Default)]
pub(super) struct Connections {
    bound: BTreeMap<Arc<Place>, Bound>,
    clients: BTreeMap<ClientId, BTreeSet<Arc<Place>>>,
    ends: BTreeSet<(Timestamp, Arc<Place>)>,
    /// Connections that have closed, and the leases that they had then.
    closed: VecDeque<(ClientId, BTreeSet<Arc<Place>>)>,
    bytes: usize,
}

impl Connections {
    pub(super) const fn new() -> Self {
        Self {
            bound: BTreeMap::new(),
            clients: BTreeMap::new(),
            ends: BTreeSet::new(),
            closed: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The number of leases, including those that have ended since, and of open connections.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.bound.len(), self.clients.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bound.is_empty() && self.closed.is_empty()
    }

    /// Whether `client` may have the lease at `place`. Forgets leases that have ended by `now`.
    pub(super) fn has_room(&mut self, client: ClientId, place: &Place, now: Timestamp) -> bool {
        let holder = self.bound.get(place).map(|bound| bound.client);
        if holder == Some(client) {
            return true;
        }
        let is_full = self.of(client) >= MOST_OF_ONE;
        for _ in 0..if is_full { SWEEP_OF_FULL } else { SWEEP } {
            match self.ends.first().filter(|(end, _)| *end <= now) {
                Some((_, ended)) => self.forget(&ended.clone()),
                None => break,
            }
        }
        let has_room = self.bound.len() < MOST && self.bytes + place.key.len() <= MOST_BYTES;
        // A lease that changes its connection takes no room beyond its own.
        self.of(client) < MOST_OF_ONE && (has_room || holder.is_some())
    }

    fn of(&self, client: ClientId) -> usize {
        self.clients.get(&client).map_or(0, BTreeSet::len)
    }

    /// Has the lease end when `client` disconnects, and no other client.
    pub(super) fn bind(&mut self, client: ClientId, place: Place, fence: Fence, end: Timestamp) {
        self.forget(&place);
        let place = Arc::new(place);
        self.bytes += place.key.len();
        self.ends.insert((end, place.clone()));
        self.clients.entry(client).or_default().insert(place.clone());
        self.bound.insert(place, Bound { client, fence, end });
    }

    /// Has the lease end with no connection.
    pub(super) fn forget(&mut self, place: &Place) {
        let Some((place, bound)) = self.bound.remove_entry(place) else { return };
        self.bytes -= place.key.len();
        if let Some(places) = self.clients.get_mut(&bound.client) {
            places.remove(&place);
            if places.is_empty() {
                self.clients.remove(&bound.client);
            }
        }
        self.ends.remove(&(bound.end, place));
    }

    /// The lease was renewed.
    pub(super) fn renewed(&mut self, place: &Place, end: Timestamp) {
        let Some((known, bound)) = self.bound.get_key_value(place) else { return };
        let (known, bound) = (known.clone(), *bound);
        self.ends.remove(&(bound.end, known.clone()));
        self.ends.insert((end, known.clone()));
        self.bound.insert(known, Bound { end, ..bound });
    }

    /// A client has disconnected. Returns whether leases are to be released.
    pub(super) fn disconnected(&mut self, client: ClientId) -> bool {
        let places = self.clients.remove(&client);
        let has_any = places.is_some();
        self.closed.extend(places.map(|places| (client, places)));
        has_any
    }

    /// Takes a lease whose connection has closed.
    pub(super) fn next_closed(&mut self) -> Option<(Arc<Place>, Fence)> {
        loop {
            let (client, places) = self.closed.front_mut()?;
            let client = *client;
            let Some(place) = places.pop_first() else {
                self.closed.pop_front();
                continue;
            };
            // Another client may have taken the lease over since.
            if let Some(bound) = self.bound.get(&place).filter(|bound| bound.client == client).copied() {
                self.forget(&place);
                return Some((place, bound.fence));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(key: &str, id: &str) -> Place {
        Place { database: 0, key: key.as_bytes().into(), id: LeaseId::new(id.as_bytes()).unwrap() }
    }

    fn closed(connections: &mut Connections) -> Vec<Fence> {
        std::iter::from_fn(|| connections.next_closed()).map(|(_, fence)| fence).collect()
    }

    const LATER: Timestamp = Timestamp(100);

    #[test]
    fn a_closed_connection_gives_its_leases_back_and_no_others() {
        let mut all = Connections::new();
        all.bind(1, place("a", "x"), Fence(1), LATER);
        all.bind(1, place("b", "x"), Fence(2), LATER);
        all.bind(2, place("a", "y"), Fence(3), LATER);
        assert!(all.disconnected(1) && !all.disconnected(1) && !all.disconnected(9));
        assert_eq!(closed(&mut all), [Fence(1), Fence(2)]);
        assert_eq!(all.counts(), (1, 1));
        assert!(all.disconnected(2));
        assert_eq!(closed(&mut all), [Fence(3)]);
        assert!(all.is_empty() && all.bytes == 0 && all.ends.is_empty());
    }

    #[test]
    fn the_last_bind_decides_also_after_the_close_was_seen() {
        let mut all = Connections::new();
        all.bind(1, place("a", "x"), Fence(1), LATER);
        all.bind(2, place("a", "x"), Fence(1), LATER);
        assert!(!all.disconnected(1));
        assert!(all.disconnected(2));
        all.bind(3, place("a", "x"), Fence(1), LATER);
        assert_eq!(closed(&mut all), []);
        all.forget(&place("a", "x"));
        assert!(!all.disconnected(3) && all.is_empty());
    }

    #[test]
    fn leases_that_have_ended_make_room() {
        let mut all = Connections::new();
        let id = |n: usize| place("k", &n.to_string());
        (0..20).for_each(|n| all.bind(2, place("other", &n.to_string()), Fence(1), Timestamp(50)));
        for n in 0..MOST_OF_ONE {
            assert!(all.has_room(1, &id(n), Timestamp(0)));
            all.bind(1, id(n), Fence(n as u64), LATER);
        }
        assert!(!all.has_room(1, &id(MOST), Timestamp(49)) && all.has_room(2, &id(MOST), Timestamp(49)));
        all.renewed(&id(7), Timestamp(200));
        assert!(all.has_room(1, &id(MOST), LATER));
        assert_eq!(all.counts(), (20 + MOST_OF_ONE - SWEEP_OF_FULL, 1));
        assert_eq!(all.ends.len(), 20 + MOST_OF_ONE - SWEEP_OF_FULL);
    }

    #[test]
    fn the_leases_of_all_connections_and_the_names_of_their_keys_are_bounded() {
        let mut all = Connections::new();
        for n in 0..MOST {
            all.bind((n / 100) as u64, place("k", &n.to_string()), Fence(1), LATER);
        }
        assert!(!all.has_room(1 << 40, &place("k", "x"), Timestamp(0)));
        let mut all = Connections::new();
        let long = "x".repeat(MOST_BYTES - 1);
        assert!(all.has_room(1, &place(&long, "x"), Timestamp(0)));
        all.bind(1, place(&long, "x"), Fence(1), LATER);
        assert!(all.has_room(2, &place("k", "x"), Timestamp(0)));
        assert!(!all.has_room(2, &place("kk", "x"), Timestamp(0)));
    }
}
