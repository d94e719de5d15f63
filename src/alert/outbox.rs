//! What is to be delivered, what could not be, and what must not be raised again: the state that is saved and
//! replicated. It changes by [`Change`]s alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::id::Id;
use crate::journal::queue::Queue;
use crate::text::time::Timestamp;

use super::Alert;
use super::change::Change;
use super::dedup::Memory;
use super::endpoint::EndpointId;
use super::rollup::Rollup;

/// The most alerts that are kept as dead letters; beyond it the oldest go.
pub const MOST_DEAD: usize = 1000;
/// The most bytes of alerts that are kept as dead letters.
const MOST_DEAD_BYTES: usize = 8 << 20;

/// The state.
#[derive(Default, Serialize, Deserialize)]
pub struct Outbox {
    waiting: Queue<Alert>,
    /// What has been tried of the waiting alerts. One that is not here has not been tried anywhere.
    tried: BTreeMap<u64, Tried>,
    dead: BTreeMap<u64, Dead>,
    disabled: BTreeSet<EndpointId>,
    memory: Memory,
    rollup: Rollup,
}

/// What has been tried of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    /// The endpoints it is for; all if there is none.
    only: Vec<EndpointId>,
    /// Those that are done with it.
    settled: Vec<EndpointId>,
    /// Those where it failed so far.
    failing: Vec<(EndpointId, Owed)>,
}

/// What an endpoint is still owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// How many tries have failed.
    pub failures: u8,
    /// When the next one is due.
    pub next_at: Timestamp,
}

/// An alert that could not be delivered somewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dead {
    /// Its id.
    pub id: Id,
    /// The alert.
    pub alert: Arc<Alert>,
    /// Where it could not be delivered.
    pub letters: Vec<Letter>,
}

/// That an endpoint's tries of an alert are used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its scheme and host.
    pub label: String,
    /// How many tries it had.
    pub tries: u8,
    /// When the last one failed.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

impl Outbox {
    /// The alerts that wait, oldest first.
    pub fn waiting(&self) -> &Queue<Alert> {
        &self.waiting
    }

    /// The dead letters, oldest first.
    pub fn dead(&self) -> impl DoubleEndedIterator<Item = &Dead> + ExactSizeIterator {
        self.dead.values()
    }

    /// The dead letters of an alert.
    pub fn dead_of(&self, seq: u64) -> Option<&Dead> {
        self.dead.get(&seq)
    }

    /// What must not be raised again.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The alerts that are rolled up.
    pub fn rollup(&self) -> &Rollup {
        &self.rollup
    }

    /// The endpoints that want nothing any more.
    pub fn disabled(&self) -> &BTreeSet<EndpointId> {
        &self.disabled
    }

    /// What `endpoint` is owed of the waiting alert `seq`, if anything.
    pub fn owed(&self, seq: u64, endpoint: EndpointId) -> Option<Owed> {
        let Some(tried) = self.tried.get(&seq) else { return Some(Owed::default()) };
        let meant = tried.only.is_empty() || tried.only.contains(&endpoint);
        if !meant || tried.settled.contains(&endpoint) {
            return None;
        }
        let failing = tried.failing.iter().find(|(failing, _)| *failing == endpoint);
        Some(failing.map_or(Owed::default(), |(_, owed)| *owed))
    }

    /// Whether some endpoint is done with the waiting alert `seq`.
    pub fn is_settled_somewhere(&self, seq: u64) -> bool {
        self.tried.get(&seq).is_some_and(|tried| !tried.settled.is_empty())
    }

    /// Whether there is nothing worth saving.
    pub fn is_empty(&self) -> bool {
        self.waiting.last_seq() == 0 && self.memory.is_empty() && self.disabled.is_empty()
    }

    /// From now on ids are made in the epoch `epoch`.
    pub fn begin_epoch(&mut self, epoch: u64) {
        self.waiting.begin_epoch(epoch);
    }

