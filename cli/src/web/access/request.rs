//! What a request says of who makes it, and of the form that it posts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header::{COOKIE, HeaderMap};

use super::Access;
use super::sessions::Session;

/// The fields of a form that was posted, in the extensions of the request.
#[derive(Clone, Debug, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The value of a field, empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// The session of a request's cookie.
pub fn session(access: &Access, headers: &HeaderMap) -> Option<Arc<Session>> {
    let name = access.site.cookie();
    let pairs = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = pairs.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, secret) = pairs.find(|(given, _)| *given == name)?;
    access.sessions.get(secret)
}

/// Whether a browser asks for a page to show. Programs do not say.
pub fn is_document(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_none_or(|dest| dest == "document")
}
