//! All sessions of a key.
//!
//! The indexes are ordered. A hash table moves all its entries when it grows, which would stall the
//! server at a million sessions. Copies of a key share their entries for the same reason.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::server::thread::drop_elsewhere;
use crate::text::time::Timestamp;

use super::change::Change;
use super::id::SessionId;
use super::session::{Life, Session};
use crate::sorted::Sorted;

#[derive(Default)]
pub(crate) struct Store {
    sessions: Sorted<SessionId, Box<Session>>,
    /// Sessions by the hash of their subject.
    subjects: Sorted<(u64, SessionId)>,
    /// Sessions by their end.
    ends: Sorted<(Timestamp, SessionId)>,
    /// The size of all sessions in bytes.
    bytes: usize,
    /// The life of the data in which this store last marked a session, and its own number for that.
    marks: (u32, u32),
}

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
        self.sessions.iter().map(|(id, session)| (id, &**session))
    }

    pub(crate) fn of_subject(&self, subject: &str) -> impl Iterator<Item = (SessionId, &Session)> {
        let hash = hash(subject);
        let entries = self.subjects.from((hash, SessionId::LOWEST)).map(|(entry, ())| entry);
        let ids = entries.take_while(move |(of, _)| *of == hash).map(|(_, id)| id);
        let sessions = ids.filter_map(|id| self.get(id).map(|session| (id, session)));
        let subject: Box<str> = subject.into();
        sessions.filter(move |(_, session)| session.subject == subject)
    }

    /// When the last session ends.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        self.ends.last().map(|(at, _)| at)
    }

    /// Up to `most` sessions that have ended by `now`.
    pub(crate) fn ended(&self, now: Timestamp, most: usize) -> impl Iterator<Item = SessionId> {
        let ended = self.ends.iter().map(|(entry, ())| entry).take_while(move |(at, _)| *at <= now);
        ended.map(|(_, id)| id).take(most)
    }

    /// How many sessions have ended by `now`.
    pub(crate) fn count_ended(&self, now: Timestamp) -> usize {
        self.ends.count_before(&(Timestamp(now.0.saturating_add(1)), SessionId::LOWEST))
    }

    /// Applies a change. Applying it again changes nothing.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Issue(id, session) => {
                if !self.sessions.contains(id) {
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
            Change::Claims(sessions, claims) => {
                for (id, generation) in sessions {
                    self.update(*id, |session| {
                        if *generation >= session.generation {
                            session.set_next_claims(claims);
                        }
                    });
                }
            }
            Change::End(id) => self.remove(*id),
            Change::Clear => std::mem::take(self).dispose(),
        }
    }

    /// Records that this store made `change` in this life.
    pub(crate) fn mark(&mut self, change: &Change, life: u32) {
        let (Change::Issue(id, _) | Change::Rotate(id, _)) = change else { return };
        if self.marks.0 != life {
            self.marks = (life, fresh_number());
        }
        let own = self.marks.1;
        if let Some(session) = self.sessions.get_mut(id) {
            let is_new = matches!(change, Change::Issue(..));
            session.life = if is_new { Life::begun(own) } else { session.life.rotated_in(own) };
        }
    }

    /// The number with which this store marks sessions in this life. A copy of the store shares its
    /// sessions, but has numbers of its own, so that every session counts as coming from elsewhere.
    pub(crate) fn own_life(&self, life: u32) -> u32 {
        if self.marks.0 == life { self.marks.1 } else { NO_LIFE }
    }

    /// Adds sessions from the primary or the AOF. Existing sessions stay.
    pub(crate) fn extend(&mut self, sessions: Vec<(SessionId, Box<Session>)>) {
        for (id, session) in sessions {
            if !self.sessions.contains(&id) {
                self.insert(id, session);
            }
        }
    }

    /// Adds a session whose id is not in the store yet.
    pub(super) fn insert(&mut self, id: SessionId, session: Box<Session>) {
        self.bytes += session.size();
        self.subjects.insert((hash(&session.subject), id), ());
        self.ends.insert((session.expires, id), ());
        self.sessions.insert(id, session);
    }

    fn update(&mut self, id: SessionId, act: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (size, end) = (session.size(), session.expires);
        act(session);
        self.bytes = self.bytes + session.size() - size;
        if session.expires != end {
            self.ends.remove(&(end, id));
            self.ends.insert((session.expires, id), ());
        }
    }

    fn remove(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.bytes -= session.size();
        self.subjects.remove(&(hash(&session.subject), id));
        self.ends.remove(&(session.expires, id));
    }

    /// The approximate size in bytes, as if nothing were shared with a copy.
    pub(crate) fn size(&self) -> usize {
        let indexes = self.sessions.size() + self.subjects.size() + self.ends.size();
        size_of::<Self>() + self.bytes + self.len() * ALLOCATOR + indexes
    }

    /// Frees the store, on a thread if it is large.
    pub(crate) fn dispose(self) {
        if self.len() >= MANY {
            drop_elsewhere(self);
        }
    }

    /// A copy in which every session counts as coming from elsewhere.
    pub(crate) fn copied(&self) -> Self {
        Self {
            sessions: self.sessions.clone(),
            subjects: self.subjects.clone(),
            ends: self.ends.clone(),
            bytes: self.bytes,
            marks: Default::default(),
        }
    }
}

/// The number that no session is marked with.
pub(crate) const NO_LIFE: u32 = Life::MOST;

/// A number that no store of this process has yet.
fn fresh_number() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let next = |last: u32| Some(if last + 1 < NO_LIFE { last + 1 } else { 1 });
    match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
        Ok(last) | Err(last) => next(last).unwrap_or(last),
    }
}
