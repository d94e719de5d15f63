//! Accepts connections and speaks HTTP/1.1 on them. A client that is slow in any way is given up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

use super::access::address::Peer;
use super::patient::Patient;
use super::tls::Tls;
use crate::connections::{Connections, Ticket};

/// How long a client may take for the TLS handshake, and for the head of a request. An idle
/// connection is closed after the same time.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(15);
/// How long a client may take nothing of what it asked for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest head of a request.
const MAX_HEAD: usize = 16 * 1024;
/// How long requests that are under way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted, for example for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Server {
    pub listener: TcpListener,
    pub tls: Option<Arc<Tls>>,
    pub router: Router,
    /// Turns true when the server has to stop.
    pub stop: watch::Receiver<bool>,
}

impl Server {
    /// Serves until it has to stop, and until the requests that are under way then are answered.
    pub async fn run(mut self) {
        let connections = Arc::new(Connections::default());
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = self.stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => _ = tokio::spawn(self.one(stream, peer, connections.open())),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        drop(self.listener);
        let left = async {
            while connections.count() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, left).await;
    }

    fn one(&self, stream: TcpStream, peer: SocketAddr, ticket: Ticket) -> impl Future<Output = ()> + use<> {
        let (tls, router, stop) = (self.tls.clone(), self.router.clone(), self.stop.clone());
        let ticket = Arc::new(ticket);
        async move {
            let _ = stream.set_nodelay(true);
            let talk = Talk { router, stop, peer: Peer(peer.ip()), ticket: Arc::clone(&ticket) };
            let whole = async {
                let Some(tls) = tls else { return talk.over(stream).await };
                let handshake = tls.acceptor().accept(stream);
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, handshake).await {
                    talk.over(stream).await;
                }
            };
            tokio::select! {
                () = whole => {}
                () = ticket.evicted() => {}
            }
        }
    }
}

/// The requests of one connection.
struct Talk {
    router: Router,
    stop: watch::Receiver<bool>,
    peer: Peer,
    ticket: Arc<Ticket>,
}

impl Talk {
    async fn over(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (router, peer, ticket) = (self.router, self.peer, self.ticket);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(Arc::clone(&ticket));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service);
        tokio::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = self.stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}
