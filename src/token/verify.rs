//! Whether an access token is good. In this order: its size, its three parts, a header without two readings, a key known by
//! `kid`, that key's `alg`, its `typ`, the signature, claims without two readings, `exp` `nbf` `iat`, `iss`, `aud`; then that
//! its session is live and its subject's, and the token not revoked.
//!
//! Once a signature was right, it and what stands before it in that order are remembered for that token and keyring. All
//! else is looked at every time.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::text::time::{Span, Timestamp};

use super::cache::{Cache, Digest};
use super::claims::{self, Claims};
use super::counters;
use super::error::TokenError;
use super::jwt;
use super::key::Key;
use super::keyring::Keyring;
use super::settings::VERIFY_CACHE_ENTRIES;
use super::store::Store;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// What an access token says, if a key of the ring has signed it. Only the main thread asks.
pub fn signed(ring: &Keyring, token: &[u8]) -> Result<Arc<Claims>, TokenError> {
    ring.require_keys()?;
    if token.len() > jwt::MOST {
        return check(ring, token).map(Arc::new);
    }
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    cache.resize(VERIFY_CACHE_ENTRIES.get());
    let digest = Digest::of(token);
    if let Some(claims) = cache.get(&digest, ring.revision) {
        counters::CACHE_HITS.count();
        return Ok(claims);
    }
    let claims = Arc::new(check(ring, token)?);
    cache.put(digest, ring.revision, Arc::clone(&claims));
    Ok(claims)
}

/// The same without memory.
pub fn check(ring: &Keyring, token: &[u8]) -> Result<Claims, TokenError> {
    let parts = jwt::split(token)?;
    // What our own keys write needs no reading.
    let key = match ring.keys.iter().find(|key| key.header == parts.header) {
        Some(key) => key,
        None => named(ring, parts.header)?,
    };
    // Before the claims: who can't sign can't have us read much, either.
    if !key.verify(parts.message, &parts.signature) {
        return Err(TokenError::Invalid("the token's signature is wrong"));
    }
    claims::read(parts.claims)
}

/// The key that a header names, if the rest of it fits.
fn named<'a>(ring: &'a Keyring, header: &str) -> Result<&'a Key, TokenError> {
    let header = jwt::header(header)?;
    let key = ring.find(&header.kid).ok_or(TokenError::Invalid("no key has the token's kid"))?;
    match () {
        () if header.algorithm != key.algorithm.name() => {
            Err(TokenError::Invalid("alg is not that of the token's key"))
        }
        () if header.kind != jwt::TYPE => {
            Err(TokenError::Invalid("typ is not at+jwt: it is not an access token"))
        }
        () => Ok(key),
    }
}

/// What a signed token is judged by.
pub struct Terms<'a> {
    /// The time.
    pub now: Timestamp,
    /// How far clocks may be apart.
    pub leeway: Span,
    /// Who has to have issued it.
    pub issuer: &'a str,
    /// Whom it has to be for, if that is asked.
    pub audience: Option<&'a str>,
    /// Sessions that began before it have ended.
    pub not_before: Timestamp,
}

/// Whether a signed token is good on these terms, with the sessions of `store`.
pub fn judge(claims: &Claims, store: Option<&Store>, terms: &Terms<'_>) -> Result<(), TokenError> {
    if terms.now >= claims.expires + terms.leeway {
        return Err(TokenError::Expired("the access token is past its exp"));
    }
    let earliest = claims.issued.max(claims.not_before.unwrap_or_default());
    if terms.now + terms.leeway < earliest {
        return Err(TokenError::Invalid("the access token is not valid yet"));
    }
    if *claims.issuer != *terms.issuer {
        return Err(TokenError::Invalid("iss is not jwt-issuer"));
    }
    if terms.audience.is_some_and(|audience| !claims.audience.iter().any(|aud| **aud == *audience)) {
        return Err(TokenError::Invalid("aud does not name the audience"));
    }
    let session = store.and_then(|store| store.get(claims.session));
    let Some(session) = session.filter(|session| session.is_live(terms.now, terms.not_before)) else {
        return Err(if terms.now >= claims.expires {
            TokenError::Expired("the access token is past its exp")
        } else {
            TokenError::Revoked("the access token's session is not in this store, or has ended")
        });
    };
    if *session.subject != *claims.subject {
        return Err(TokenError::Invalid("sub is not the subject of the token's session"));
    }
    if session.denies(claims.generation) {
        return Err(TokenError::Revoked("the access token was revoked"));
    }
    Ok(())
}
