//! The tokens of a session's current generation, before and after they are signed. Made from the session alone: made again,
//! they are the same, as far as signing is deterministic.

use std::sync::Arc;

use crate::server::call::{Call, Outcome};
use crate::server::error::Refusal;
use crate::server::native::Boxed;
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

/// Tokens that are to be handed out.
pub struct Grant {
    /// The key that signs the access token.
    pub key: Arc<Key>,
    /// What it signs.
    pub message: String,
    session: SessionId,
    access_expires: Timestamp,
    refresh: Option<(String, Timestamp)>,
}

impl Grant {
    /// The current tokens of a session.
    pub fn of(id: SessionId, session: &Session, ring: &Keyring) -> Result<Self, TokenError> {
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

    /// Refuses an access token that LW.VERIFY would find too long.
    pub fn require_length(&self, syntax: &str) -> Result<(), Refusal> {
        if self.message.len() + 1 + self.key.signature_chars() <= jwt::MOST {
            return Ok(());
        }
        let most = jwt::MOST;
        Err(Refusal::malformed(format_args!("the access token would be longer than {most} bytes: {syntax}")))
    }

    /// Replies `[access_token, refresh_token, access_expires_at_ms, refresh_expires_at_ms, session_id]`.
    pub fn reply(&self, call: &Call<'_>, signature: &str) {
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

    /// Replies to a client that waited, if its session has not ended meanwhile.
    pub fn reply_late(&self, call: &Call<'_>, signature: &str) -> Outcome {
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
            // Its slot may have gone to another node, and the session with it.
            None if call.is_in_cluster() => Err(Refusal::Coded(
                "TRYAGAIN",
                "the session has left this node while its token was signed".into(),
            )),
            None => Err(ended().into()),
        }
    }
}

fn ended() -> TokenError {
    TokenError::Revoked("the session was ended while its token was signed")
}
