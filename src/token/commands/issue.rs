//! `LW.ISSUE key subject [CLAIMS json] [AUDIENCE aud] [ACCESSTTL d] [REFRESHTTL d] [META json]`
//!
//! Begins a session of `subject`. Replies `[access_token, refresh_token, access_expires_at_ms, refresh_expires_at_ms,
//! session_id]`. CLAIMS are a JSON object whose members the access token has besides `iss sub aud iat exp jti sid`; they
//! and AUDIENCE belong to the session and survive rotation, and so do the times to live. REFRESHTTL 0 issues an access
//! token alone; the refresh token and its end are then null. META is what LW.SESSIONS, alerts and the audit log tell of the
//! session.

use crate::server::args::Args;
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::server::native::Boxed;
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
use super::arguments::{self, Options, misuse};

const SYNTAX: &str =
    "LW.ISSUE key subject [CLAIMS json] [AUDIENCE aud] [ACCESSTTL d] [REFRESHTTL d] [META json]";

/// The command.
pub struct Issue;

impl Command for Issue {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ISSUE",
        flags: "write deny-oom",
        categories: "write slow",
        arity: -3,
        key: KeyAccess::Update,
        summary: c"Begins a session and issues its access and refresh token.",
        complexity: c"O(log N + M) with N the number of sessions in the store and M that of the subject; signing with RSA is done on another thread.",
        since: c"0.1.0",
        args: &[
            DocArg::new(c"key", DocKind::Key),
            DocArg::new(c"subject", DocKind::String),
            DocArg { token: Some(c"CLAIMS"), optional: true, ..DocArg::new(c"claims", DocKind::String) },
            DocArg { token: Some(c"AUDIENCE"), optional: true, ..DocArg::new(c"audience", DocKind::String) },
            DocArg { token: Some(c"ACCESSTTL"), optional: true, ..DocArg::new(c"access-ttl", DocKind::String) },
            DocArg { token: Some(c"REFRESHTTL"), optional: true, ..DocArg::new(c"refresh-ttl", DocKind::String) },
            DocArg { token: Some(c"META"), optional: true, ..DocArg::new(c"meta", DocKind::String) },
        ],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, args) = call.key_and_args();
        let request = Request::parse(args)?;
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
    let (_, args) = call.key_and_args();
    begin(call, &Request::parse(args)?, &keyring::current())
}

struct Request<'a> {
    subject: &'a str,
    claims: Option<&'a str>,
    audience: Option<&'a str>,
    access_ttl: u32,
    refresh_ttl: u32,
    meta: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn parse(mut args: Args<'a>) -> Result<Self, Refusal> {
        let subject = args.next().map(|arg| arg.bytes()).unwrap_or_default();
        let mut request = Request {
            subject: arguments::name("subject", subject, SYNTAX)?,
            claims: None,
            audience: None,
            access_ttl: settings::ACCESS_TTL.get(),
            refresh_ttl: settings::REFRESH_TTL.get(),
            meta: None,
        };
        let known = &["CLAIMS", "AUDIENCE", "ACCESSTTL", "REFRESHTTL", "META"];
        let mut options = Options::new(args, known, SYNTAX);
        while let Some((option, value)) = options.next()? {
            match option {
                "CLAIMS" => {
                    let claims =
                        strict::claims(value).map_err(|why| options.misuse(format_args!("claims {why}")))?;
                    request.claims = Some(claims).filter(|claims| !claims.is_empty());
                }
                "AUDIENCE" => request.audience = Some(arguments::name("audience", value, SYNTAX)?),
                "ACCESSTTL" => request.access_ttl = arguments::ttl("access-ttl", value, SYNTAX)?,
                "REFRESHTTL" if value == b"0" => request.refresh_ttl = 0,
                "REFRESHTTL" => request.refresh_ttl = arguments::ttl("refresh-ttl", value, SYNTAX)?,
                _ => request.meta = Some(arguments::meta(value, SYNTAX)?),
            }
        }
        Ok(request)
    }

    fn session(&self, now: Timestamp) -> Session {
        let whole = |seconds: u32| Span(u64::from(seconds) * 1000);
        let end = match self.refresh_ttl {
            // The access token's end, which is a whole second.
            0 => Timestamp(now.0 / 1000 * 1000) + whole(self.access_ttl),
            seconds => now + whole(seconds),
        };
        let end = end.min(now + settings::SESSION_MAX_AGE.get());
        let session = Session::new(self.subject, now, end, self.access_ttl, self.refresh_ttl);
        session.with(self.audience, self.claims, self.meta)
    }
}

fn begin(call: &Call<'_>, request: &Request<'_>, ring: &Keyring) -> Result<Grant, Refusal> {
    call.require_primary()?;
    let now = clock::time(call.now());
    if settings::TOKENS_NOT_BEFORE.get() > now {
        return Err(misuse("tokens-not-before lies ahead: no token would be accepted", SYNTAX));
    }
    signer::require_room(call, ring)?;
    let id =
        SessionId::random().ok_or(Refusal::Unavailable("the system has no random bytes to give".into()))?;
    let session = request.session(now);
    let grant = Grant::of(id, &session, ring)?;
    grant.require_length(SYNTAX)?;
    let (name, _) = call.key_and_args();
    let mut key = call.write(name);
    let evicted = match key.value::<Boxed<Store>>()? {
        Some(store) => crowding(&store, request.subject, now),
        None => Vec::new(),
    };
    counters::EVICTED.add(evicted.len() as u64);
    let ends = evicted.into_iter().map(Change::End);
    let changes = ends.chain([Change::Issue(id, Box::new(session))]).collect();
    commit(call, name, key, changes, now)?;
    counters::ISSUED.count();
    Ok(grant)
}

/// The sessions of `subject` that have to go for another: those that were rotated the longest ago.
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
