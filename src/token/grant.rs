//! The tokens of a session's current generation, before and after signing. They depend on the
//! session and the keys alone, so a repeated grant gives the same tokens (except that ES256
//! signatures are random).

use std::sync::Arc;

use crate::server::call::{Call, Outcome};
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::time::Timestamp;

use super::clock;
use super::error::TokenError;
use super::id::SessionId;
use super::key::Key;
use super::keyring::Keyring;
use super::rotation::Presented;
use super::session::Session;
use super::store::Store;
use super::{claims, jwt, refresh, settings};

/// Tokens that are ready to be signed and handed out.
pub(crate) struct Grant {
    pub key: Arc<Key>,
    /// The header and claims that [`Grant::key`] signs.
    pub message: String,
    session: SessionId,
    access_expires: Timestamp,
    refresh: Option<(String, Timestamp)>,
}

impl Grant {
    /// Builds the tokens of a session's current generation.
    pub(crate) fn of(id: SessionId, session: &Session, ring: &Keyring) -> Result<Self, TokenError> {
        let key = Arc::clone(ring.signer()?);
        let (issuer, audience) = settings::names();
        let message = jwt::message(&key.header, &claims::write(id, session, &issuer, &audience));
        let refresh = if session.refresh_ttl == 0 {
            None
        } else {
            let token = Presented { session: id, generation: session.generation, expires: session.expires };
            Some((refresh::make(ring.refresh_secret()?, &token), session.expires))
        };
        let access_expires = Timestamp(session.access_expires_s() * 1000);
        Ok(Self { key, message, session: id, access_expires, refresh })
    }

    /// Refuses an access token that LW.VERIFY would refuse as too long.
    pub(crate) fn require_length(&self, spec: &Spec) -> Result<(), Refusal> {
        require_length(&self.key, self.message.len(), spec)
    }

    /// Replies `[access_token, refresh_token, access_expires_at_ms, refresh_expires_at_ms,
    /// session_id]`.
    pub(crate) fn reply(&self, call: &Call<'_>, signature: &str) {
        call.reply_array(5);
        call.reply_text(&format!("{}.{signature}", self.message));
        match &self.refresh {
            Some((token, _)) => call.reply_text(token),
            None => call.reply_null(),
        }
        call.reply_integer(self.access_expires.0);
        match &self.refresh {
            Some((_, expires)) => call.reply_integer(expires.0),
            None => call.reply_null(),
        }
        call.reply_text(&self.session.to_string());
    }

    /// Replies to a client that has waited for the signature, unless its session has ended
    /// meanwhile.
    pub(crate) fn reply_late(&self, call: &Call<'_>, signature: &str) -> Outcome {
        let (name, _) = call.key_and_args();
        let key = call.read(name);
        let store = key.value::<Boxed<Store>>()?;
        let now = clock::time(call.now());
        let session = store.as_ref().and_then(|store| store.get(self.session));
        match session {
            Some(session) if session.is_live(now, settings::TOKENS_NOT_BEFORE.get()) => {
                self.reply(call, signature);
                Ok(())
            }
            Some(_) => Err(ended().into()),
            // The slot may have moved to another node together with the session.
            None if call.is_in_cluster() => Err(Refusal::Coded(
                "TRYAGAIN",
                "the session has left this node while its token was signed".into(),
            )),
            None => Err(ended().into()),
        }
    }
}

/// Refuses a message that would make an access token too long when `key` signs it.
pub(crate) fn require_length(key: &Key, message: usize, spec: &Spec) -> Result<(), Refusal> {
    if message + 1 + key.signature_chars() <= jwt::MAX_BYTES {
        return Ok(());
    }
    let why = format_args!("the access token would be longer than {} bytes", jwt::MAX_BYTES);
    Err(spec.malformed(why).into())
}

fn ended() -> TokenError {
    TokenError::Revoked("the session was ended while its token was signed")
}
