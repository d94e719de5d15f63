//! Sessions of those who signed in. They live in memory only: none outlives the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::secret::{self, Mark};
use crate::web::app::Flash;

/// The longest life of a session.
pub const LIFE: Duration = Duration::from_secs(12 * 3600);
/// A session that is not used for this long ends.
const IDLE: Duration = Duration::from_secs(3600);
/// The most sessions, and those of one name. One more ends the one that was used longest ago.
const MOST: usize = 100;
const MOST_OF_NAME: usize = 10;

pub struct Session {
    pub name: String,
    pub csrf: String,
    /// The account as it was at the login; `None` for who came by a link.
    pub account: Option<Mark>,
    born: Instant,
    used: Mutex<Instant>,
    flash: Mutex<Option<Flash>>,
    ended: Mutex<bool>,
}

impl Session {
    pub fn is_over(&self) -> bool {
        self.is_over_at(Instant::now())
    }

    fn is_over_at(&self, now: Instant) -> bool {
        let since = |then: Instant| now.saturating_duration_since(then);
        *lock(&self.ended) || since(self.born) >= LIFE || since(*lock(&self.used)) >= IDLE
    }

    pub fn end(&self) {
        *lock(&self.ended) = true;
    }

    /// Notes that the visitor has done something.
    pub fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// Keeps the outcome of an action for the next page.
    pub fn keep(&self, flash: Flash) {
        *lock(&self.flash) = Some(flash);
    }

    pub fn take_flash(&self) -> Option<Flash> {
        lock(&self.flash).take()
    }
}

#[derive(Default)]
pub struct Sessions(Mutex<HashMap<Mark, Arc<Session>>>);

impl Sessions {
    /// Begins a session. Returns its secret for the cookie.
    pub fn begin(&self, name: &str, account: Option<Mark>) -> Result<String> {
        let (secret, csrf) = (secret::generate()?, secret::generate()?);
        let now = Instant::now();
        let session = Session {
            name: name.to_owned(),
            csrf,
            account,
            born: now,
            used: Mutex::new(now),
            flash: Mutex::default(),
            ended: Mutex::default(),
        };
        let mut sessions = lock(&self.0);
        sessions.retain(|_, session| !session.is_over_at(now));
        make_room(&mut sessions, MOST_OF_NAME, |session| session.name == name);
        make_room(&mut sessions, MOST, |_| true);
        sessions.insert(secret::mark(secret.as_bytes()), Arc::new(session));
        Ok(secret)
    }

    pub fn get(&self, secret: &str) -> Option<Arc<Session>> {
        lock(&self.0).get(&secret::mark(secret.as_bytes())).map(Arc::clone)
    }
}

/// Ends the session that was used longest ago while `most` of those that `counts` are there.
fn make_room(sessions: &mut HashMap<Mark, Arc<Session>>, most: usize, counts: impl Fn(&Session) -> bool) {
    while sessions.values().filter(|session| counts(session)).count() >= most {
        let counted = sessions.iter().filter(|(_, session)| counts(session));
        let Some(oldest) = counted.min_by_key(|(_, session)| *lock(&session.used)).map(|(mark, _)| *mark)
        else {
            return;
        };
        if let Some(session) = sessions.remove(&oldest) {
            session.end();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_its_life_or_without_use() {
        let sessions = Sessions::default();
        let session = sessions.get(&sessions.begin("dora", None).unwrap()).unwrap();
        let after = |time: Duration| session.is_over_at(session.born + time);
        assert!(!after(IDLE - Duration::from_secs(1)) && after(IDLE));
        *lock(&session.used) = session.born + LIFE;
        assert!(!after(LIFE - Duration::from_secs(1)) && after(LIFE));
        assert!(!session.is_over());
        session.end();
        assert!(session.is_over());
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = sessions.begin("dora", None).unwrap();
        let others: Vec<_> =
            (1..MOST).map(|n| sessions.begin(&format!("u{}", n / 9), None).unwrap()).collect();
        assert!(sessions.get(&first).is_some() && lock(&sessions.0).len() == MOST);
        let more: Vec<_> = (0..=MOST_OF_NAME).map(|_| sessions.begin("eve", None).unwrap()).collect();
        assert_eq!(lock(&sessions.0).len(), MOST);
        assert!(sessions.get(&first).is_none() && sessions.get(&others[0]).is_none());
        assert!(sessions.get(&more[0]).is_none() && sessions.get(&more[1]).is_some());
        assert!(sessions.get("").is_none());
    }

    #[test]
    fn an_outcome_is_shown_once() {
        let sessions = Sessions::default();
        let session = sessions.get(&sessions.begin("dora", None).unwrap()).unwrap();
        session.keep(Flash { done: true, text: "lifted".into() });
        assert_eq!(session.take_flash().map(|flash| flash.text), Some("lifted".into()));
        assert_eq!(session.take_flash(), None);
    }
}
