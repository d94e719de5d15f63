//! The style sheet, the script and the icon. They are part of the program.

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::query::Query;
use crate::web::app::App;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
    /// Of the content: a URL that holds it never changes what it names.
    version: LazyLock<String>,
}

static ASSETS: [Asset; 3] = [
    Asset {
        name: "page.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("../../../static/page.css"),
        version: LazyLock::new(|| version(include_str!("../../../static/page.css"))),
    },
    Asset {
        name: "page.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../../static/page.js"),
        version: LazyLock::new(|| version(include_str!("../../../static/page.js"))),
    },
    Asset {
        name: "icon.svg",
        media_type: "image/svg+xml",
        content: include_str!("../../../static/icon.svg"),
        version: LazyLock::new(|| version(include_str!("../../../static/icon.svg"))),
    },
];

fn version(content: &str) -> String {
    let digest = digest::digest(&digest::SHA256, content.as_bytes());
    digest.as_ref().iter().take(8).fold(String::new(), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The URL of an asset, with its version.
pub fn url(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    format!("/static/{name}?v={}", asset.map_or("", |asset| asset.version.as_str()))
}

pub fn routes() -> Router<App> {
    Router::new().route("/static/{name}", get(asset))
}

async fn asset(Path(name): Path<String>, query: Query, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{}\"", *asset.version);
    let is_current = query.bytes("v") == asset.version.as_bytes();
    let caching = if is_current { "private, max-age=31536000, immutable" } else { "no-cache" };
    let common = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, caching.to_owned())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, asset.media_type)], asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_asset_has_a_version_of_its_own() {
        let urls = ASSETS.each_ref().map(|asset| url(asset.name));
        assert!(urls.iter().all(|url| url.split_once("?v=").is_some_and(|(_, version)| version.len() == 16)));
        assert_ne!(urls[0].split_once('?').unwrap().1, urls[1].split_once('?').unwrap().1);
    }
}
