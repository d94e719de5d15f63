//! What the directives say of endpoints: three lists that become one.
//!
//! A directive's setter only reads, checks and keeps; the pump takes what is new before the next delivery.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config;
use crate::server::file::read_small;

use super::endpoint::{self, Endpoint, EndpointId, MAX_ENDPOINTS};
use super::secret::{self, Secret};

/// The endpoints in force.
#[derive(Clone, Default)]
pub struct Settings {
    /// Those of `webhook-urls`, then those of `webhook-urls-file`.
    pub endpoints: Vec<Arc<Endpoint>>,
}

/// What each directive says.
struct Said {
    urls: Vec<Endpoint>,
    from_file: Vec<Endpoint>,
    secrets: Vec<Secret>,
    changed: bool,
    /// Endpoints that were set since the last time the settings were taken.
    set_again: Vec<EndpointId>,
}

static SAID: Mutex<Said> = Mutex::new(Said {
    urls: Vec::new(),
    from_file: Vec::new(),
    secrets: Vec::new(),
    changed: false,
    set_again: Vec::new(),
});

/// Only the main thread says or asks anything here.
fn said() -> MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes `webhook-urls`.
pub fn take_urls(text: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "the list is not text")?;
    let urls = endpoint::parse_urls(text)?;
    let mut said = said();
    fits(&urls, &said.from_file)?;
    said.urls = urls;
    let ids: Vec<_> = said.urls.iter().map(|endpoint| endpoint.id).collect();
    said.has_changed(ids);
    Ok(())
}

/// Takes `webhook-urls-file`.
pub fn take_urls_file(path: &[u8]) -> Result<(), String> {
    let endpoints = if path.is_empty() { Vec::new() } else { endpoint::parse_file(&read_small(path)?)? };
    let mut said = said();
    fits(&endpoints, &said.urls)?;
    said.from_file = endpoints;
    let ids: Vec<_> = said.from_file.iter().map(|endpoint| endpoint.id).collect();
    said.has_changed(ids);
    Ok(())
}

/// Takes `webhook-secret-file`.
pub fn take_secret_file(path: &[u8]) -> Result<(), String> {
    let secrets = if path.is_empty() { Vec::new() } else { secret::parse_secrets(&read_small(path)?)? };
    let mut said = said();
    said.secrets = secrets;
    said.has_changed(Vec::new());
    Ok(())
}

/// Whether two lists together are not too long and name no endpoint twice.
fn fits(new: &[Endpoint], others: &[Endpoint]) -> Result<(), String> {
    if new.len() + others.len() > MAX_ENDPOINTS {
        return Err(format!(
            "webhook-urls and webhook-urls-file together have more than {MAX_ENDPOINTS} endpoints"
        ));
    }
    let twice = |endpoint: &&Endpoint| others.iter().any(|other| other.id == endpoint.id);
    match new.iter().find(twice) {
        Some(endpoint) => {
            Err(format!("an endpoint at {} is in both webhook-urls and webhook-urls-file", endpoint.label))
        }
        None => Ok(()),
    }
}

impl Said {
    fn has_changed(&mut self, set: Vec<EndpointId>) {
        self.changed = true;
        self.set_again.extend(set);
        super::wake::scheduler();
    }
}

/// The settings, if they have changed since this was last asked, and the endpoints that were set since.
pub fn changed() -> Option<(Settings, Vec<EndpointId>)> {
    let mut said = said();
    if !std::mem::take(&mut said.changed) {
        return None;
    }
    let secrets = said.secrets.clone();
    let all = said.urls.iter().chain(&said.from_file).cloned();
    let with_secrets = |mut endpoint: Endpoint| {
        if endpoint.secrets.is_empty() {
            endpoint.secrets = secrets.clone();
        }
        Arc::new(endpoint)
    };
    let settings = Settings { endpoints: all.map(with_secrets).collect() };
    Some((settings, std::mem::take(&mut said.set_again)))
}

/// Endpoints that a configuration file sets when the server starts are not set again: what is loaded may say that one
/// of them is disabled.
pub fn forget_set_again() {
    said().set_again.clear();
}

/// How long one try may take.
pub fn timeout() -> Duration {
    Duration::from_secs(u64::try_from(config::WEBHOOK_TIMEOUT.get()).unwrap_or(1))
}
