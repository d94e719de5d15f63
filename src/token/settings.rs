//! What the directives say of tokens.

use std::ffi::CStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::hmac;

use crate::config;
use crate::server::file::{is_open_to_all, read_small};
use crate::server::log;
use crate::text::time::{Span, Timestamp};

use super::key::Key;
use super::rotation::Rules;
use super::{keyring, life, secrets, session};

/// How many key pairs there may be.
const MOST_KEYS: usize = 16;

/// What directives said before they were changed in this turn of the event loop. A CONFIG SET of several that fails sets
/// those that it has changed back: to what was in force, whatever has become of the files.
static BEFORE: Mutex<Vec<Before>> = Mutex::new(Vec::new());

struct Before {
    directive: &'static CStr,
    text: Vec<u8>,
    loaded: Loaded,
}

/// What a directive's files held.
#[derive(Clone)]
enum Loaded {
    Pairs(Vec<Arc<Key>>),
    Secrets(Vec<Arc<Key>>),
    Refresh(Vec<hmac::Key>),
}

/// What is in force, under the texts that brought it.
static IN_FORCE: Mutex<Vec<Before>> = Mutex::new(Vec::new());

/// The turn is over.
pub fn before_sleep() {
    if let Ok(mut before) = BEFORE.try_lock() {
        before.clear();
    }
}

/// Puts what `text` means for `directive` in force: what `load` makes of its files, or what it meant at the beginning of
/// this turn.
fn take(
    directive: &'static CStr,
    text: &[u8],
    load: impl FnOnce() -> Result<Loaded, String>,
) -> Result<(), String> {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let known = before.iter().find(|known| known.directive == directive && known.text == text);
    let loaded = match known {
        Some(known) => known.loaded.clone(),
        None => load()?,
    };
    keyring_set(&loaded);
    let mut in_force = IN_FORCE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = in_force.iter().position(|now| now.directive == directive) {
        before.push(in_force.swap_remove(at));
    }
    in_force.push(Before { directive, text: text.to_vec(), loaded });
    Ok(())
}

fn keyring_set(loaded: &Loaded) {
    match loaded {
        Loaded::Pairs(keys) => keyring::set_pairs(keys.clone()),
        Loaded::Secrets(keys) => keyring::set_secrets(keys.clone()),
        Loaded::Refresh(secrets) => keyring::set_refresh(secrets.clone()),
    }
}

/// Takes `jwt-keys`: paths of PEM files.
pub fn take_keys(list: &[u8]) -> Result<(), String> {
    take(c"jwt-keys", list, || load_keys(list).map(Loaded::Pairs))
}

fn load_keys(list: &[u8]) -> Result<Vec<Arc<Key>>, String> {
    let mut keys: Vec<Arc<Key>> = Vec::new();
    for path in list.split(u8::is_ascii_whitespace).filter(|path| !path.is_empty()) {
        let shown = String::from_utf8_lossy(path);
        let key =
            read_small(path).and_then(|pem| Key::from_pem(&pem)).map_err(|why| format!("{shown}: {why}"))?;
        if keys.iter().any(|other| other.kid == key.kid) {
            return Err(format!("{shown}: the key stands in the list already"));
        }
        if key.can_sign() {
            warn_if_open(path);
        }
        keys.push(Arc::new(key));
    }
    if keys.len() > MOST_KEYS {
        return Err(format!("there are more than {MOST_KEYS} keys"));
    }
    if keys.first().is_some_and(|key| !key.can_sign()) {
        return Err("the first key is to sign, but its file holds a public key alone".to_owned());
    }
    Ok(keys)
}

/// Takes `jwt-secret-file`.
pub fn take_secret_file(path: &[u8]) -> Result<(), String> {
    take(c"jwt-secret-file", path, || {
        let keys = with_secrets(path, |secret| Arc::new(Key::from_secret(secret)))?;
        Ok(Loaded::Secrets(keys))
    })
}

/// Takes `refresh-secret-file`.
pub fn take_refresh_file(path: &[u8]) -> Result<(), String> {
    take(c"refresh-secret-file", path, || {
        let secrets = with_secrets(path, |secret| hmac::Key::new(hmac::HMAC_SHA256, secret))?;
        Ok(Loaded::Refresh(secrets))
    })
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

/// What tokens name.
struct Names {
    issuer: Arc<str>,
    audience: Arc<str>,
}

static NAMES: LazyLock<Mutex<Names>> = LazyLock::new(|| {
    Mutex::new(Names { issuer: config::DEFAULT_ISSUER.into(), audience: config::DEFAULT_AUDIENCE.into() })
});

/// Takes `jwt-issuer`.
pub fn take_issuer(text: &[u8]) -> Result<(), String> {
    let issuer = name(text)?;
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).issuer = issuer;
    Ok(())
}

/// Takes `jwt-audience`.
pub fn take_audience(text: &[u8]) -> Result<(), String> {
    let audience = name(text)?;
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).audience = audience;
    Ok(())
}

fn name(text: &[u8]) -> Result<Arc<str>, String> {
    let text = std::str::from_utf8(text).ok().filter(|text| session::is_name(text));
    text.map(Into::into).ok_or_else(|| format!("it is not text of 1 to {} bytes", session::NAME))
}

/// Who issues tokens, and for whom unless that is said.
pub fn names() -> (Arc<str>, Arc<str>) {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    (Arc::clone(&names.issuer), Arc::clone(&names.audience))
}

fn seconds(value: i64) -> Span {
    Span(u64::try_from(value).unwrap_or(0) * 1000)
}

/// How far clocks may be apart.
pub fn leeway() -> Span {
    seconds(config::JWT_LEEWAY.get())
}

/// How long a session may last in all.
pub fn max_age() -> Span {
    seconds(config::SESSION_MAX_AGE.get())
}

/// A time below it is in seconds: in milliseconds it would be in 1973.
const SECONDS: u64 = 100_000_000_000;

/// Sessions that began before it have ended.
pub fn not_before() -> Timestamp {
    let given = u64::try_from(config::TOKENS_NOT_BEFORE.get()).unwrap_or(0);
    // In an incident nobody should have to know the unit.
    Timestamp(if given < SECONDS { given * 1000 } else { given })
}

/// By what a refresh token is judged at `now`.
pub fn rules(now: Timestamp) -> Rules {
    let (life, alive_since) = life::current();
    Rules {
        now,
        grace: seconds(config::ROTATE_GRACE.get()),
        retry: seconds(config::ROTATE_RETRY.get()),
        not_before: not_before(),
        max_age: max_age(),
        life,
        alive_since,
    }
}
