//! Live updates end with the session that they were begun in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures_util::StreamExt;

use super::sessions::Session;
use super::{Access, Denied};

/// How soon after the end of its session a stream ends.
const CHECKED_EVERY: Duration = Duration::from_millis(500);

/// Bounds a response that may go on for ever.
pub fn bound(response: Response, access: &Arc<Access>, session: &Arc<Session>) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
    if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return response;
    }
    let over = over(Arc::clone(access), Arc::clone(session));
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

async fn over(access: Arc<Access>, session: Arc<Session>) {
    while !matches!(access.role_of(&session), Err(Denied::SignedOut)) {
        tokio::time::sleep(CHECKED_EVERY).await;
    }
}
