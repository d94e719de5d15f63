//! The directives of alerts. Three of them make up the list of endpoints.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::server::directive::{Bytes, Count, Seconds, Switch, Text};
use crate::server::log;
use lockwatch_common::file::read_small;

use super::endpoint::{self, Endpoint, EndpointId, MAX_ENDPOINTS};
use super::secret::{self, Secret};

/// Where alerts are sent: URLs, separated by spaces.
pub(crate) static WEBHOOK_URLS: Text<Vec<Endpoint>> =
    Text::new(c"webhook-urls", c"", parse_urls).on_change(|| endpoints_changed(&WEBHOOK_URLS.get()));

/// A file with further endpoints: a line each, the URL, then its own secrets and other files.
pub(crate) static WEBHOOK_URLS_FILE: Text<Vec<Endpoint>> =
    Text::of_files(c"webhook-urls-file", read_urls_file)
        .on_change(|| endpoints_changed(&WEBHOOK_URLS_FILE.get()));

/// The file with the secrets that sign alerts for endpoints without secrets of their own.
pub(crate) static WEBHOOK_SECRET_FILE: Text<Vec<Secret>> =
    Text::of_files(c"webhook-secret-file", read_secret_file).on_change(|| endpoints_changed(&[]));

/// How long one try of a delivery may take.
pub(crate) static WEBHOOK_TIMEOUT: Seconds<Duration> = Seconds::new(c"webhook-timeout", 10, 1, 60);

/// Whether alerts may be sent to private and loopback addresses.
pub(crate) static WEBHOOK_ALLOW_PRIVATE: Switch = Switch::new(c"webhook-allow-private", false);

/// How many alerts may be pending.
pub(crate) static ALERT_MAX_EVENTS: Count = Count::new(c"alert-max-events", 10_000, 1, 1_000_000);

/// How much memory pending alerts may take.
pub(crate) static ALERT_MAX_BYTES: Bytes = Bytes::with_units(c"alert-max-bytes", 16 << 20, 1 << 20, 1 << 30);

/// The endpoints in force.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Those of `webhook-urls`, then those of `webhook-urls-file`.
    pub endpoints: Vec<Arc<Endpoint>>,
}

/// The endpoints that were set since [`changed`] was last called; `None` if no directive of theirs
/// changed.
static CHANGED: Mutex<Option<Vec<EndpointId>>> = Mutex::new(None);

fn change() -> MutexGuard<'static, Option<Vec<EndpointId>>> {
    CHANGED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn endpoints_changed(set: &[Endpoint]) {
    change().get_or_insert_default().extend(set.iter().map(|endpoint| endpoint.id));
}

/// The endpoints in force and the ids of those that were set, if either has changed since the last
/// call.
pub(crate) fn changed() -> Option<(Settings, Vec<EndpointId>)> {
    let set_again = change().take()?;
    let secrets = WEBHOOK_SECRET_FILE.get();
    let with_secrets = |mut endpoint: Endpoint| {
        if endpoint.extras.secrets.is_empty() {
            endpoint.extras.secrets.clone_from(&secrets);
        }
        Arc::new(endpoint)
    };
    let endpoints = WEBHOOK_URLS.get().into_iter().chain(WEBHOOK_URLS_FILE.get());
    Some((Settings { endpoints: endpoints.map(with_secrets).collect() }, set_again))
}

/// Forgets which endpoints were set. When the server starts, its configuration file sets them all,
/// but the data it loads may say that one is disabled.
pub(crate) fn forget_set_again() {
    if let Some(set_again) = &mut *change() {
        set_again.clear();
    }
}

fn parse_urls(text: &[u8]) -> Result<Vec<Endpoint>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the list is not text")?;
    let endpoints = endpoint::parse_urls(text)?;
    check_together(&endpoints, &WEBHOOK_URLS_FILE.latest())?;
    // CONFIG GET and SLOWLOG show it, and no server lets a module hide it.
    if let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.is_secret()) {
        log::warning(&format!(
            "lockwatch.webhook-urls holds a URL that is a secret ({}), which CONFIG GET and SLOWLOG show: \
             put it into the file of lockwatch.webhook-urls-file",
            endpoint.source
        ));
    }
    Ok(endpoints)
}

fn read_urls_file(path: &[u8]) -> Result<Vec<Endpoint>, String> {
    let endpoints =
        if path.is_empty() { Vec::new() } else { endpoint::parse_file(&read_small(path)?, read_small)? };
    check_together(&endpoints, &WEBHOOK_URLS.latest())?;
    Ok(endpoints)
}

fn read_secret_file(path: &[u8]) -> Result<Vec<Secret>, String> {
    if path.is_empty() { Ok(Vec::new()) } else { secret::parse_secrets(&read_small(path)?) }
}

/// Refuses two lists that together are too long or name an endpoint twice.
fn check_together(new: &[Endpoint], others: &[Endpoint]) -> Result<(), String> {
    if new.len() + others.len() > MAX_ENDPOINTS {
        return Err(format!(
            "webhook-urls and webhook-urls-file together have more than {MAX_ENDPOINTS} endpoints"
        ));
    }
    match new.iter().find(|endpoint| others.iter().any(|other| other.id == endpoint.id)) {
        Some(endpoint) => {
            Err(format!("an endpoint at {} is in both webhook-urls and webhook-urls-file", endpoint.label))
        }
        None => Ok(()),
    }
}
