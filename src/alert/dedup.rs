//! The dedup table: alerts that must not be raised again for a while. It keeps only a hash of each
//! text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

/// A hash of an alert's type and its DEDUP text.
pub(crate) type Digest = [u8; 16];

pub(crate) fn digest_of(kind: &str, text: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(kind.as_bytes());
    context.update(b"\0");
    context.update(text);
    let hash = context.finish();
    *hash.as_ref().first_chunk().unwrap_or(&[0; 16])
}

/// The maximum number of digests. Beyond it the one that was raised first is forgotten, so that
/// long cooldowns cannot take the table away from later alerts.
pub(crate) const MAX_DIGESTS: usize = 65_536;

/// The longest cooldown.
pub(crate) const MAX_COOLDOWN: Span = Span(30 * 86_400_000);

/// When an alert with a digest was raised last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suppression {
    /// When the alert was raised.
    pub since: Timestamp,
    /// The end of the longest cooldown that was asked for, after which the digest is forgotten.
    pub until: Timestamp,
}

impl Suppression {
    /// Bounded as every suppression that this server makes. A file or an effect may hold others.
    fn bounded(self) -> Self {
        Self { until: self.until.min(self.since + MAX_COOLDOWN), ..self }
    }
}

/// Equal histories leave equal tables. Serialized, it is a list in the order of raising.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Digest, Suppression)>", into = "Vec<(Digest, Suppression)>")]
pub(crate) struct DedupTable {
    suppressed: HashMap<Digest, Raised>,
    /// In the order of raising. The clock may step back, so this is not the order of the times.
    raised: BTreeMap<u64, Digest>,
    ends: BTreeSet<(Timestamp, Digest)>,
    next_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Raised {
    suppression: Suppression,
    /// Its key in [`DedupTable::raised`].
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The alert may be raised, which suppresses others like it.
    Raise(Suppression),
    Suppress,
    /// An alert like it was raised at a time that the clock, which has stepped back, has not
    /// reached again. This one is suppressed, and the cooldown begins anew.
    Restart(Suppression),
}

impl DedupTable {
    /// An alert is suppressed if one like it was raised within this call's own `cooldown`: the
    /// longer cooldown of another caller does not matter.
    pub(crate) fn decide(&self, digest: &Digest, now: Timestamp, cooldown: Span) -> Decision {
        let until = now + cooldown;
        match self.suppressed.get(digest).map(|raised| raised.suppression) {
            Some(known) if now < known.since => {
                Decision::Restart(Suppression { since: now, until: now + (known.until - known.since) })
            }
            Some(known) if now < known.until.min(known.since + cooldown) => Decision::Suppress,
            // A caller with a longer cooldown is still to find this alert after the shorter one.
            Some(known) => Decision::Raise(Suppression { since: now, until: until.max(known.until) }),
            None => Decision::Raise(Suppression { since: now, until }),
        }
    }

    /// Also forgets digests whose cooldown has ended, and those beyond the bound.
    pub(crate) fn insert(&mut self, digest: Digest, suppression: Suppression) {
        let suppression = suppression.bounded();
        self.put(digest, suppression);
        while let Some(&(until, first)) = self.ends.first() {
            if until > suppression.since {
                break;
            }
            self.remove(&first);
        }
        while self.suppressed.len() > MAX_DIGESTS {
            let Some((_, &first)) = self.raised.first_key_value() else { break };
            self.remove(&first);
        }
    }

    fn put(&mut self, digest: Digest, suppression: Suppression) {
        self.remove(&digest);
        let number = self.next_number;
        self.next_number += 1;
        self.suppressed.insert(digest, Raised { suppression, number });
        self.raised.insert(number, digest);
        self.ends.insert((suppression.until, digest));
    }

