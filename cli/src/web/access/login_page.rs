//! The page at which visitors sign in, and the one that ends a session.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::header::{HeaderMap, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::address::{self, Peer};
use super::login::Refused;
use super::request::{self, Fields, is_document};
use super::secret::Mark;
use super::sessions::{LIFE, Session};
use super::site::only;
use super::{Access, Entrance};
use crate::web::log;
use crate::web::notice::{self, local_path};

pub const PATH: &str = "/login";

pub fn routes() -> Router<Arc<Access>> {
    Router::new().route(PATH, get(show).post(sign_in)).route("/logout", post(sign_out))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate<'a> {
    /// The page to go to then.
    next: &'a str,
    failure: Option<&'a str>,
}

/// The answer to a request that needs a session.
pub fn needed(access: &Access, request: &Request) -> Response {
    let here = local_path(request.uri().path_and_query().map_or("/", |it| it.as_str()));
    let headers = request.headers();
    // A browser that follows a link on another site leaves the cookie out, because it is
    // SameSite=Strict. It sends the cookie when this page leads it on.
    let comes_by_link = only(headers, "sec-fetch-site") == Some("cross-site");
    if comes_by_link && request.method() == Method::GET && is_document(headers) {
        return notice::lead_on(here);
    }
    let next = if request.method() == Method::GET { here } else { "/" };
    entrance(access, next, None)
}

fn entrance(access: &Access, next: &str, failure: Option<&str>) -> Response {
    match &access.entrance {
        Entrance::Login(_) => {
            let next = if next.starts_with(PATH) { "/" } else { next };
            notice::html(StatusCode::UNAUTHORIZED, &LoginTemplate { next, failure })
        }
        Entrance::Link(_) => {
            let text = "Open the link that `lockwatch web` prints. It works once, and for 60 seconds. If it was \
                used or is too old, `kill -USR1` with the number of the process prints another one: the terminal \
                shows the whole line.";
            notice::page(StatusCode::UNAUTHORIZED, failure.unwrap_or("Sign in"), text)
        }
    }
}

pub fn unavailable() -> Response {
    let text = "The auth file can't be used at present. The log of `lockwatch web` says why.";
    notice::page(StatusCode::SERVICE_UNAVAILABLE, "Nobody can sign in", text)
}

#[derive(serde::Deserialize)]
struct Asked {
    token: Option<String>,
}

/// Redeems a link, or shows the form.
async fn show(State(access): State<Arc<Access>>, Query(asked): Query<Asked>, request: Request) -> Response {
    let session = request::session(&access, request.headers());
    match (&access.entrance, asked.token) {
        // HEAD is what programs send that only look whether a link is alive.
        (Entrance::Link(link), Some(token)) if request.method() == Method::GET => {
            if !link.redeem(&token) {
                return entrance(&access, "/", Some("The link has been used, or is too old"));
            }
            log::line("signed in by the one-time link");
            begin(&access, "local", None, "/", session)
        }
        (_, None) if request.extensions().get::<Arc<Session>>().is_some() => redirect("/", None),
        _ => entrance(&access, "/", None),
    }
}

async fn sign_in(
    State(access): State<Arc<Access>>,
    Extension(peer): Extension<Peer>,
    Extension(fields): Extension<Fields>,
    headers: HeaderMap,
) -> Response {
    let Entrance::Login(login) = &access.entrance else { return entrance(&access, "/", None) };
    let (name, next) = (fields.get("name").trim(), local_path(fields.get("next")));
    let from = address::visitor(peer, &headers, access.site.proxied);
    let refused = match login.check(name, fields.get("password"), from).await {
        Ok(mark) => return begin(&access, name, Some(mark), next, request::session(&access, &headers)),
        Err(refused) => refused,
    };
    let (status, text, wait) = match refused {
        Refused::Wrong => (StatusCode::UNAUTHORIZED, "The name or the password is wrong.".into(), None),
        Refused::Busy => {
            let text = "Too many are signing in at the same time. Try again in a few seconds.".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, text, Some(5))
        }
        Refused::Unavailable => return unavailable(),
        Refused::TooMany(wait) => {
            let seconds = wait.as_secs() + 1;
            let text = format!("There were too many tries. Try again in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, text, Some(seconds))
        }
    };
    let mut response = entrance(&access, next, Some(&text));
    *response.status_mut() = status;
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

async fn sign_out(
    State(access): State<Arc<Access>>,
    Extension(session): Extension<Arc<Session>>,
) -> Response {
    session.end();
    log::line(&format!("'{}' signed out", session.name));
    redirect(PATH, Some(cookie(&access, "", Duration::ZERO)))
}

/// Begins a session in place of the one that the visitor had, and sends the visitor on.
fn begin(
    access: &Access,
    name: &str,
    account: Option<Mark>,
    next: &str,
    old: Option<Arc<Session>>,
) -> Response {
    if let Some(old) = old {
        old.end();
    }
    match access.sessions.begin(name, account) {
        Ok(secret) => redirect(next, Some(cookie(access, &secret, LIFE))),
        Err(why) => {
            log::line(&format!("a session can't begin: {why}"));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn cookie(access: &Access, value: &str, life: Duration) -> String {
    let secure = if access.site.is_https() { "; Secure" } else { "" };
    let (name, seconds) = (access.site.cookie(), life.as_secs());
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn redirect(to: &str, cookie: Option<String>) -> Response {
    let headers: Vec<(HeaderName, String)> =
        [Some((LOCATION, to.to_owned())), cookie.map(|cookie| (SET_COOKIE, cookie))]
            .into_iter()
            .flatten()
            .collect();
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in headers {
        match value.parse() {
            Ok(value) => _ = response.headers_mut().insert(name, value),
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
    response
}
