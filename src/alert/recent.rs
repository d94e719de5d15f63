//! The newest alerts, kept to be shown when they have left the outbox already.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::journal::id::Id;
use crate::journal::queue::Event;

use super::Alert;

/// The maximum number of alerts.
const MOST: usize = 100;
/// The maximum number of bytes that they take. The newest one is kept in any case.
const MOST_BYTES: usize = 256 << 10;

#[derive(Default)]
pub(crate) struct Recent {
    alerts: BTreeMap<u64, (Id, Arc<Alert>)>,
    bytes: usize,
}

impl Recent {
    /// Adds an alert. The oldest ones give way. A replayed dead letter is here already or is older
    /// than all others.
    pub(super) fn add(&mut self, id: Id, alert: &Arc<Alert>) {
        self.bytes += alert.size();
        if let Some((_, before)) = self.alerts.insert(id.seq, (id, Arc::clone(alert))) {
            self.bytes -= before.size();
        }
        while self.alerts.len() > MOST || (self.bytes > MOST_BYTES && self.alerts.len() > 1) {
            let Some((_, (_, oldest))) = self.alerts.pop_first() else { return };
            self.bytes -= oldest.size();
        }
    }

    /// Those with a lower number than `seq`, newest first.
    pub(crate) fn before(&self, seq: u64) -> impl Iterator<Item = (Id, &Alert)> {
        self.alerts.range(..seq).rev().map(|(_, (id, alert))| (*id, &**alert))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::time::Timestamp;

    fn add(recent: &mut Recent, seq: u64, bytes: usize) {
        let id = Id { at: Timestamp(seq), epoch: 1, seq };
        recent.add(id, &Arc::new(Alert { kind: String::new(), body: "x".repeat(bytes) }));
    }

    fn numbers(recent: &Recent) -> Vec<u64> {
        recent.before(u64::MAX).map(|(id, _)| id.seq).collect()
    }

    #[test]
    fn the_newest_are_kept() {
        let mut recent = Recent::default();
        (1..=250).for_each(|seq| add(&mut recent, seq, 10));
        assert_eq!(numbers(&recent), (151..=250).rev().collect::<Vec<_>>());
        add(&mut recent, 7, 10);
        assert_eq!(numbers(&recent).last(), Some(&151), "one that is older than all others");
        add(&mut recent, 200, 10);
        assert_eq!((numbers(&recent).len(), recent.bytes), (100, 1000), "a repetition");
    }

    #[test]
    fn large_ones_push_more_out_but_the_newest_stays() {
        let mut recent = Recent::default();
        (1..=10).for_each(|seq| add(&mut recent, seq, MOST_BYTES / 4));
        assert_eq!(numbers(&recent), [10, 9, 8, 7]);
        add(&mut recent, 11, MOST_BYTES + 1);
        assert_eq!(numbers(&recent), [11]);
        add(&mut recent, 12, 1);
        assert_eq!(numbers(&recent), [12]);
    }
}