    /// Takes a change. Returns how many dead letters had to go for want of room.
    pub fn apply(&mut self, change: Change) -> usize {
        match change {
            Change::Append(id, alert) => {
                // The id of a summary was given when its first alert was raised: later ones may stand before it.
                self.waiting.insert(id, Arc::new(alert));
            }
            Change::Remove(seq) => self.remove(seq),
            Change::Failed { seq, endpoint, failures, next_at } => {
                self.failed(seq, endpoint, Owed { failures, next_at });
            }
            Change::Settled(seq, endpoint) => self.settle(seq, endpoint),
            Change::Bury(seq, letter) => return self.bury(seq, letter),
            Change::Replay(seq, only) => self.replay(seq, only),
            Change::Discard(seq) => drop(self.dead.remove(&seq)),
            Change::Disable(endpoint) => drop(self.disabled.insert(endpoint)),
            Change::Enable(endpoint) => drop(self.disabled.remove(&endpoint)),
            Change::Quiet(digest, quiet) => self.memory.remember(digest, quiet),
            Change::Single(kind, began) => self.rollup.single(&kind, began),
            Change::Rolled(kind, id, at, example) => {
                self.waiting.reserve(id.seq);
                self.rollup.rolled(&kind, id, at, example);
            }
            Change::EndPeriod(kind) => self.rollup.end(&kind),
        }
        0
    }

    fn remove(&mut self, seq: u64) {
        self.waiting.remove(seq);
        self.tried.remove(&seq);
    }

    fn failed(&mut self, seq: u64, endpoint: EndpointId, owed: Owed) {
        if self.waiting.get(seq).is_none() {
            return;
        }
        let failing = &mut self.tried.entry(seq).or_default().failing;
        match failing.iter_mut().find(|(failing, _)| *failing == endpoint) {
            Some((_, known)) => *known = owed,
            None => failing.push((endpoint, owed)),
        }
    }

    fn settle(&mut self, seq: u64, endpoint: EndpointId) {
        if self.waiting.get(seq).is_none() {
            return;
        }
        let tried = self.tried.entry(seq).or_default();
        tried.failing.retain(|(failing, _)| *failing != endpoint);
        if !tried.settled.contains(&endpoint) {
            tried.settled.push(endpoint);
        }
    }

    fn bury(&mut self, seq: u64, letter: Letter) -> usize {
        let Some((id, alert)) = self.waiting.get(seq).map(|(id, alert)| (id, Arc::clone(alert))) else {
            return 0;
        };
        self.settle(seq, letter.endpoint);
        let dead = self.dead.entry(seq).or_insert_with(|| Dead { id, alert, letters: Vec::new() });
        dead.letters.retain(|known| known.endpoint != letter.endpoint);
        dead.letters.push(letter);
        let mut lost = 0;
        while self.dead.len() > MOST_DEAD || self.dead_bytes() > MOST_DEAD_BYTES {
            let Some((_, oldest)) = self.dead.pop_first() else { break };
            lost += oldest.letters.len();
        }
        lost
    }

    fn dead_bytes(&self) -> usize {
        self.dead.values().map(|dead| dead.alert.body.len()).sum()
    }

    /// Puts the dead letters of an alert back: for `only` those endpoints, or all.
    fn replay(&mut self, seq: u64, only: Vec<EndpointId>) {
        let Some(dead) = self.dead.remove(&seq) else { return };
        let is_new = self.waiting.insert(dead.id, dead.alert);
        let tried = self.tried.entry(seq).or_default();
        if is_new {
            tried.only = only;
        } else {
            // Others wait for it still.
            let back = |endpoint: &EndpointId| {
                only.contains(endpoint) || dead.letters.iter().any(|letter| letter.endpoint == *endpoint)
            };
            tried.settled.retain(|endpoint| !back(endpoint));
            if !tried.only.is_empty() {
                tried.only.extend(only);
            }
        }
    }
}
