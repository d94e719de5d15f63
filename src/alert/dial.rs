//! The HTTP client. It must not follow redirects, use a proxy, wait forever or dial a forbidden
//! address.

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
use super::line::Authorities;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DialOptions {
    /// For the whole attempt.
    pub timeout: Duration,
    /// Whether private, shared and loopback addresses may be dialled.
    pub allow_private: bool,
}

/// The maximum time to look up the name, and again to connect.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The maximum time to read the body of an answer. The body is ignored, but a connection whose
/// answer was read to the end can be used again.
const BODY_MAX: Duration = Duration::from_secs(1);

/// How long an idle connection is kept for the next alert.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The size of a connection's buffers, which bounds the header of a request.
const BUFFER_BYTES: usize = 32 * 1024;

/// The maximum size of an answer's header.
const HEADER_BYTES: usize = 16 * 1024;

/// `tls` prepares the client for https, which trusts `authorities` or else the root certificates of
/// the system.
pub(super) fn agent(options: DialOptions, tls: bool, authorities: Option<&Authorities>) -> Agent {
    let step = Some(options.timeout.min(CONNECT_MAX));
    let config = Config::builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(options.timeout))
        .timeout_resolve(step)
        .timeout_connect(step)
        .timeout_recv_body(Some(BODY_MAX))
        .max_idle_age(KEEP_ALIVE)
        .max_idle_connections(1)
        .max_response_header_size(HEADER_BYTES)
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .user_agent(concat!("lockwatch/", env!("CARGO_PKG_VERSION")));
    let config =
        if tls { config.tls_config(tls_config(authorities.map_or_else(roots, Arc::clone))) } else { config };
    Agent::with_parts(
        config.build(),
        DefaultConnector::default(),
        Checked { names: DefaultResolver::default(), allow_private: options.allow_private },
    )
}

fn tls_config(trusted: Authorities) -> TlsConfig {
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::Specific(trusted))
        .build()
}

/// The certificates that this system trusts. Read once, or again while none are found.
fn roots() -> Authorities {
    static ROOTS: OnceLock<Authorities> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Arc::clone(roots);
    }
    let found = rustls_native_certs::load_native_certs().certs;
    let roots = Arc::new(found.iter().map(|root| Certificate::from_der(root).to_owned()).collect::<Vec<_>>());
    if roots.is_empty() { roots } else { Arc::clone(ROOTS.get_or_init(|| roots)) }
}

/// Looks up names and returns only the addresses that may be dialled.
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
                // The errors of the system's resolver have no useful kind.
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

/// The address, if the URL contains one instead of a name: ureq would start a thread to look it up.
fn literal(uri: &Uri) -> Option<SocketAddr> {
    let ip: IpAddr = uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    Some(SocketAddr::new(ip, port))
}
