//! All sessions of a key.
//!
//! Ordered trees rather than hash tables: a table that has to grow moves all it holds at once, which at a million sessions
//! stalls the server; a tree never does.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::LazyLock;
use std::thread::Builder;

use crossbeam_channel::{Sender, unbounded};

use crate::text::time::Timestamp;

use super::change::Change;
use super::id::SessionId;
use super::session::{Life, Session};

/// Sessions, found by id, by subject and by end.
#[derive(Default)]
pub struct Store {
    sessions: BTreeMap<SessionId, Box<Session>>,
    /// Each session under the hash of its subject.
    subjects: BTreeSet<(u64, SessionId)>,
    /// Each session under its end.
    ends: BTreeSet<(Timestamp, SessionId)>,
    /// How many bytes the sessions take.
    bytes: usize,
}

/// What an entry of a tree takes besides itself, as a multiple of itself: nodes are two thirds full.
const TREE_NUMERATOR: usize = 3;
const TREE_DENOMINATOR: usize = 2;

/// What the allocator keeps besides an allocation, about: a session is two of them.
const ALLOCATOR: usize = 16;

/// From so many sessions on freeing a store would be felt.
const MANY: usize = 1000;

/// Subjects are hashed with keys of this process: nobody can choose some that collide.
fn hash(subject: &str) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    STATE.hash_one(subject)
}

impl Store {
    /// How many sessions there are, those that have ended and were not swept yet included.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// A session.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(|session| &**session)
    }

    /// Every session, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, &**session))
    }

    /// The sessions of `subject`.
    pub fn of_subject(&self, subject: &str) -> impl Iterator<Item = (SessionId, &Session)> {
        let hash = hash(subject);
        let from = Bound::Included((hash, SessionId([0; 16])));
        let to = Bound::Included((hash, SessionId([255; 16])));
        let ids = self.subjects.range((from, to)).map(|(_, id)| *id);
        let sessions = ids.filter_map(|id| self.get(id).map(|session| (id, session)));
        let subject: Box<str> = subject.into();
        sessions.filter(move |(_, session)| session.subject == subject)
    }

    /// When the last of them ends.
    pub fn end(&self) -> Option<Timestamp> {
        self.ends.last().map(|(at, _)| *at)
    }

    /// The first few that have ended by `now`.
    pub fn ended(&self, now: Timestamp, most: usize) -> impl Iterator<Item = SessionId> {
        let ended = self.ends.iter().take_while(move |(at, _)| *at <= now);
        ended.map(|(_, id)| *id).take(most)
    }

    /// Makes a change. Made again it changes nothing.
    pub fn apply(&mut self, change: &Change) {
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

    /// That change was made here, in that life of this copy.
    pub fn mark(&mut self, change: &Change, life: u32) {
        let (Change::Issue(id, _) | Change::Rotate(id, _)) = change else { return };
        if let Some(session) = self.sessions.get_mut(id) {
            let is_new = matches!(change, Change::Issue(..));
            session.life = if is_new { Life::begun(life) } else { session.life.rotated_in(life) };
        }
    }

    /// Adds sessions that the primary or the AOF tells of; those that are there stay.
    pub fn extend(&mut self, sessions: Vec<(SessionId, Box<Session>)>) {
        for (id, session) in sessions {
            if !self.sessions.contains_key(&id) {
                self.insert(id, session);
            }
        }
    }

    /// Adds a session of which there is none by that id.
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

    /// How many bytes all of it takes, about.
    pub fn size(&self) -> usize {
        let entries = size_of::<(SessionId, Box<Session>)>() + 2 * size_of::<(u64, SessionId)>();
        let trees = self.len() * entries * TREE_NUMERATOR / TREE_DENOMINATOR;
        size_of::<Self>() + self.bytes + self.len() * ALLOCATOR + trees
    }

    /// Frees it; a big one on a thread of its own.
    pub fn dispose(self) {
        if self.len() < MANY {
            return;
        }
        static DISPOSED: LazyLock<Sender<Store>> = LazyLock::new(|| {
            let (sender, disposed) = unbounded::<Store>();
            // Without a thread nobody receives: they are freed where they are.
            let _ = Builder::new().name("lw-token-free".into()).spawn(move || disposed.iter().for_each(drop));
            sender
        });
        let _ = DISPOSED.send(self);
    }

    /// A copy: every session of it came from elsewhere.
    pub fn copied(&self) -> Self {
        let mut copy = Self::default();
        for (id, session) in self.iter() {
            let mut session = session.clone();
            session.life = Life::default();
            copy.insert(id, Box::new(session));
        }
        copy
    }
}
