//! `LW.ROTATE key refresh_token [CLAIMS json] [META json]`
//!
//! Exchanges a refresh token for the session's next tokens. Replies like LW.ISSUE. CLAIMS and META
//! replace those of the session.
//! [`rotation`](super::super::rotation) decides about tokens that were used before, are too old or
//! too new.

use crate::server::call::{Call, Outcome};
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::syntax::Param;
use crate::text::time::{Span, Timestamp};

use super::super::change::Change;
use super::super::clock;
use super::super::error::TokenError;
use super::super::grant::Grant;
use super::super::incident::{self, Incident};
use super::super::keyring::{self, Keyring};
use super::super::native::commit;
use super::super::rotation::{Judgement, Presented, judge};
use super::super::session::{Rotation, Session};
use super::super::store::Store;
use super::super::{counters, memory, refresh, settings, signer, strict};
use super::arguments::{self, CLAIMS, META};

pub(crate) struct Rotate;

impl Command for Rotate {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.ROTATE",
        flags: "write no-monitor no-slowlog",
        summary: c"Exchanges a refresh token for a new access and refresh token; one that was used before ends its session.",
        complexity: c"O(log N) with N the number of sessions in the store; signing with RSA is done on another thread.",
        args: &[Param::KEY, Param::string(c"refresh-token").shown(c"refresh_token").secret(), CLAIMS, META],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let given = Self::SPEC.parse(call)?;
        let token = given.required("refresh-token", arguments::token)?;
        let new = New {
            claims: given.optional("CLAIMS", strict::claims)?,
            meta: given.optional("META", strict::meta)?,
        };
        rotate(call, token, &new).inspect_err(|_| counters::ROTATE_REFUSED.count())
    }
}

/// What the call replaces in the session.
struct New<'a> {
    claims: Option<&'a str>,
    meta: Option<&'a str>,
}

fn rotate(call: &Call<'_>, token: &[u8], new: &New<'_>) -> Outcome {
    call.require_primary()?;
    let ring = keyring::current();
    ring.refresh_secret()?;
    ring.signer()?;
    let presented = refresh::read(token, &ring.refresh)?;
    let now = clock::time(call.now());
    let (name, _) = call.key_and_args();
    let mut key = call.write(name);
    let store = key.value::<Boxed<Store>>()?;
    let session = store.as_ref().and_then(|store| store.get(presented.session));
    let rules = settings::rules(now, store.as_deref().map(|store| &**store));
    let judgement = judge(session, &presented, &rules);
    let session = match session {
        Some(session) if !matches!(judgement, Judgement::Expired | Judgement::Revoked) => session.clone(),
        _ if judgement == Judgement::Expired => {
            return Err(TokenError::Expired("the refresh token is past its end").into());
        }
        _ => {
            return Err(TokenError::Revoked(
                "the refresh token's session is not in this store, or has ended",
            )
            .into());
        }
    };
    drop(store);
    let report =
        |incident| incident::report(call, incident, name.bytes(), &session, &presented, new.meta, now);
    match judgement {
        Judgement::Replay => {
            drop(key);
            if new.claims.is_some_and(|claims| claims != session.claims()) {
                return Err(TokenError::Conflict.into());
            }
            replay(call, &presented, &session, &ring)
        }
        Judgement::Reused => {
            commit(key, vec![Change::End(presented.session)], now)?;
            report(Incident::Reuse);
            counters::REUSED.count();
            Err(TokenError::Reused.into())
        }
        Judgement::Forged => {
            drop(key);
            report(Incident::Forgery);
            counters::FORGED.count();
            Err(TokenError::Invalid("the refresh token was never given out").into())
        }
        _ => {
            signer::require_room(call, &ring)?;
            if new.claims.is_some_and(|claims| session.grows_by(claims)) {
                memory::require()?;
            }
            let (rotation, renewed) = renew(&session, &presented, new, now);
            let grant = Grant::of(presented.session, &renewed, &ring)?;
            grant.require_length(Rotate::SPEC)?;
            commit(key, vec![Change::Rotate(presented.session, rotation)], now)?;
            if judgement == Judgement::RollForward {
                report(Incident::Rollback { claims_given: new.claims.is_some() });
                counters::ROLLED_FORWARD.count();
            }
            counters::ROTATED.count();
            signer::deliver(call, grant)
        }
    }
}

/// Replies with the current tokens again. Ignores META and changes nothing.
fn replay(call: &Call<'_>, presented: &Presented, session: &Session, ring: &Keyring) -> Outcome {
    let grant = Grant::of(presented.session, session, ring)?;
    if !signer::is_signing(&grant) {
        signer::require_room(call, ring)?;
    }
    counters::REPLAYED.count();
    signer::deliver(call, grant)
}

/// The rotation, and the session after it.
fn renew(session: &Session, presented: &Presented, new: &New<'_>, now: Timestamp) -> (Rotation, Session) {
    let ttl = Span(u64::from(session.refresh_ttl) * 1000);
    // The clock of the server that created the session may have been ahead of this one's.
    let at = now.max(session.rotated);
    let rotation = Rotation {
        // A token of the highest generation is refused earlier, so there is a next one.
        generation: presented.generation.next().unwrap_or(presented.generation),
        at,
        expires: (at + ttl).min(session.created + settings::SESSION_MAX_AGE.get()).max(at),
        claims: session.changed_claims(new.claims),
        meta: new.meta.map(str::to_owned),
    };
    let mut renewed = session.clone();
    renewed.rotate(&rotation);
    (rotation, renewed)
}
