//! `LW.ISSUE key subject [CLAIMS json] [AUDIENCE aud [AUDIENCE aud ...]] [ACCESSTTL d]
//! [REFRESHTTL d] [META json]`
//!
//! Begins a session of `subject`. Replies `[access_token, refresh_token, access_expires_at_ms,
//! refresh_expires_at_ms, session_id]`.
//!
//! - CLAIMS: a JSON object whose members the access token has in addition to `iss sub aud iat exp
//!   jti sid`. CLAIMS, AUDIENCE and the lifetimes belong to the session and survive rotation.
//! - AUDIENCE: whom the token is for, up to eight names. `aud` is a string for one, else an array.
//! - REFRESHTTL 0 issues an access token only. The refresh token and its end are then null.
//! - META: shown by LW.SESSIONS, in alerts and in the audit log.

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::{Span, Timestamp};

use super::super::change::Change;
use super::super::clock;
use super::super::grant::Grant;
use super::super::id::SessionId;
use super::super::keyring::{self, Keyring};
use super::super::native::commit;
use super::super::session::Session;
use super::super::store::Store;
use super::super::{counters, key_generation, settings, signer, strict};
use super::arguments::{self, AUDIENCE, CLAIMS, META, SUBJECT};

pub(crate) struct Issue;

impl Command for Issue {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ISSUE",
        flags: "write deny-oom",
        summary: c"Begins a session and issues its access and refresh token.",
        complexity: c"O(log N + M) with N the number of sessions in the store and M that of the subject; signing with RSA is done on another thread.",
        args: &[
            Param::KEY,
            SUBJECT,
            CLAIMS,
            AUDIENCE.repeated(),
            Param::string(c"access-ttl").token(c"ACCESSTTL").shown(c"d").optional(),
            Param::string(c"refresh-ttl").token(c"REFRESHTTL").shown(c"d").optional(),
            META,
        ],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let request = Request::parse(call)?;
        let ring = keyring::current();
        {
            let key = call.read(name);
            let store = key.value::<Boxed<Store>>()?;
            if is_lacking(&ring, &request) {
                return key_generation::wait(call, store.as_deref().map(|store| &**store), begin_late);
            }
        }
        let grant = begin(call, &request, &ring)?;
        signer::deliver(call, grant)
    }
}

fn is_lacking(ring: &Keyring, request: &Request<'_>) -> bool {
    ring.keys.is_empty() || (request.refresh_ttl > 0 && ring.refresh.is_empty())
}

/// Begins the session of a call that has waited for keys.
fn begin_late(call: &Call<'_>) -> Result<Grant, Refusal> {
    begin(call, &Request::parse(call)?, &keyring::current())
}

struct Request<'a> {
    subject: &'a str,
    claims: Option<&'a str>,
    audience: Vec<&'a str>,
    access_ttl: u32,
    refresh_ttl: u32,
    meta: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(call: &Call<'a>) -> Result<Self, Refusal> {
        let given = Issue::SPEC.parse(call)?;
        Ok(Self {
            subject: given.required("subject", arguments::name)?,
            claims: given.optional("CLAIMS", strict::claims)?.filter(|claims| !claims.is_empty()),
            audience: arguments::audience(&given)?,
            access_ttl: given.optional("ACCESSTTL", arguments::ttl)?.unwrap_or(settings::ACCESS_TTL.get()),
            refresh_ttl: given
                .optional("REFRESHTTL", arguments::refresh_ttl)?
                .unwrap_or(settings::REFRESH_TTL.get()),
            meta: given.optional("META", strict::meta)?,
        })
    }

    fn session(&self, now: Timestamp) -> Session {
        let whole = |seconds: u32| Span(u64::from(seconds) * 1000);
        let end = match self.refresh_ttl {
            // The end of the access token, which is a whole second.
            0 => Timestamp(now.0 / 1000 * 1000) + whole(self.access_ttl),
            seconds => now + whole(seconds),
        };
        let end = end.min(now + settings::SESSION_MAX_AGE.get());
        let session = Session::new(self.subject, now, end, self.access_ttl, self.refresh_ttl);
        session.with(&self.audience, self.claims, self.meta)
    }
}

fn begin(call: &Call<'_>, request: &Request<'_>, ring: &Keyring) -> Result<Grant, Refusal> {
    call.require_primary()?;
    let now = clock::time(call.now());
    if settings::TOKENS_NOT_BEFORE.get() > now {
        return Err(Issue::SPEC.malformed("tokens-not-before lies ahead: no token would be accepted").into());
    }
    signer::require_room(call, ring)?;
    let id =
        SessionId::random().ok_or(Refusal::Unavailable("the system has no random bytes to give".into()))?;
    let session = request.session(now);
    let grant = Grant::of(id, &session, ring)?;
    grant.require_length(Issue::SPEC)?;
    let (name, _) = call.key_and_args();
    let mut key = call.write(name);
    let evicted = match key.value::<Boxed<Store>>()? {
        Some(store) => crowding(&store, request.subject, now),
        None => Vec::new(),
    };
    counters::EVICTED.add(evicted.len() as u64);
    let ends = evicted.into_iter().map(Change::End);
    let changes = ends.chain([Change::Issue(id, Box::new(session))]).collect();
    commit(key, changes, now)?;
    counters::ISSUED.count();
    Ok(grant)
}

/// The sessions of `subject` that must end to make room for another: those that were rotated the
/// longest ago.
fn crowding(store: &Store, subject: &str, now: Timestamp) -> Vec<SessionId> {
    let most = settings::SESSIONS_PER_SUBJECT.get();
    let live = store
        .of_subject(subject)
        .filter(|(_, session)| session.is_live(now, settings::TOKENS_NOT_BEFORE.get()));
    let mut live: Vec<_> = live.map(|(id, session)| (session.rotated, id)).collect();
    let surplus = (live.len() + 1).saturating_sub(most);
    live.sort_unstable();
    live.into_iter().take(surplus).map(|(_, id)| id).collect()
}
