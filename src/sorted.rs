//! A sorted map whose clones share their entries until one of them changes.
//!
//! The entries are in chunks of up to [`MOST`], behind counted pointers. A clone copies one pointer
//! per chunk, and a change copies at most two chunks that are still shared. So neither stalls the
//! server at a million entries, as copying every entry would.

use std::sync::Arc;

/// The most entries of a chunk.
const MOST: usize = 256;
/// A chunk that has shrunk to this size is merged with a neighbour.
const FEW: usize = MOST / 4;
/// The capacity of a chunk grows by this number of entries, so that little of it is unused.
const GROWTH: usize = 32;

#[derive(Clone)]
pub(crate) struct Sorted<K, V = ()> {
    /// In ascending order, none empty.
    chunks: Vec<Chunk<K, V>>,
    len: usize,
}

/// Where an entry was found. Changes of the map may move it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot {
    chunk: usize,
    place: usize,
}

/// The first key and the length are kept here, so that a search reads one chunk and counting none.
#[derive(Clone)]
struct Chunk<K, V> {
    first: K,
    len: usize,
    entries: Arc<Vec<(K, V)>>,
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<K: Copy + Ord, V: Clone> Chunk<K, V> {
    /// A chunk of these entries, of which there is at least one.
    fn new(entries: Vec<(K, V)>) -> Self {
        Self { first: entries[0].0, len: entries.len(), entries: Arc::new(entries) }
    }

    /// Changes the entries, of which `act` leaves at least one.
    fn change<R>(&mut self, act: impl FnOnce(&mut Vec<(K, V)>) -> R) -> R {
        let entries = Arc::make_mut(&mut self.entries);
        let result = act(entries);
        (self.first, self.len) = (entries[0].0, entries.len());
        result
    }

    fn insert(&mut self, at: usize, key: K, value: V) {
        self.change(|entries| {
            if entries.len() == entries.capacity() {
                entries.reserve_exact(entries.len().clamp(1, GROWTH));
            }
            entries.insert(at, (key, value));
        });
    }
}

impl<K: Copy + Ord, V: Clone> Sorted<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunk in which `key` is or would be.
    fn chunk_of(&self, key: &K) -> usize {
        self.chunks.partition_point(|chunk| chunk.first <= *key).saturating_sub(1)
    }

    /// Where `key` is (`Ok`) or would be (`Err`): its chunk and its place there.
    fn find(&self, key: &K) -> Result<(usize, usize), (usize, usize)> {
        let at = self.chunk_of(key);
        let Some(chunk) = self.chunks.get(at) else { return Err((0, 0)) };
        let place = chunk.entries.binary_search_by_key(key, |(key, _)| *key);
        place.map(|place| (at, place)).map_err(|place| (at, place))
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// Where the entry of `key` is.
    pub(crate) fn slot(&self, key: &K) -> Option<Slot> {
        self.find(key).ok().map(|(chunk, place)| Slot { chunk, place })
    }

    /// The entry in a slot, if there still is one.
    #[inline]
    pub(crate) fn at(&self, slot: Slot) -> Option<(&K, &V)> {
        self.chunks.get(slot.chunk)?.entries.get(slot.place).map(|(key, value)| (key, value))
    }

    /// The value in a slot, which this map shares with no clone afterwards.
    #[inline]
    pub(crate) fn at_mut(&mut self, slot: Slot) -> Option<&mut V> {
        let chunk = self.chunks.get_mut(slot.chunk)?;
        Arc::make_mut(&mut chunk.entries).get_mut(slot.place).map(|(_, value)| value)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let (at, place) = self.find(key).ok()?;
        Some(&self.chunks[at].entries[place].1)
    }

    /// The value of `key`, which this map shares with no clone afterwards.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (at, place) = self.find(key).ok()?;
        Some(&mut Arc::make_mut(&mut self.chunks[at].entries)[place].1)
    }

