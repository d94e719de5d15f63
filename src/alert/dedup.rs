//! The dedup table: alerts that must not be raised again for a while. It keeps only a hash of each
//! text.

use std::collections::{BTreeSet, HashMap};

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

/// The maximum number of digests; beyond it those that end first are forgotten.
pub(crate) const MAX_DIGESTS: usize = 65_536;

/// When alerts with a digest are suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suppression {
    /// When the alert was raised.
    pub since: Timestamp,
    /// The end of its cooldown.
    pub until: Timestamp,
}

/// Equal histories leave equal tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Digest, Suppression)>", into = "Vec<(Digest, Suppression)>")]
pub(crate) struct DedupTable {
    suppressed: HashMap<Digest, Suppression>,
    ends: BTreeSet<(Timestamp, Digest)>,
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
    pub(crate) fn decide(&self, digest: &Digest, now: Timestamp, cooldown: Span) -> Decision {
        match self.suppressed.get(digest) {
            Some(known) if now < known.since => {
                Decision::Restart(Suppression { since: now, until: now + (known.until - known.since) })
            }
            Some(known) if now < known.until => Decision::Suppress,
            _ => Decision::Raise(Suppression { since: now, until: now + cooldown }),
        }
    }

    /// Also forgets suppressions that have ended, and those beyond the bound.
    pub(crate) fn insert(&mut self, digest: Digest, suppression: Suppression) {
        if let Some(old) = self.suppressed.insert(digest, suppression) {
            self.ends.remove(&(old.until, digest));
        }
        self.ends.insert((suppression.until, digest));
        while let Some(&(until, first)) = self.ends.first() {
            if until > suppression.since && self.ends.len() <= MAX_DIGESTS {
                break;
            }
            self.ends.pop_first();
            self.suppressed.remove(&first);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.suppressed.is_empty()
    }
}

impl From<Vec<(Digest, Suppression)>> for DedupTable {
    fn from(list: Vec<(Digest, Suppression)>) -> Self {
        let mut table = Self::default();
        // Not by `insert`, which would forget by the clock of each.
        for (digest, suppression) in list.into_iter().rev().take(MAX_DIGESTS) {
            table.suppressed.insert(digest, suppression);
        }
        table.ends =
            table.suppressed.iter().map(|(digest, suppression)| (suppression.until, *digest)).collect();
        table
    }
}

impl From<DedupTable> for Vec<(Digest, Suppression)> {
    fn from(table: DedupTable) -> Self {
        let suppression = |digest: &Digest| table.suppressed.get(digest).copied();
        table.ends.iter().filter_map(|(_, digest)| Some((*digest, suppression(digest)?))).collect()
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

    #[test]
    fn the_table_is_bounded_and_survives_being_saved() {
        let mut table = DedupTable::default();
        for i in 0..MAX_DIGESTS as u64 + 10 {
            let mut digest = [0; 16];
            digest[..8].copy_from_slice(&i.to_le_bytes());
            table.insert(digest, Suppression { since: Timestamp(1), until: Timestamp(100 + i) });
        }
        assert_eq!(table.suppressed.len(), MAX_DIGESTS);
        let list: Vec<_> = table.clone().into();
        assert_eq!(DedupTable::from(list), table);
        table.insert([7; 16], Suppression { since: Timestamp(1 << 40), until: Timestamp(1 << 41) });
        assert_eq!(table.suppressed.len(), 1);
    }
}
