//! The keys and secrets in force: those that directives name, or else those that were generated in
//! the server's working directory.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;

use super::error::TokenError;
use super::generate::{self, GeneratedKeys, Needs};
use super::key::Key;
use super::seed;

#[derive(Default)]
pub(crate) struct Keyring {
    /// The first signs, all verify.
    pub keys: Vec<Arc<Key>>,
    /// The first makes refresh tokens, all verify.
    pub refresh: Vec<hmac::Key>,
    /// Grows with each change. What was verified with another revision must be verified again.
    pub revision: u64,
}

impl Keyring {
    pub(crate) fn signer(&self) -> Result<&Arc<Key>, TokenError> {
        self.keys.first().filter(|key| key.can_sign()).ok_or_else(no_key)
    }

    /// The secret that makes refresh tokens.
    pub(crate) fn refresh_secret(&self) -> Result<&hmac::Key, TokenError> {
        self.refresh.first().ok_or_else(no_key)
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Refuses if no key can verify.
    pub(crate) fn require_keys(&self) -> Result<(), TokenError> {
        if self.keys.is_empty() { Err(no_key()) } else { Ok(()) }
    }
}

/// The error for a missing key, with the reason if it is known.
pub(crate) fn no_key() -> TokenError {
    let why = lock().problem.clone();
    TokenError::NoKey(match why {
        Some(why) => why.into(),
        None => "there is no key: set lockwatch.jwt-keys and lockwatch.refresh-secret-file".into(),
    })
}

/// Where keys come from, and the keyring that follows.
#[derive(Default)]
struct Sources {
    pairs: Vec<Arc<Key>>,
    secrets: Vec<Arc<Key>>,
    refresh: Vec<hmac::Key>,
    generated: GeneratedKeys,
    /// Whether the working directory was searched for keys of an earlier run.
    is_loaded: bool,
    /// Why keys could not be loaded or generated.
    problem: Option<String>,
    ring: Arc<Keyring>,
}

static SOURCES: LazyLock<Mutex<Sources>> = LazyLock::new(Mutex::default);

fn lock() -> MutexGuard<'static, Sources> {
    SOURCES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sources {
    fn rebuild(&mut self) {
        let keys = if !self.pairs.is_empty() {
            [&self.pairs[..], &self.secrets[..]].concat()
        } else if !self.secrets.is_empty() {
            self.secrets.clone()
        } else {
            self.generated.key.iter().cloned().collect()
        };
        let generated = || self.generated.refresh.iter().cloned().collect();
        let refresh = if self.refresh.is_empty() { generated() } else { self.refresh.clone() };
        keys.first().into_iter().for_each(|signer| seed::prepare_for(signer));
        self.ring = Arc::new(Keyring { keys, refresh, revision: self.ring.revision + 1 });
    }
}

/// Sets the key pairs. The first one signs.
pub(crate) fn set_pairs(pairs: Vec<Arc<Key>>) {
    let mut sources = lock();
    sources.pairs = pairs;
    sources.rebuild();
}

/// Sets the secrets that verify, and that sign if there is no key pair.
pub(crate) fn set_secrets(secrets: Vec<Arc<Key>>) {
    let mut sources = lock();
    sources.secrets = secrets;
    sources.rebuild();
}

/// Sets the secrets of refresh tokens.
pub(crate) fn set_refresh(secrets: Vec<hmac::Key>) {
    let mut sources = lock();
    sources.refresh = secrets;
    sources.rebuild();
}

/// Sets the generated keys, or why there are none.
pub(crate) fn set_generated(result: Result<GeneratedKeys, String>) {
    let mut sources = lock();
    sources.is_loaded = true;
    match result {
        Ok(keys) => {
            sources.generated = keys;
            sources.problem = None;
        }
        Err(why) => sources.problem = Some(why),
    }
    sources.rebuild();
}

/// The keyring in force. If the directives leave something open, the first call reads the two small
/// files that an earlier run may have generated.
pub(crate) fn current() -> Arc<Keyring> {
    let ring = Arc::clone(&lock().ring);
    let is_complete = !ring.keys.is_empty() && !ring.refresh.is_empty();
    if !is_complete && !lock().is_loaded {
        set_generated(generate::load());
        return known();
    }
    ring
}

/// The keyring in force, without reading a file.
pub(crate) fn known() -> Arc<Keyring> {
    Arc::clone(&lock().ring)
}

/// Which keys are missing.
pub(crate) fn needs() -> Needs {
    let sources = lock();
    Needs { key: sources.ring.keys.is_empty(), refresh: sources.ring.refresh.is_empty() }
}