    /// Adds an entry and returns where it is. An entry that has the key already stays.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<Slot> {
        let Err((at, place)) = self.find(&key) else { return None };
        self.len += 1;
        let is_last = at + 1 == self.chunks.len();
        match self.chunks.get_mut(at) {
            None => self.chunks.push(Chunk::new(vec![(key, value)])),
            Some(chunk) if chunk.len < MOST => {
                chunk.insert(place, key, value);
                return Some(Slot { chunk: at, place });
            }
            // Keys that only ascend fill each chunk.
            Some(_) if place == MOST && is_last => {
                self.chunks.push(Chunk::new(vec![(key, value)]));
            }
            Some(chunk) => {
                let upper = chunk.change(|entries| {
                    let upper = entries.split_off(MOST / 2);
                    entries.shrink_to_fit();
                    upper
                });
                let mut upper = Chunk::new(upper);
                match place.checked_sub(MOST / 2) {
                    Some(place) => upper.insert(place, key, value),
                    None => chunk.insert(place, key, value),
                }
                self.chunks.insert(at + 1, upper);
            }
        }
        self.slot(&key)
    }

    /// Removes the entry of `key` and returns its value.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (at, place) = self.find(key).ok()?;
        self.len -= 1;
        let chunk = &mut self.chunks[at];
        if chunk.len == 1 {
            let chunk = self.chunks.remove(at);
            let last = Arc::try_unwrap(chunk.entries);
            return last.unwrap_or_else(|shared| (*shared).clone()).pop().map(|(_, value)| value);
        }
        let (_, value) = chunk.change(|entries| {
            let removed = entries.remove(place);
            if entries.capacity() > entries.len() + 2 * GROWTH {
                entries.shrink_to(entries.len() + GROWTH);
            }
            removed
        });
        if chunk.len <= FEW {
            self.merge(at);
        }
        Some(value)
    }

    /// Merges a small chunk with the one behind or in front of it, if both together are still
    /// small.
    fn merge(&mut self, at: usize) {
        let small = |lower: usize| {
            let both = self.chunks.get(lower).zip(self.chunks.get(lower + 1));
            both.is_some_and(|(lower, upper)| lower.len + upper.len <= MOST / 2)
        };
        let Some(lower) = [Some(at), at.checked_sub(1)].into_iter().flatten().find(|lower| small(*lower))
        else {
            return;
        };
        let upper = self.chunks.remove(lower + 1);
        let moved = Arc::try_unwrap(upper.entries).unwrap_or_else(|shared| (*shared).clone());
        self.chunks[lower].change(|entries| {
            entries.reserve_exact(moved.len());
            entries.extend(moved);
        });
    }

    /// Every entry, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.entries.iter()).map(|(key, value)| (*key, value))
    }

    /// The entries from `key` on, in ascending order.
    pub(crate) fn from(&self, key: K) -> impl Iterator<Item = (K, &V)> {
        let (at, place) = self.find(&key).unwrap_or_else(|place| place);
        let entries = self.chunks[at.min(self.chunks.len())..].iter().flat_map(|chunk| chunk.entries.iter());
        entries.skip(place).map(|(key, value)| (*key, value))
    }

    pub(crate) fn last(&self) -> Option<K> {
        self.chunks.last()?.entries.last().map(|(key, _)| *key)
    }

    /// The number of entries in front of `key`.
    pub(crate) fn count_before(&self, key: &K) -> usize {
        let (at, place) = self.find(key).unwrap_or_else(|place| place);
        self.chunks.iter().take(at).map(|chunk| chunk.len).sum::<usize>() + place
    }

    /// The approximate size of the entries and their chunks in bytes.
    pub(crate) fn size(&self) -> usize {
        // Chunks that are split where new keys fall are three quarters full on average. Their
        // capacity grows in steps, so half a step of a chunk is unused. It doubles at first.
        let entry = size_of::<(K, V)>();
        self.len * entry
            + self.chunks.len()
                * (entry * GROWTH.min(self.len) / 2 + size_of::<Chunk<K, V>>() + CHUNK_OVERHEAD)
    }
}

