//! The HTTP client, and everything that it must not do: follow, go through a proxy, wait for ever, dial what is
//! forbidden.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use super::address;

/// The conditions of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long it may take in all.
    pub timeout: Duration,
    /// Whether private, shared and loopback addresses may be dialled.
    pub allow_private: bool,
}

/// How long it may take to look up the name, and again to connect.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long the body of an answer is listened to: it is thrown away, but a connection whose answer was read to the end
/// can be used again.
const BODY_MAX: Duration = Duration::from_secs(1);

/// How long a connection is kept for the next alert.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Room for a connection's buffers, and so for the header of a request.
const BUFFER_BYTES: usize = 32 * 1024;

/// The longest header of an answer.
const HEADER_BYTES: usize = 16 * 1024;

/// A client that keeps to `terms`. `tls` prepares it for https, which takes reading the system's root certificates.
pub(super) fn agent(terms: Terms, tls: bool) -> Agent {
    let step = Some(terms.timeout.min(CONNECT_MAX));
    let config = Config::builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(terms.timeout))
        .timeout_resolve(step)
        .timeout_connect(step)
        .timeout_recv_body(Some(BODY_MAX))
        .max_idle_age(KEEP_ALIVE)
        .max_idle_connections(1)
        .max_response_header_size(HEADER_BYTES)
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .user_agent(concat!("lockwatch/", env!("CARGO_PKG_VERSION")));
    let config = if tls { config.tls_config(tls_config()) } else { config };
    Agent::with_parts(
        config.build(),
        DefaultConnector::default(),
        Checked { names: DefaultResolver::default(), allow_private: terms.allow_private },
    )
}

fn tls_config() -> TlsConfig {
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::Specific(roots()))
        .build()
}

/// The certificates that this system trusts, read once; or again as long as there are none.
fn roots() -> Arc<Vec<Certificate<'static>>> {
    static ROOTS: OnceLock<Arc<Vec<Certificate<'static>>>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Arc::clone(roots);
    }
    let found = rustls_native_certs::load_native_certs().certs;
    let roots = Arc::new(found.iter().map(|root| Certificate::from_der(root).to_owned()).collect::<Vec<_>>());
    if roots.is_empty() { roots } else { Arc::clone(ROOTS.get_or_init(|| roots)) }
}

/// Looks up names and lets through only the addresses that may be dialled.
#[derive(Debug)]
struct Checked {
    names: DefaultResolver,
    allow_private: bool,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = match literal(uri) {
            Some(address) => vec![address],
            None => match self.names.resolve(uri, config, timeout) {
                // What the system's resolver says is an error of no kind.
                Err(Error::Io(_)) => return Err(Error::HostNotFound),
                other => other?.to_vec(),
            },
        };
        let mut allowed = self.empty();
        let mut refusal = None;
        for found in found {
            match address::check(found.ip(), self.allow_private) {
                Ok(()) => allowed.push(found),
                Err(why) => refusal = Some(why),
            }
        }
        match refusal {
            Some(why) if allowed.is_empty() => Err(Error::Other(Box::new(why))),
            _ => Ok(allowed),
        }
    }
}

/// The address that a URL spells out: looking it up would take a thread of its own.
fn literal(uri: &Uri) -> Option<SocketAddr> {
    let ip: IpAddr = uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    Some(SocketAddr::new(ip, port))
}
