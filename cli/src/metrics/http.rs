//! The HTTP server. A connection serves one request and has a time limit for each of its parts, so
//! that slow or idle clients can't keep others away.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::accept;
use super::source::Source;
use crate::connections::{Connections, Ticket};
use crate::signal::Stop;

/// How long a client may take to send the head of its request.
const HEAD: Duration = Duration::from_secs(5);
/// How long it may take for everything else, besides the time that the servers take to answer.
const REST: Duration = Duration::from_secs(20);
/// The most bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// How long answers that are under way may take after the signal to stop.
const FAREWELL: Duration = Duration::from_secs(2);
/// The pause after a connection could not be accepted, because files are short for example.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until a signal asks to stop.
pub async fn serve(listener: TcpListener, source: Arc<Source>, stop: &mut Stop) {
    let limit = HEAD + REST + source.time_limit() * 2;
    let router = router(source);
    let open = Arc::new(Connections::default());
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.requested() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (router, ticket) = (router.clone(), open.open());
        connections.spawn(async move {
            tokio::select! {
                _ = tokio::time::timeout(limit, answer(stream, router, &ticket)) => {}
                () = ticket.evicted() => {}
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
}

/// Serves one request of a connection. A client that breaks off is no failure of ours.
async fn answer(stream: TcpStream, router: Router, ticket: &Ticket) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        ticket.vouch();
        router.clone().oneshot(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).keep_alive(false);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

fn router(source: Arc<Source>) -> Router {
    Router::new()
        .route("/", get(|| async { "The metrics are at /metrics.\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found: the metrics are at /metrics\n") })
        .with_state(source)
}

async fn metrics(State(source): State<Arc<Source>>, headers: HeaderMap) -> Response {
    // A scraper may send the header in several lines.
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = accept::format(&values.collect::<Vec<_>>().join(","));
    match source.text(format).await {
        Ok(text) => {
            ([(CONTENT_TYPE, format.content_type()), (CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written\n").into_response(),
    }
}
