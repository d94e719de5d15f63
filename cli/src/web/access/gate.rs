//! The middleware that every request passes.
//!
//! It answers requests for other names, from other origins and without a session, so that a handler
//! behind it needs to look at none of these. What it lets through carries a [`Visitor`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::RequestExt;
use axum::body::{self, Body};
use axum::extract::{Form, Request, State};
use axum::http::header::{ALLOW, CONTENT_LENGTH, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::request::{Fields, is_document, session};
use super::sessions::Session;
use super::{Access, Denied, headers, login_page, secret};
use crate::connections::Ticket;
use crate::web::app::{LIVE, STATIC, Visitor};
use crate::web::{log, notice};

/// The largest body of a request, and how long a client may take to send it.
const MAX_BODY: usize = 16 * 1024;
const BODY_TIME: Duration = Duration::from_secs(10);

pub async fn gate(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&access, request).await {
        // A handler that panics leaves no half-written state that others see: what visitors share
        // is replaced as a whole.
        Ok(request) => AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| failed()),
        Err(Refusal(answer)) => *answer,
    };
    headers::protect(response.headers_mut(), access.site.is_strict());
    response
}

/// The answer in place of a handler's that panicked. The panic itself is on stderr.
fn failed() -> Response {
    log::line("a request failed by a fault of this program");
    let text = "This is a fault of `lockwatch web`. Its log says more. The other pages may work.";
    notice::page(StatusCode::INTERNAL_SERVER_ERROR, "The page can't be shown", text)
}

/// The answer to a request that no handler sees.
struct Refusal(Box<Response>);

impl<T: IntoResponse> From<T> for Refusal {
    fn from(answer: T) -> Self {
        Self(Box::new(answer.into_response()))
    }
}

async fn admit(access: &Arc<Access>, request: Request) -> Result<Request, Refusal> {
    let method = request.method().clone();
    if ![Method::GET, Method::HEAD, Method::POST].contains(&method) {
        let allowed = [(ALLOW, HeaderValue::from_static("GET, HEAD, POST"))];
        return refuse((StatusCode::METHOD_NOT_ALLOWED, allowed, "The page takes no such request.\n"));
    }
    let Some(host) = access.site.host(request.uri(), request.headers()) else {
        return refuse((StatusCode::MISDIRECTED_REQUEST, "The page has another address.\n"));
    };
    let mut request = if method == Method::POST {
        if !access.site.is_own_post(host, request.headers()) {
            return refuse((StatusCode::FORBIDDEN, "This was sent from another page.\n"));
        }
        read_form(request).await?
    } else {
        request
    };
    let Some((session, visitor)) = visitor(access, &request)? else {
        let public = is_public(request.uri().path());
        return if public { Ok(request) } else { refuse(login_page::needed(access, &request)) };
    };
    if let Some(ticket) = request.extensions().get::<Arc<Ticket>>() {
        ticket.vouch();
    }
    if method == Method::POST && request.uri().path() != login_page::PATH && !has_token(&request, &session) {
        let text = "The form is of another session. Go back, reload the page and try again.";
        return refuse(notice::page(StatusCode::FORBIDDEN, "Not done", text));
    }
    request.extensions_mut().insert(visitor);
    request.extensions_mut().insert(session);
    Ok(request)
}

fn refuse<T>(answer: impl IntoResponse) -> Result<T, Refusal> {
    Err(answer.into())
}

/// Whether a form was made for this session.
fn has_token(request: &Request, session: &Session) -> bool {
    let given = request.extensions().get::<Fields>().map_or("", |fields| fields.get("csrf"));
    secret::equal(given.as_bytes(), session.csrf.as_bytes())
}

/// Paths that need no session.
fn is_public(path: &str) -> bool {
    path == login_page::PATH || path.starts_with(STATIC)
}

/// Reads a form in time, and puts its fields into the extensions.
async fn read_form(request: Request) -> Result<Request, Refusal> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > MAX_BODY as u64) {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match tokio::time::timeout(BODY_TIME, body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return refuse(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT),
    };
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let Form(pairs) = copy.extract::<Form<Vec<(String, String)>>, _>().await?;
    parts.extensions.insert(Fields::of(pairs));
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Who makes a request, if there is a session for its cookie.
fn visitor(access: &Access, request: &Request) -> Result<Option<(Arc<Session>, Visitor)>, Refusal> {
    let Some(session) = session(access, request.headers()) else { return Ok(None) };
    let role = match access.role_of(&session) {
        Ok(role) => role,
        Err(Denied::SignedOut) => return Ok(None),
        Err(Denied::Unavailable) => return refuse(login_page::unavailable()),
    };
    let path = request.uri().path();
    let is_use = !path.starts_with(LIVE) && !path.starts_with(STATIC);
    if is_use {
        session.touch();
    }
    let shows_flash = is_use && request.method() == Method::GET && is_document(request.headers());
    let flash = if shows_flash { session.take_flash() } else { None };
    let visitor = Visitor { name: session.name.clone(), role, csrf: session.csrf.clone(), flash };
    Ok(Some((session, visitor)))
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt;

    use super::*;
    use crate::web::access::site::Site;

    async fn broken() -> &'static str {
        panic!("broken")
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_for() {
        let access = Access::by_link(Site::at("127.0.0.1:9700".parse().unwrap(), false));
        let router = Router::new()
            .route("/static/broken", get(broken))
            .layer(middleware::from_fn_with_state(access, gate));
        let request = Request::builder().uri("/static/broken").header("host", "127.0.0.1:9700");
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.headers().contains_key("content-security-policy"));
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
}
