//! Alerts that were raised before and are not to be raised again for a while. Only a hash of their text is kept.

use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::text::time::{Span, Timestamp};

/// A hash of an alert's type and its DEDUP text.
pub type Digest = [u8; 16];

/// The digest of a text. The type is part of it: texts of different types do not meet.
pub fn digest_of(kind: &str, text: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(kind.as_bytes());
    context.update(b"\0");
    context.update(text);
    let hash = context.finish();
    *hash.as_ref().first_chunk().unwrap_or(&[0; 16])
}

/// The most that are remembered; beyond it those that end first are forgotten.
pub const MOST: usize = 65_536;

/// From when until when alerts with a digest are suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// When the alert was raised.
    pub since: Timestamp,
    /// The end of its cooldown.
    pub until: Timestamp,
}

/// What is remembered. Equal histories leave equal memories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Digest, Quiet)>", into = "Vec<(Digest, Quiet)>")]
pub struct Memory {
    quiet: HashMap<Digest, Quiet>,
    ends: BTreeSet<(Timestamp, Digest)>,
}

/// Whether an alert is to be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is; from then on it is quiet.
    Raise(Quiet),
    /// It was raised before.
    Suppress,
    /// It was raised before, at a time that the clock has not reached again: its cooldown begins anew.
    Restart(Quiet),
}

impl Memory {
    /// Decides on an alert that was called at `now` with a cooldown.
    pub fn decide(&self, digest: &Digest, now: Timestamp, cooldown: Span) -> Decision {
        match self.quiet.get(digest) {
            Some(quiet) if now < quiet.since => {
                Decision::Restart(Quiet { since: now, until: now + (quiet.until - quiet.since) })
            }
            Some(quiet) if now < quiet.until => Decision::Suppress,
            _ => Decision::Raise(Quiet { since: now, until: now + cooldown }),
        }
    }

    /// Remembers; forgets what has ended, and what there is no room for.
    pub fn remember(&mut self, digest: Digest, quiet: Quiet) {
        if let Some(old) = self.quiet.insert(digest, quiet) {
            self.ends.remove(&(old.until, digest));
        }
        self.ends.insert((quiet.until, digest));
        while let Some(&(until, first)) = self.ends.first() {
            if until > quiet.since && self.ends.len() <= MOST {
                break;
            }
            self.ends.pop_first();
            self.quiet.remove(&first);
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.quiet.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.quiet.is_empty()
    }
}

impl From<Vec<(Digest, Quiet)>> for Memory {
    fn from(list: Vec<(Digest, Quiet)>) -> Self {
        let mut memory = Self::default();
        // In the order of their ends, and not by `remember`: that would forget by the clock of each.
        for (digest, quiet) in list.into_iter().rev().take(MOST) {
            memory.quiet.insert(digest, quiet);
        }
        memory.ends = memory.quiet.iter().map(|(digest, quiet)| (quiet.until, *digest)).collect();
        memory
    }
}

impl From<Memory> for Vec<(Digest, Quiet)> {
    fn from(memory: Memory) -> Self {
        let quiet = |digest: &Digest| memory.quiet.get(digest).copied();
        memory.ends.iter().filter_map(|(_, digest)| Some((*digest, quiet(digest)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Span = Span(1000);

    fn raised(memory: &mut Memory, digest: u8, now: u64) -> bool {
        match memory.decide(&[digest; 16], Timestamp(now), COOLDOWN) {
            Decision::Raise(quiet) => {
                memory.remember([digest; 16], quiet);
                true
            }
            Decision::Restart(quiet) => {
                memory.remember([digest; 16], quiet);
                false
            }
            Decision::Suppress => false,
        }
    }

    #[test]
    fn a_text_is_quiet_for_its_cooldown_and_no_longer() {
        let mut memory = Memory::default();
        assert!(raised(&mut memory, 1, 5000));
        assert!(!raised(&mut memory, 1, 5999));
        assert!(raised(&mut memory, 2, 5999));
        assert!(raised(&mut memory, 1, 6000));
    }

    #[test]
    fn a_clock_that_steps_back_costs_one_more_cooldown_at_most() {
        let mut memory = Memory::default();
        assert!(raised(&mut memory, 1, 100_000));
        assert!(!raised(&mut memory, 1, 5000));
        assert!(!raised(&mut memory, 1, 5999));
        assert!(raised(&mut memory, 1, 6000));
    }

    #[test]
    fn the_memory_is_bounded_and_survives_being_saved() {
        let mut memory = Memory::default();
        for i in 0..MOST as u64 + 10 {
            let mut digest = [0; 16];
            digest[..8].copy_from_slice(&i.to_le_bytes());
            memory.remember(digest, Quiet { since: Timestamp(1), until: Timestamp(100 + i) });
        }
        assert_eq!(memory.len(), MOST);
        let list: Vec<_> = memory.clone().into();
        assert_eq!(Memory::from(list), memory);
        memory.remember([7; 16], Quiet { since: Timestamp(1 << 40), until: Timestamp(1 << 41) });
        assert_eq!(memory.len(), 1);
    }
}
