//! Checks access tokens, in this order: length, number of parts, header, key by `kid`, `alg`,
//! `typ`, signature, claims, `exp` `nbf` `iat`, `iss`, `aud`; then that the session is live, has
//! the same subject, and that the token was not revoked.
//!
//! The cache keeps the result up to the reading of the claims, for one token and one revision of
//! the keyring. Everything after that is checked in every call.

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

/// The claims of an access token that a key of the ring has signed. Main thread only.
pub(crate) fn signed(ring: &Keyring, token: &[u8]) -> Result<Arc<Claims>, TokenError> {
    ring.require_keys()?;
    if token.len() > jwt::MAX_BYTES {
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

/// Like [`signed`], but bypasses the cache.
pub(crate) fn check(ring: &Keyring, token: &[u8]) -> Result<Claims, TokenError> {
    let parts = jwt::split(token)?;
    // A header that one of our keys writes needs no parsing.
    let key = match ring.keys.iter().find(|key| key.header == parts.header) {
        Some(key) => key,
        None => named(ring, parts.header)?,
    };
    // Verify the signature before parsing the claims, so that unauthenticated input reaches as
    // little code as possible.
    if !key.verify(parts.message, &parts.signature) {
        return Err(TokenError::Invalid("the token's signature is wrong"));
    }
    claims::read(parts.claims)
}

/// The key that a header names, if its algorithm and type fit.
fn named<'a>(ring: &'a Keyring, header: &str) -> Result<&'a Key, TokenError> {
    let header = jwt::header(header)?;
    let key = ring.find(&header.kid).ok_or(TokenError::Invalid("no key has the token's kid"))?;
    if header.algorithm != key.algorithm.name() {
        return Err(TokenError::Invalid("alg is not that of the token's key"));
    }
    if header.kind != jwt::TYPE {
        return Err(TokenError::Invalid("typ is not at+jwt: it is not an access token"));
    }
    Ok(key)
}

/// The time and the settings that the check of a signed token depends on.
pub(crate) struct AccessRules<'a> {
    pub now: Timestamp,
    /// How far clocks may differ.
    pub leeway: Span,
    pub issuer: &'a str,
    /// The expected audience, unless any is accepted.
    pub audience: Option<&'a str>,
    /// Sessions that began earlier have ended.
    pub not_before: Timestamp,
}

/// Checks the claims of a signed token against `rules` and the sessions of `store`.
pub(crate) fn judge(
    claims: &Claims,
    store: Option<&Store>,
    rules: &AccessRules<'_>,
) -> Result<(), TokenError> {
    if rules.now >= claims.expires + rules.leeway {
        return Err(TokenError::Expired("the access token is past its exp"));
    }
    let earliest = claims.issued.max(claims.not_before.unwrap_or_default());
    if rules.now + rules.leeway < earliest {
        return Err(TokenError::Invalid("the access token is not valid yet"));
    }
    if *claims.issuer != *rules.issuer {
        return Err(TokenError::Invalid("iss is not jwt-issuer"));
    }
    if rules.audience.is_some_and(|audience| !claims.audience.iter().any(|aud| **aud == *audience)) {
        return Err(TokenError::Invalid("aud does not name the audience"));
    }
    let session = store.and_then(|store| store.get(claims.session));
    let Some(session) = session.filter(|session| session.is_live(rules.now, rules.not_before)) else {
        return Err(if rules.now >= claims.expires {
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
