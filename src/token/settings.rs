//! The directives of tokens.

use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::server::directive::{Count, Integer, Seconds, Text};
use crate::server::log;
use crate::text::time::Timestamp;
use lockwatch_common::file::{is_open_to_all, read_small};

use super::key::Key;
use super::rotation::Rules;
use super::session::{MOST_LEEWAY, MOST_TTL};
use super::store::{NO_LIFE, Store};
use super::{keyring, life, secrets, session};

/// The key pairs that sign and verify access tokens: PEM files, separated by spaces.
pub(crate) static JWT_KEYS: Text<Vec<Arc<Key>>> =
    Text::of_files(c"jwt-keys", read_keys).on_change(|| keyring::set_pairs(JWT_KEYS.get()));

/// The file with the secrets that sign access tokens where there is no key pair.
pub(crate) static JWT_SECRET_FILE: Text<Vec<Arc<Key>>> = Text::of_files(c"jwt-secret-file", read_secrets)
    .on_change(|| keyring::set_secrets(JWT_SECRET_FILE.get()));

/// The file with the secrets that make refresh tokens.
pub(crate) static REFRESH_SECRET_FILE: Text<Vec<hmac::Key>> =
    Text::of_files(c"refresh-secret-file", read_refresh_secrets)
        .on_change(|| keyring::set_refresh(REFRESH_SECRET_FILE.get()));

/// Who issues tokens.
pub(crate) static JWT_ISSUER: Text<Arc<str>> = Text::new(c"jwt-issuer", c"lockwatch", name);

/// Whom tokens are for, unless a session has an audience of its own.
pub(crate) static JWT_AUDIENCE: Text<Arc<str>> = Text::new(c"jwt-audience", c"lockwatch-api", name);

/// How far clocks may be apart.
pub(crate) static JWT_LEEWAY: Seconds = Seconds::whole(c"jwt-leeway", 5, 0, MOST_LEEWAY as u64);

/// How many threads sign with RSA keys.
pub(crate) static SIGN_THREADS: Count = Count::new(c"sign-threads", 2, 1, 64);

/// How long an access token lives, in seconds.
pub(crate) static ACCESS_TTL: Seconds<u32> = Seconds::whole(c"access-ttl", 900, 1, MOST_TTL as u64);

/// How long a refresh token lives, in seconds.
pub(crate) static REFRESH_TTL: Seconds<u32> = Seconds::whole(c"refresh-ttl", 604_800, 1, MOST_TTL as u64);

/// How long a session lasts at most, however often it is rotated.
pub(crate) static SESSION_MAX_AGE: Seconds =
    Seconds::whole(c"session-max-age", 2_592_000, 1, MOST_TTL as u64);

/// How many sessions a subject may have in a store.
pub(crate) static SESSIONS_PER_SUBJECT: Count = Count::new(c"sessions-per-subject", 100, 1, 10_000);

/// How long a refresh token that was used is answered with the same successor.
pub(crate) static ROTATE_GRACE: Seconds = Seconds::new(c"rotate-grace", 10, 0, 3600);

/// How long it is answered so while the successor was not used, because the reply may have been
/// lost.
pub(crate) static ROTATE_RETRY: Seconds = Seconds::new(c"rotate-retry", 0, 0, 604_800);

/// Sessions that began before this time have ended.
pub(crate) static TOKENS_NOT_BEFORE: Integer<Timestamp> = Integer::new(c"tokens-not-before", 0, 0, 1 << 53);

/// How many access tokens with a verified signature are cached.
pub(crate) static VERIFY_CACHE_ENTRIES: Count = Count::new(c"verify-cache-entries", 10_000, 0, 1_000_000);

/// How many key pairs there may be.
const MOST_KEYS: usize = 16;

fn read_keys(list: &[u8]) -> Result<Vec<Arc<Key>>, String> {
    let mut keys: Vec<Arc<Key>> = Vec::new();
    let paths: Vec<&[u8]> = list.split(u8::is_ascii_whitespace).filter(|path| !path.is_empty()).collect();
    for path in &paths {
        let shown = String::from_utf8_lossy(path);
        let pem = read_small(path).map_err(|why| {
            let hint = if path.contains(&b',') {
                "; separate files with spaces, not commas"
            } else if paths.len() > 1 {
                "; spaces separate files, so a path that has one can't be listed"
            } else {
                ""
            };
            format!("{shown}: {why}{hint}")
        })?;
        let key = Key::from_pem(&pem).map_err(|why| format!("{shown}: {why}"))?;
        if keys.iter().any(|other| other.kid == key.kid) {
            return Err(format!("{shown}: this key is in the list already"));
        }
        if key.can_sign() {
            warn_if_open(path);
        }
        keys.push(Arc::new(key));
    }
    if keys.len() > MOST_KEYS {
        return Err(format!("there are more than {MOST_KEYS} keys"));
    }
    if let (Some(key), Some(path)) = (keys.first(), paths.first()) {
        if !key.can_sign() {
            return Err(format!(
                "{}: the first file signs, so it has to hold a private key, and this one holds a public key alone",
                String::from_utf8_lossy(path)
            ));
        }
    }
    Ok(keys)
}

fn read_secrets(path: &[u8]) -> Result<Vec<Arc<Key>>, String> {
    with_secrets(path, |secret| Arc::new(Key::from_secret(secret)))
}

fn read_refresh_secrets(path: &[u8]) -> Result<Vec<hmac::Key>, String> {
    with_secrets(path, |secret| hmac::Key::new(hmac::HMAC_SHA256, secret))
}

fn with_secrets<T>(path: &[u8], make: impl Fn(&[u8]) -> T) -> Result<Vec<T>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = read_small(path)?;
    warn_if_open(path);
    Ok(secrets::parse(&bytes)?.into_iter().map(make).collect())
}

fn warn_if_open(path: &[u8]) {
    if is_open_to_all(path) {
        let shown = String::from_utf8_lossy(path);
        log::warning(&format!(
            "everybody on this machine may read {shown}, which holds a secret of lockwatch's: chmod 600"
        ));
    }
}

fn name(text: &[u8]) -> Result<Arc<str>, String> {
    let text = std::str::from_utf8(text).ok().filter(|text| session::is_name(text));
    text.map(Into::into).ok_or_else(|| format!("it is not text of 1 to {} bytes", session::NAME))
}

/// The issuer, and the audience of sessions that have none of their own.
pub(crate) fn names() -> (Arc<str>, Arc<str>) {
    (JWT_ISSUER.get(), JWT_AUDIENCE.get())
}

/// The rules by which a refresh token of a session in `store` is judged at `now`.
pub(crate) fn rules(now: Timestamp, store: Option<&Store>) -> Rules {
    let (life, alive_since) = life::current();
    let life = store.map_or(NO_LIFE, |store| store.own_life(life));
    Rules {
        now,
        grace: ROTATE_GRACE.get(),
        retry: ROTATE_RETRY.get(),
        not_before: TOKENS_NOT_BEFORE.get(),
        max_age: SESSION_MAX_AGE.get(),
        life,
        alive_since,
    }
}
