//! A binary heap of counts, the least on top. Each count has a fixed slot, by which it can grow.

#[derive(Clone, Copy)]
struct Node {
    count: f64,
    slot: u32,
}

#[derive(Default)]
pub(super) struct Heap {
    /// No node's count is above those of its children, which are at twice its place plus 1 and 2.
    nodes: Vec<Node>,
    /// The place of each slot's node.
    places: Vec<u32>,
}

impl Heap {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { nodes: Vec::with_capacity(capacity), places: Vec::with_capacity(capacity) }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The slot with the least count, and the count.
    pub(super) fn least(&self) -> Option<(usize, f64)> {
        self.nodes.first().map(|node| (node.slot as usize, node.count))
    }

    /// Every slot with its count, in any order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.nodes.iter().map(|node| (node.slot as usize, node.count))
    }

    /// Adds a slot, whose number is the length so far.
    pub(super) fn push(&mut self, count: f64) {
        let slot = self.nodes.len() as u32;
        self.nodes.push(Node { count, slot });
        self.places.push(slot);
        self.rise(slot as usize);
    }

    /// Adds `more`, which is not negative, to the count of `slot`.
    #[inline]
    pub(super) fn grow(&mut self, slot: usize, more: f64) {
        let place = self.places[slot] as usize;
        self.nodes[place].count += more;
        self.sink(place);
    }

    /// Multiplies every count by `factor`, which is not negative.
    pub(super) fn scale(&mut self, factor: f64) {
        self.nodes.iter_mut().for_each(|node| node.count *= factor);
    }

    fn rise(&mut self, mut place: usize) {
        let node = self.nodes[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.nodes[parent].count <= node.count {
                break;
            }
            self.put(place, self.nodes[parent]);
            place = parent;
        }
        self.put(place, node);
    }

    #[inline]
    fn sink(&mut self, mut place: usize) {
        let node = self.nodes[place];
        loop {
            let left = 2 * place + 1;
            let Some(mut least) = self.nodes.get(left).copied() else { break };
            let mut child = left;
            if let Some(right) = self.nodes.get(left + 1).filter(|right| right.count < least.count) {
                (least, child) = (*right, left + 1);
            }
            if node.count <= least.count {
                break;
            }
            self.put(place, least);
            place = child;
        }
        self.put(place, node);
    }

    #[inline]
    fn put(&mut self, place: usize, node: Node) {
        self.nodes[place] = node;
        self.places[node.slot as usize] = place as u32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_least_count_is_on_top(
            first in prop::collection::vec(0_u8..9, 1..60),
            more in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..9), 0..200),
        ) {
            let mut counts: Vec<f64> = Vec::new();
            let mut heap = Heap::default();
            for count in first {
                counts.push(f64::from(count));
                heap.push(f64::from(count));
            }
            for (slot, more) in more {
                let slot = slot.index(counts.len());
                counts[slot] += f64::from(more);
                heap.grow(slot, f64::from(more));
                let (slot, count) = heap.least().unwrap();
                prop_assert_eq!(count, counts.iter().copied().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(count, counts[slot]);
            }
            let mut all: Vec<_> = heap.iter().collect();
            all.sort_by_key(|(slot, _)| *slot);
            prop_assert_eq!(all, counts.into_iter().enumerate().collect::<Vec<_>>());
        }
    }
}
