//! Short pages that say one thing, and where a browser goes from them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::log;

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    title: &'a str,
    text: &'a str,
    /// Where the page leads to at once.
    refresh: Option<&'a str>,
}

pub fn page(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, &Notice { title, text, refresh: None })
}

/// A page that leads a browser to `path`.
pub fn lead_on(path: &str) -> Response {
    html(StatusCode::OK, &Notice { title: "One moment", text: "", refresh: Some(path) })
}

pub fn html(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(why) => {
            log::line(&format!("a page can't be written: {why}"));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `path` if it is a path of this server, else `/`: browsers read `//host` and `/\host` as another
/// server.
pub fn local_path(path: &str) -> &str {
    let local = path.starts_with('/') && !path[1..].starts_with('/') && path.len() <= 4096;
    if local && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_followed() {
        for own in ["/", "/audit?user=a%20b&kind=login#x", "/a//b"] {
            assert_eq!(local_path(own), own);
        }
        for foreign in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil",
            "/\n/evil",
            "/\t/evil",
            "/é",
        ] {
            assert_eq!(local_path(foreign), "/", "{foreign:?}");
        }
    }
}
