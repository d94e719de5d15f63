//! `LW.CLAIMS key SESSION id | SUBJECT subject json`
//!
//! Sets the claims that access tokens have from the next rotation on, for a session or for all
//! sessions of a subject. Access tokens that were issued before keep their claims until they end.
//! Replies with the number of sessions that this changed: live ones with a refresh token whose
//! claims were others.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::super::change::Change;
use super::super::id::{Generation, SessionId};
use super::super::key::Key;
use super::super::native::commit;
use super::super::session::Session;
use super::super::store::Store;
use super::super::{claims, clock, counters, grant, jwt, keyring, memory, settings, strict};
use super::arguments::{self, SUBJECT};

pub(crate) struct SetClaims;

impl Command for SetClaims {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.CLAIMS",
        flags: "write",
        summary: c"Sets the claims that the access tokens of a session, or of all sessions of a subject, have from the next rotation on.",
        complexity: c"O(log N + M) with N the number of sessions in the store and M those of the subject.",
        args: &[
            Param::KEY,
            Param::one_of(
                c"what",
                &[
                    Param::string(c"session").token(c"SESSION").shown(c"id"),
                    SUBJECT.token(c"SUBJECT"),
                ],
            ),
            Param::json(c"claims"),
        ],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let request = Request::parse(call)?;
        call.require_primary()?;
        let ring = keyring::current();
        let signer = ring.signer()?;
        let now = clock::time(call.now());
        let mut key = call.write(name);
        let sessions = match key.value::<Boxed<Store>>()? {
            Some(store) => request.changed(&store, signer, now)?,
            None => Vec::new(),
        };
        let count = sessions.len() as u64;
        if count > 0 {
            commit(key, vec![Change::Claims(sessions, request.claims.into())], now)?;
        }
        counters::CLAIMS_SET.add(count);
        call.reply_integer(count);
        Ok(())
    }
}

enum What<'a> {
    Session(SessionId),
    Subject(&'a str),
}

struct Request<'a> {
    what: What<'a>,
    claims: &'a str,
}

impl<'a> Request<'a> {
    fn parse(call: &Call<'a>) -> Result<Self, Refusal> {
        let given = SetClaims::SPEC.parse(call)?;
        let session = given.optional("SESSION", arguments::session_id)?;
        let subject = given.optional("SUBJECT", arguments::name)?;
        let claims = given.required("claims", strict::claims)?;
        match (session, subject) {
            (Some(session), _) => Ok(Self { what: What::Session(session), claims }),
            (_, Some(subject)) => Ok(Self { what: What::Subject(subject), claims }),
            _ => Err(given.malformed("neither SESSION nor SUBJECT is given").into()),
        }
    }

    /// The sessions that the claims change. Refuses the whole call if one of them can't have them.
    fn changed(
        &self,
        store: &Store,
        signer: &Key,
        now: Timestamp,
    ) -> Result<Vec<(SessionId, Generation)>, Refusal> {
        let changes = |session: &Session| {
            session.is_live(now, settings::TOKENS_NOT_BEFORE.get())
                && session.refresh_ttl > 0
                && session.next_claims() != self.claims
        };
        let sessions: Vec<_> = match self.what {
            What::Session(id) => store.get(id).map(|session| (id, session)).into_iter().collect(),
            What::Subject(subject) => store.of_subject(subject).collect(),
        };
        let (issuer, audience) = settings::names();
        let mut changed = Vec::new();
        for (id, session) in sessions.into_iter().filter(|(_, session)| changes(session)) {
            if session.grows_by(self.claims) {
                memory::require()?;
            }
            // Otherwise the next rotation would be refused, which locks the client out.
            let longest = claims::longest(id, session, self.claims, &issuer, &audience);
            grant::require_length(signer, jwt::message_len(&signer.header, longest), SetClaims::SPEC)?;
            changed.push((id, session.generation));
        }
        Ok(changed)
    }
}