    fn remove(&mut self, digest: &Digest) {
        if let Some(Raised { suppression, number }) = self.suppressed.remove(digest) {
            self.raised.remove(&number);
            self.ends.remove(&(suppression.until, *digest));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.suppressed.is_empty()
    }
}

impl From<Vec<(Digest, Suppression)>> for DedupTable {
    fn from(list: Vec<(Digest, Suppression)>) -> Self {
        let mut table = Self::default();
        let surplus = list.len().saturating_sub(MAX_DIGESTS);
        // Not by `insert`, which would forget by the clock of each.
        for (digest, suppression) in list.into_iter().skip(surplus) {
            table.put(digest, suppression.bounded());
        }
        table
    }
}

impl From<DedupTable> for Vec<(Digest, Suppression)> {
    fn from(table: DedupTable) -> Self {
        let known = |digest: &Digest| Some((*digest, table.suppressed.get(digest)?.suppression));
        table.raised.values().filter_map(known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Span = Span(1000);

    fn raised(table: &mut DedupTable, digest: u8, now: u64) -> bool {
        match table.decide(&[digest; 16], Timestamp(now), COOLDOWN) {
            Decision::Raise(suppression) => {
                table.insert([digest; 16], suppression);
                true
            }
            Decision::Restart(suppression) => {
                table.insert([digest; 16], suppression);
                false
            }
            Decision::Suppress => false,
        }
    }

    #[test]
    fn a_text_is_suppressed_for_its_cooldown_and_no_longer() {
        let mut table = DedupTable::default();
        assert!(raised(&mut table, 1, 5000));
        assert!(!raised(&mut table, 1, 5999));
        assert!(raised(&mut table, 2, 5999));
        assert!(raised(&mut table, 1, 6000));
    }

    #[test]
    fn a_clock_that_steps_back_costs_at_most_one_more_cooldown() {
        let mut table = DedupTable::default();
        assert!(raised(&mut table, 1, 100_000));
        assert!(!raised(&mut table, 1, 5000));
        assert!(!raised(&mut table, 1, 5999));
        assert!(raised(&mut table, 1, 6000));
    }

    fn numbered(i: u64) -> Digest {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&i.to_le_bytes());
        digest
    }

    fn listed(table: &DedupTable) -> Vec<(Digest, Suppression)> {
        table.clone().into()
    }

    #[test]
    fn a_full_table_of_long_cooldowns_still_takes_a_short_one_and_forgets_the_oldest() {
        let mut table = DedupTable::default();
        for i in 0..MAX_DIGESTS as u64 {
            table.insert(numbered(i), Suppression { since: Timestamp(1), until: Timestamp(1_000_000 + i) });
        }
        assert!(raised(&mut table, 255, 2));
        assert!(!raised(&mut table, 255, 3));
        assert_eq!(table.suppressed.len(), MAX_DIGESTS);
        assert!(!table.suppressed.contains_key(&numbered(0)) && table.suppressed.contains_key(&numbered(1)));
        // After the clock has stepped back, too, the newest is kept.
        table.insert(numbered(0), Suppression { since: Timestamp(0), until: Timestamp(10) });
        assert!(table.suppressed.contains_key(&numbered(0)));
    }

    #[test]
    fn a_longer_cooldown_of_another_call_neither_silences_nor_is_cut_short() {
        let mut table = DedupTable::default();
        table.insert([1; 16], Suppression { since: Timestamp(0), until: Timestamp(0) + MAX_COOLDOWN });
        assert!(!raised(&mut table, 1, 999));
        assert!(raised(&mut table, 1, 1000));
        let decision = table.decide(&[1; 16], Timestamp(5000), MAX_COOLDOWN);
        assert_eq!(decision, Decision::Suppress, "it was raised again at 1000");
    }

    #[test]
    fn the_table_is_bounded_and_survives_being_saved() {
        let mut table = DedupTable::default();
        for i in 0..MAX_DIGESTS as u64 + 10 {
            table.insert(numbered(i), Suppression { since: Timestamp(1), until: Timestamp(100 + i) });
        }
        assert_eq!(table.suppressed.len(), MAX_DIGESTS);
        let mut list = listed(&table);
        let mut loaded = DedupTable::from(list.clone());
        assert_eq!(listed(&loaded), list);
        // Both forget the same one next.
        for table in [&mut table, &mut loaded] {
            assert!(raised(table, 255, 2));
        }
        assert_eq!(listed(&loaded), listed(&table));
        list.extend([(numbered(1 << 40), list[0].1), list[0]]);
        assert_eq!(DedupTable::from(list).suppressed.len(), MAX_DIGESTS);
        table.insert([7; 16], Suppression { since: Timestamp(1 << 40), until: Timestamp(1 << 41) });
        assert_eq!(table.suppressed.len(), 1);
        let forever = Suppression { since: Timestamp(0), until: Timestamp(u64::MAX) };
        let loaded = DedupTable::from(vec![([7; 16], forever)]);
        assert_eq!(listed(&loaded)[0].1.until, Timestamp(0) + MAX_COOLDOWN);
    }
}
