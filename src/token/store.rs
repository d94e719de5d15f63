//! All sessions of a key.
//!
//! The indexes are ordered trees. A hash table moves all its entries when it grows, which would
//! stall the server at a million sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::LazyLock;

use crossbeam_channel::{Sender, unbounded};

use crate::server::thread::{guarded, spawn};
use crate::text::time::Timestamp;

use super::change::Change;
use super::id::SessionId;
use super::session::{Life, Session};

#[derive(Default)]
pub(crate) struct Store {
    sessions: BTreeMap<SessionId, Box<Session>>,
    /// Sessions by the hash of their subject.
    subjects: BTreeSet<(u64, SessionId)>,
    /// Sessions by their end.
    ends: BTreeSet<(Timestamp, SessionId)>,
    /// The size of all sessions in bytes.
    bytes: usize,
}

/// A tree's overhead per entry, as a fraction: nodes are two thirds full on average.
const TREE_NUMERATOR: usize = 3;
const TREE_DENOMINATOR: usize = 2;

/// The allocator's approximate overhead per allocation. A session takes two.
const ALLOCATOR: usize = 16;

/// Stores of at least this many sessions are freed on a thread.
const MANY: usize = 1000;

/// The hash is keyed per process, so that nobody can choose subjects that collide.
fn hash(subject: &str) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(subject)
}

impl Store {
    /// The number of sessions, including ended ones that were not removed yet.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(|session| &**session)
    }

    /// Every session, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, &**session))
    }

    pub(crate) fn of_subject(&self, subject: &str) -> impl Iterator<Item = (SessionId, &Session)> {
        let hash = hash(subject);
        let from = Bound::Included((hash, SessionId([0; 16])));
        let to = Bound::Included((hash, SessionId([255; 16])));
        let ids = self.subjects.range((from, to)).map(|(_, id)| *id);
        let sessions = ids.filter_map(|id| self.get(id).map(|session| (id, session)));
        let subject: Box<str> = subject.into();
        sessions.filter(move |(_, session)| session.subject == subject)
    }

    /// When the last session ends.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        self.ends.last().map(|(at, _)| *at)
    }

    /// Up to `most` sessions that have ended by `now`.
    pub(crate) fn ended(&self, now: Timestamp, most: usize) -> impl Iterator<Item = SessionId> {
        let ended = self.ends.iter().take_while(move |(at, _)| *at <= now);
        ended.map(|(_, id)| *id).take(most)
    }

    /// Applies a change. Applying it again changes nothing.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Issue(id, session) => {
                if !self.sessions.contains_key(id) {
                    self.insert(*id, session.clone());
                }
            }
            Change::Rotate(id, rotation) => {
                self.update(*id, |session| {
                    if rotation.generation > session.generation {
                        session.rotate(rotation);
                    }
                });
            }
            Change::Deny(id, generation, now, until) => {
                self.update(*id, |session| {
                    session.forget_denied(*now);
                    session.deny(*generation, *until);
                });
            }
            Change::End(id) => self.remove(*id),
            Change::Clear => std::mem::take(self).dispose(),
        }
    }

    /// Records that this copy made `change` in this life.
    pub(crate) fn mark(&mut self, change: &Change, life: u32) {
        let (Change::Issue(id, _) | Change::Rotate(id, _)) = change else { return };
        if let Some(session) = self.sessions.get_mut(id) {
            let is_new = matches!(change, Change::Issue(..));
            session.life = if is_new { Life::begun(life) } else { session.life.rotated_in(life) };
        }
    }

    /// Adds sessions from the primary or the AOF. Existing sessions stay.
    pub(crate) fn extend(&mut self, sessions: Vec<(SessionId, Box<Session>)>) {
        for (id, session) in sessions {
            if !self.sessions.contains_key(&id) {
                self.insert(id, session);
            }
        }
    }

    /// Adds a session whose id is not in the store yet.
    pub(super) fn insert(&mut self, id: SessionId, session: Box<Session>) {
        self.bytes += session.size();
        self.subjects.insert((hash(&session.subject), id));
        self.ends.insert((session.expires, id));
        self.sessions.insert(id, session);
    }

    fn update(&mut self, id: SessionId, act: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (size, end) = (session.size(), session.expires);
        act(session);
        self.bytes = self.bytes + session.size() - size;
        if session.expires != end {
            self.ends.remove(&(end, id));
            self.ends.insert((session.expires, id));
        }
    }

    fn remove(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.bytes -= session.size();
        self.subjects.remove(&(hash(&session.subject), id));
        self.ends.remove(&(session.expires, id));
    }

    /// The approximate size in bytes.
    pub(crate) fn size(&self) -> usize {
        let entries = size_of::<(SessionId, Box<Session>)>() + 2 * size_of::<(u64, SessionId)>();
        let trees = self.len() * entries * TREE_NUMERATOR / TREE_DENOMINATOR;
        size_of::<Self>() + self.bytes + self.len() * ALLOCATOR + trees
    }

    /// Frees the store, on a thread if it is large.
    pub(crate) fn dispose(self) {
        if self.len() < MANY {
            return;
        }
        static DISPOSED: LazyLock<Sender<Store>> = LazyLock::new(|| {
            let (sender, disposed) = unbounded::<Store>();
            // Without the thread the channel is closed, and stores are freed by the sender.
            let free_all = move || {
                for store in &disposed {
                    let _ = guarded(|| drop(store));
                }
            };
            let _ = spawn("lw-token-free", None, free_all);
            sender
        });
        let _ = DISPOSED.send(self);
    }

    /// A copy in which every session counts as coming from elsewhere.
    pub(crate) fn copied(&self) -> Self {
        let mut copy = Self::default();
        for (id, session) in self.iter() {
            let mut session = session.clone();
            session.life = Life::default();
            copy.insert(id, Box::new(session));
        }
        copy
    }
}
