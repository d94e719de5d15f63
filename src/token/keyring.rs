//! The keys and secrets in force: those that directives name, or, where they name none, those that were made in the
//! server's working directory.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;

use super::error::TokenError;
use super::generate::{self, Made, Needs};
use super::key::Key;

/// What signs and verifies.
#[derive(Default)]
pub struct Keyring {
    /// Signing keys: the first signs, all verify.
    pub keys: Vec<Arc<Key>>,
    /// Refresh secrets: the first makes tokens, all verify.
    pub refresh: Vec<hmac::Key>,
    /// How often the keyring has changed: what was found out with another one is worth nothing.
    pub round: u64,
}

impl Keyring {
    /// The key that signs.
    pub fn signer(&self) -> Result<&Arc<Key>, TokenError> {
        self.keys.first().filter(|key| key.can_sign()).ok_or_else(no_key)
    }

    /// The secret that makes refresh tokens.
    pub fn refresh_secret(&self) -> Result<&hmac::Key, TokenError> {
        self.refresh.first().ok_or_else(no_key)
    }

    /// The key with that id.
    pub fn find(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// The keys that verify, if there is any.
    pub fn require_keys(&self) -> Result<(), TokenError> {
        if self.keys.is_empty() { Err(no_key()) } else { Ok(()) }
    }
}

/// That there is no key, and why if that is known.
pub fn no_key() -> TokenError {
    let why = said().problem.clone();
    TokenError::NoKey(match why {
        Some(why) => why.into(),
        None => "there is no key: set lockwatch.jwt-keys and lockwatch.refresh-secret-file".into(),
    })
}

/// What each source says.
#[derive(Default)]
struct Said {
    pairs: Vec<Arc<Key>>,
    secrets: Vec<Arc<Key>>,
    refresh: Vec<hmac::Key>,
    made: Made,
    /// The working directory has been looked at for what was made earlier.
    looked: bool,
    /// Why what was made can't be used, or nothing can be made.
    problem: Option<String>,
    ring: Arc<Keyring>,
    round: u64,
}

static SAID: LazyLock<Mutex<Said>> = LazyLock::new(Mutex::default);

fn said() -> MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Said {
    fn renew(&mut self) {
        self.round += 1;
        let keys = match () {
            () if !self.pairs.is_empty() => [&self.pairs[..], &self.secrets[..]].concat(),
            () if !self.secrets.is_empty() => self.secrets.clone(),
            () => self.made.key.iter().cloned().collect(),
        };
        let made = || self.made.refresh.iter().cloned().collect();
        let refresh = if self.refresh.is_empty() { made() } else { self.refresh.clone() };
        self.ring = Arc::new(Keyring { keys, refresh, round: self.round });
    }
}

/// From now on these key pairs are used: the first signs.
pub fn set_pairs(pairs: Vec<Arc<Key>>) {
    let mut said = said();
    said.pairs = pairs;
    said.renew();
}

/// From now on these secrets sign, if there is no key pair, and verify.
pub fn set_secrets(secrets: Vec<Arc<Key>>) {
    let mut said = said();
    said.secrets = secrets;
    said.renew();
}

/// From now on these secrets make refresh tokens.
pub fn set_refresh(secrets: Vec<hmac::Key>) {
    let mut said = said();
    said.refresh = secrets;
    said.renew();
}

/// From now on this is what was made.
pub fn set_made(made: Result<Made, String>) {
    let mut said = said();
    said.looked = true;
    match made {
        Ok(made) => {
            said.made = made;
            said.problem = None;
        }
        Err(why) => said.problem = Some(why),
    }
    said.renew();
}

/// What is in force. Where the directives leave something open, what an earlier run of the server made is used: two small
/// files are read, once.
pub fn current() -> Arc<Keyring> {
    let ring = Arc::clone(&said().ring);
    if !is_complete(&ring) && !said().looked {
        set_made(generate::load());
        return Arc::clone(&said().ring);
    }
    ring
}

/// What is in force, without looking for more.
pub fn known() -> Arc<Keyring> {
    Arc::clone(&said().ring)
}

/// Whether nothing is missing.
pub fn is_complete(ring: &Keyring) -> bool {
    !ring.keys.is_empty() && !ring.refresh.is_empty()
}

/// What is missing.
pub fn needs() -> Needs {
    let said = said();
    Needs { key: said.ring.keys.is_empty(), refresh: said.ring.refresh.is_empty() }
}
