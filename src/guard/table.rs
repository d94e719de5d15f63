//! A sorted map that knows how much memory it takes, and makes room by dropping what matters least.

use std::cell::Cell;

use crate::sorted::{Slot, Sorted};

/// How many entries are looked at to make room for a new one.
const LOOKED_AT: usize = 16;

/// A value that knows the size of its allocations.
pub(crate) trait HeapSize {
    fn heap_size(&self) -> usize;
}

#[derive(Clone)]
pub(crate) struct Table<K, V> {
    map: Sorted<K, V>,
    /// The size of the values' allocations.
    heap: usize,
    /// Where the search for room goes on. Not part of the value: copies may differ.
    hand: Option<K>,
    /// How many entries it has looked at in a row without one that may go. Not part of the value.
    barren: usize,
    recent: Recent,
}

/// Where keys were found last. A call looks for the same one or two keys several times: a user and
/// a pair, or an IPv6 /64 and its /48.
#[derive(Clone, Default)]
struct Recent {
    slots: [Cell<Slot>; 2],
    /// The place of the next one.
    next: Cell<usize>,
}

impl Recent {
    fn add(&self, slot: Slot) {
        let next = self.next.get() % self.slots.len();
        self.slots[next].set(slot);
        self.next.set(next + 1);
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { map: Sorted::default(), heap: 0, hand: None, barren: 0, recent: Recent::default() }
    }
}

impl<K: Copy + Ord, V: Clone + HeapSize> Table<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    #[inline]
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.map.at(self.slot(key)?).map(|(_, value)| value)
    }

    #[inline]
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.slot(key).is_some()
    }

    fn slot(&self, key: &K) -> Option<Slot> {
        let is_here = |slot: &Slot| self.map.at(*slot).is_some_and(|(found, _)| found == key);
        let recent = self.recent.slots.iter().map(Cell::get).find(is_here);
        if recent.is_some() {
            return recent;
        }
        let slot = self.map.slot(key)?;
        self.recent.add(slot);
        Some(slot)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.map.iter()
    }

    /// The entries from `key` on, in ascending order.
    pub(crate) fn from(&self, key: K) -> impl Iterator<Item = (K, &V)> {
        self.map.from(key)
    }

    /// The approximate size in bytes, as if nothing were shared with a copy.
    pub(crate) fn size(&self) -> usize {
        self.map.size() + self.heap
    }

    /// Changes the value of `key`, if there is one.
    pub(crate) fn change<R>(&mut self, key: &K, act: impl FnOnce(&mut V) -> R) -> Option<R> {
        let value = self.map.at_mut(self.slot(key)?)?;
        let before = value.heap_size();
        let result = act(value);
        self.heap = self.heap + value.heap_size() - before;
        Some(result)
    }

    /// Adds an entry. One that has the key already stays.
    pub(crate) fn add(&mut self, key: K, value: V) {
        let size = value.heap_size();
        if let Some(slot) = self.map.insert(key, value) {
            self.heap += size;
            self.recent.add(slot);
        }
    }

    /// Sets the value of `key`; `None` removes it.
    pub(crate) fn set(&mut self, key: K, value: Option<V>) {
        match value {
            None => {
                if let Some(old) = self.map.remove(&key) {
                    self.heap -= old.heap_size();
                }
            }
            Some(value) => {
                let slot = self.slot(&key);
                match slot.and_then(|slot| self.map.at_mut(slot)) {
                    Some(old) => {
                        self.heap = self.heap + value.heap_size() - old.heap_size();
                        *old = value;
                    }
                    None => self.add(key, value),
                }
            }
        }
    }

    /// The next few entries behind those of the last call, and from the first one on again at the
    /// end: the keys for which `weight` is `None`, which have ended, and the key with the lowest
    /// weight of the others.
    pub(crate) fn candidates<W: Ord>(
        &mut self,
        most: usize,
        weight: impl Fn(&K, &V) -> Option<W>,
    ) -> (Vec<K>, Option<(W, K)>) {
        let (mut ended, mut lowest, mut last) = (Vec::new(), None::<(W, K)>, None);
        let most = most.min(LOOKED_AT).min(self.len());
        let behind = self.hand.map(|hand| self.map.from(hand).skip_while(move |(key, _)| *key == hand));
        for (key, value) in behind.into_iter().flatten().chain(self.map.iter()).take(most) {
            last = Some(key);
            match weight(&key, value) {
                None => ended.push(key),
                Some(weight) if lowest.as_ref().is_none_or(|(least, _)| weight < *least) => {
                    lowest = Some((weight, key));
                }
                Some(_) => {}
            }
        }
        self.hand = last.or(self.hand);
        (ended, lowest)
    }

    /// Notes whether a search for room has found an entry that may go. Returns whether the table
    /// has been searched from end to end without one.
    pub(crate) fn is_barren(&mut self, has_found: bool) -> bool {
        self.barren = if has_found { 0 } else { self.barren.saturating_add(LOOKED_AT).min(2 * self.len()) };
        self.barren >= self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl HeapSize for u32 {
        fn heap_size(&self) -> usize {
            *self as usize
        }
    }

    fn table(values: impl IntoIterator<Item = (u16, u32)>) -> Table<u16, u32> {
        let mut table = Table::default();
        values.into_iter().for_each(|(key, value)| table.set(key, Some(value)));
        table
    }

    #[test]
    fn the_size_follows_every_change() {
        let mut table = table([(1, 10), (2, 20)]);
        table.set(1, Some(5));
        table.change(&2, |value| *value += 100);
        assert_eq!(table.heap, 125);
        table.set(2, None);
        table.set(9, None);
        assert_eq!((table.heap, table.len()), (5, 1));
    }

    #[test]
    fn the_search_for_room_goes_round() {
        let mut table = table((0..40).map(|n| (n, u32::from(n) + 1)));
        let mut seen = vec![0; 40];
        for _ in 0..5 {
            let (ended, lowest) = table.candidates(16, |key, value| (*key % 2 == 0).then_some(*value));
            assert_eq!(ended.len(), 8);
            ended.iter().for_each(|key| seen[usize::from(*key)] += 1);
            assert!(lowest.is_some());
        }
        assert!((1..40).step_by(2).all(|key| seen[key] == 2), "{seen:?}");
        assert_eq!(table.candidates(16, |_, value| Some(*value)).1, Some((1, 0)));
        let (none, lowest) = Table::<u16, u32>::default().candidates(16, |_, value| Some(*value));
        assert!(none.is_empty() && lowest.is_none());
    }
}