/// The counted pointer's own allocation.
const CHUNK_OVERHEAD: usize = 48;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Insert(u16),
        InsertRun(u16, u16),
        Remove(u16),
        RemoveRun(u16, u16),
        Change(u16),
        Clone,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let key = 0..2000_u16;
        let act = prop_oneof![
            4 => key.clone().prop_map(Act::Insert),
            2 => (key.clone(), 0..700_u16).prop_map(|(from, len)| Act::InsertRun(from, len)),
            4 => key.clone().prop_map(Act::Remove),
            1 => (key.clone(), 0..700_u16).prop_map(|(from, len)| Act::RemoveRun(from, len)),
            2 => key.prop_map(Act::Change),
            1 => Just(Act::Clone),
        ];
        prop::collection::vec(act, 1..60)
    }

    type Model = BTreeMap<u16, u32>;

    fn run(map: &mut Sorted<u16, u32>, model: &mut Model, act: &Act, value: u32) {
        match *act {
            Act::Insert(key) => {
                map.insert(key, value);
                model.entry(key).or_insert(value);
            }
            Act::InsertRun(from, len) => {
                (from..from + len).for_each(|key| run(map, model, &Act::Insert(key), value));
            }
            Act::Remove(key) => assert_eq!(map.remove(&key), model.remove(&key)),
            Act::RemoveRun(from, len) => {
                (from..from + len).for_each(|key| run(map, model, &Act::Remove(key), value));
            }
            Act::Change(key) => {
                if let Some(old) = map.get_mut(&key) {
                    *old = value;
                }
                model.entry(key).and_modify(|old| *old = value);
            }
            Act::Clone => {}
        }
    }

    #[track_caller]
    fn assert_same(map: &Sorted<u16, u32>, model: &Model) {
        assert_eq!(map.len(), model.len());
        assert_eq!(map.is_empty(), model.is_empty());
        assert!(map.iter().map(|(key, value)| (key, *value)).eq(model.iter().map(|(k, v)| (*k, *v))));
        assert_eq!(map.last(), model.keys().last().copied());
        for key in [0, 1, 500, 1024, 1999, 2700, u16::MAX] {
            assert_eq!(map.get(&key), model.get(&key));
            assert_eq!(map.contains(&key), model.contains_key(&key));
            assert!(map.from(key).map(|(key, _)| key).eq(model.range(key..).map(|(key, _)| *key)));
            assert_eq!(map.count_before(&key), model.range(..key).count());
        }
        for chunk in &map.chunks {
            assert!((1..=MOST).contains(&chunk.len) && chunk.len == chunk.entries.len());
            assert_eq!(chunk.first, chunk.entries[0].0);
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_tree_and_clones_are_independent(acts in acts()) {
            let (mut map, mut model) = (Sorted::default(), Model::new());
            let mut clones = Vec::new();
            for (value, act) in acts.iter().enumerate() {
                run(&mut map, &mut model, act, value as u32);
                if matches!(act, Act::Clone) {
                    clones.push((map.clone(), model.clone()));
                }
            }
            assert_same(&map, &model);
            clones.iter().for_each(|(map, model)| assert_same(map, model));
            for (clone, its_model) in &mut clones {
                acts.iter().for_each(|act| run(clone, its_model, act, 99));
                assert_same(clone, its_model);
            }
            assert_same(&map, &model);
        }
    }

    #[test]
    fn few_entries_stay_in_few_chunks_after_most_were_removed() {
        let mut map = Sorted::default();
        (0..100_000_u32).for_each(|key| {
            map.insert(key.wrapping_mul(2_654_435_761), ());
        });
        let keys: Vec<_> = map.iter().map(|(key, ())| key).collect();
        keys.iter().enumerate().filter(|(n, _)| n % 100 != 0).for_each(|(_, key)| {
            map.remove(key);
        });
        assert_eq!(map.len(), 1000);
        assert!(map.chunks.len() <= 1000 / (FEW / 2), "{} chunks", map.chunks.len());
        assert!(map.chunks.iter().all(|chunk| chunk.entries.capacity() <= MOST));
    }

    #[test]
    fn a_change_after_a_clone_copies_one_chunk() {
        let mut map = Sorted::default();
        (0..10_000_u32).for_each(|key| {
            map.insert(key, key);
        });
        let clone = map.clone();
        map.get_mut(&5000).into_iter().for_each(|value| *value = 1);
        let shared = map.chunks.iter().zip(&clone.chunks);
        assert_eq!(shared.filter(|(ours, theirs)| !Arc::ptr_eq(&ours.entries, &theirs.entries)).count(), 1);
    }
}
