//! Remembers the access tokens whose signature was verified, so that each is verified once.
//!
//! The table has a fixed size. The SHA-256 of a token selects a set of four places, so lookups and
//! inserts cost the same however full the table is, and it needs no sweeping.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use crate::server::thread::drop_elsewhere;

use super::claims::Claims;

/// Places in a set.
const WAYS: usize = 4;

#[derive(Default)]
pub(crate) struct Cache {
    /// A multiple of [`WAYS`].
    places: Vec<Option<Box<Entry>>>,
    /// Incremented by each lookup and insert, to find the least recently used entry.
    tick: u64,
}

struct Entry {
    token: Digest,
    /// The revision of the keyring that verified it.
    revision: u64,
    used: u64,
    claims: Arc<Claims>,
}

/// A token's SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(token: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(bytes)
    }
}

impl Cache {
    /// Sets the capacity, rounded up to whole sets. A change of capacity empties the cache; another
    /// thread frees what it held.
    pub(crate) fn resize(&mut self, entries: usize) {
        let places = entries.div_ceil(WAYS) * WAYS;
        if places != self.places.len() {
            if !self.places.is_empty() {
                drop_elsewhere(std::mem::take(&mut self.places));
            }
            self.places.resize_with(places, || None);
        }
    }

    fn set(&mut self, token: &Digest) -> Option<&mut [Option<Box<Entry>>]> {
        let sets = self.places.len() / WAYS;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&token.0[..8]);
        let set = usize::try_from(u64::from_le_bytes(bytes).checked_rem(sets as u64)?).ok()?;
        self.places.get_mut(set * WAYS..(set + 1) * WAYS)
    }

    /// The claims of a token that the keyring of this revision verified.
    pub(crate) fn get(&mut self, token: &Digest, revision: u64) -> Option<Arc<Claims>> {
        self.tick += 1;
        let tick = self.tick;
        let entry = self.set(token)?.iter_mut().flatten().find(|entry| entry.token == *token)?;
        entry.used = tick;
        (entry.revision == revision).then(|| Arc::clone(&entry.claims))
    }

    /// Remembers the claims of a token in place of the least recently used entry of its set.
    pub(crate) fn put(&mut self, token: Digest, revision: u64, claims: Arc<Claims>) {
        self.tick += 1;
        let used = self.tick;
        let Some(set) = self.set(&token) else { return };
        let rank = |place: &Option<Box<Entry>>| match place {
            Some(entry) if entry.token == token => (0, 0),
            None => (1, 0),
            Some(entry) => (2, entry.used),
        };
        if let Some(place) = set.iter_mut().min_by_key(|place| rank(place)) {
            *place = Some(Box::new(Entry { token, revision, used, claims }));
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.places.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::claims;
    use super::super::id::SessionId;
    use super::super::session::Session;
    use super::*;
    use crate::text::time::Timestamp;

    fn claims() -> Arc<Claims> {
        let session = Session::new("s", Timestamp(1000), Timestamp(9000), 1, 1);
        let json = claims::write(SessionId([1; 16]), &session, "i", "a");
        Arc::new(claims::read(json.into_bytes()).unwrap())
    }

    #[test]
    fn remembers_by_token_and_round_and_is_bounded() {
        let mut cache = Cache::default();
        let claims = claims();
        let token = |n: u32| Digest::of(&n.to_be_bytes());
        cache.put(token(0), 1, Arc::clone(&claims));
        assert!(cache.get(&token(0), 1).is_none(), "it holds nothing yet");
        cache.resize(6);
        cache.put(token(0), 1, Arc::clone(&claims));
        assert!(cache.get(&token(0), 1).is_some());
        assert!(cache.get(&token(0), 2).is_none() && cache.get(&token(1), 1).is_none());
        cache.put(token(0), 2, Arc::clone(&claims));
        assert!(cache.get(&token(0), 2).is_some());
        assert_eq!(cache.len(), 1);
        for n in 0..1000 {
            cache.put(token(n), 2, Arc::clone(&claims));
            assert!(cache.get(&token(n), 2).is_some());
        }
        assert_eq!(cache.len(), 8);
        cache.resize(0);
        assert!(cache.get(&token(999), 2).is_none());
        cache.put(token(0), 1, claims);
        assert_eq!(cache.len(), 0);
    }
}
