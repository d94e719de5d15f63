//! `LW.REVOKE key TOKEN token | SESSION id | SUBJECT subject [EXCEPT id]`
//!
//! Ends an access token, the session of a refresh token of any generation, a session, or all
//! sessions of a subject but one. Replies with the number of sessions or access tokens that were
//! live and ended. Unknown ones count 0. A token with a wrong signature is `LWINVALID`.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::super::change::Change;
use super::super::id::SessionId;
use super::super::keyring;
use super::super::native::commit;
use super::super::session::{MOST_DENIED, REMEMBERED, Session};
use super::super::store::Store;
use super::super::{clock, counters, refresh, settings, verify};
use super::arguments::{self, SUBJECT};

pub(crate) struct Revoke;

impl Command for Revoke {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.REVOKE",
        flags: "write no-monitor no-slowlog",
        summary: c"Ends an access token, a session, or all sessions of a subject.",
        complexity: c"O(log N + M) with N the number of sessions in the store and M those of the subject.",
        args: &[
            Param::KEY,
            Param::one_of(
                c"what",
                &[
                    Param::string(c"token").token(c"TOKEN").secret(),
                    Param::string(c"session").token(c"SESSION").shown(c"id"),
                    SUBJECT.token(c"SUBJECT"),
                ],
            ),
            Param::string(c"except").token(c"EXCEPT").shown(c"id").optional(),
        ],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let what = What::parse(call)?;
        call.require_primary()?;
        let mut key = call.write(name);
        let now = clock::time(call.now());
        let changes = match key.value::<Boxed<Store>>()? {
            Some(store) => what.changes(Some(&store), now)?,
            None => what.changes(None, now)?,
        };
        let (count, changes) = changes;
        if !changes.is_empty() {
            commit(key, changes, now)?;
        }
        counters::REVOKED.add(count);
        call.reply_integer(count);
        Ok(())
    }
}

enum What<'a> {
    Token(&'a [u8]),
    Session(SessionId),
    Subject(&'a str, Option<SessionId>),
}

impl<'a> What<'a> {
    fn parse(call: &Call<'a>) -> Result<Self, Refusal> {
        let given = Revoke::SPEC.parse(call)?;
        let token = given.bytes("TOKEN");
        let session = given.optional("SESSION", arguments::session_id)?;
        let subject = given.optional("SUBJECT", arguments::name)?;
        let except = given.optional("EXCEPT", arguments::session_id)?;
        match (token, session, subject) {
            (.., Some(subject)) => Ok(Self::Subject(subject, except)),
            _ if except.is_some() => Err(given.malformed("EXCEPT goes with SUBJECT").into()),
            (Some(token), ..) => Ok(Self::Token(token)),
            (_, Some(session), _) => Ok(Self::Session(session)),
            _ => Err(given.malformed("neither TOKEN nor SESSION nor SUBJECT is given").into()),
        }
    }

    /// The number of live sessions or tokens that it ends, and the changes. Sessions that are not
    /// live end as well, so that setting back the clock or `tokens-not-before` revives nothing.
    fn changes(&self, store: Option<&Store>, now: Timestamp) -> Result<(u64, Vec<Change>), Refusal> {
        let is_live = |session: &Session| session.is_live(now, settings::TOKENS_NOT_BEFORE.get());
        let stored = |id| store.and_then(|store| store.get(id));
        let end = |id| match stored(id) {
            Some(session) => (u64::from(is_live(session)), vec![Change::End(id)]),
            None => (0, Vec::new()),
        };
        match self {
            Self::Session(id) => Ok(end(*id)),
            Self::Subject(subject, except) => {
                let Some(store) = store else { return Ok((0, Vec::new())) };
                let sessions = || store.of_subject(subject).filter(|(id, _)| Some(*id) != *except);
                let live = sessions().filter(|(_, session)| is_live(session)).count();
                Ok((live as u64, sessions().map(|(id, _)| Change::End(id)).collect()))
            }
            Self::Token(token) if token.starts_with(refresh::PREFIX.as_bytes()) => {
                let ring = keyring::current();
                ring.refresh_secret()?;
                Ok(end(refresh::read(token, &ring.refresh)?.session))
            }
            Self::Token(token) => {
                let claims = verify::signed(&keyring::current(), token)?;
                let session = stored(claims.session).filter(|session| *session.subject == *claims.subject);
                let Some(session) = session.filter(|session| !session.denies(claims.generation)) else {
                    return Ok((0, Vec::new()));
                };
                let is_over = now >= claims.expires + settings::JWT_LEEWAY.get();
                let count = u64::from(is_live(session) && !is_over);
                let until = claims.expires + REMEMBERED;
                if now >= until {
                    return Ok((0, Vec::new()));
                }
                let change = if session.denied() < MOST_DENIED {
                    Change::Deny(claims.session, claims.generation, now, until)
                } else {
                    // Nearly every access token of the session is revoked already.
                    Change::End(claims.session)
                };
                Ok((count, vec![change]))
            }
        }
    }
}
