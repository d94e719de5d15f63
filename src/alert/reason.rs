//! Why a try failed, in a few words that hold neither the URL's path nor a secret.
//!
//! They are made from the kind of the error: its own text may quote the URL or what the receiver sent.

use rustls::CertificateError;
use ureq::{Error, Timeout};

use super::address::Forbidden;
use super::dial::{CONNECT_MAX, Terms};

/// The words for `error`, which ended a try on `terms`.
pub(super) fn of(error: &Error, terms: Terms) -> String {
    match error {
        Error::Timeout(at) => timed_out(*at, terms),
        Error::HostNotFound => "the host name was not found".into(),
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => tls(error),
            None if error.kind() == std::io::ErrorKind::UnexpectedEof => "closed before it answered".into(),
            None => error.kind().to_string(),
        },
        Error::Rustls(error) => tls(error),
        Error::Tls(_) | Error::TlsRequired => "TLS failed".into(),
        Error::Protocol(_) => "the answer is not HTTP".into(),
        Error::LargeResponseHeader(..) => "the answer's header is too large".into(),
        Error::Other(error) => match error.downcast_ref::<Forbidden>() {
            Some(forbidden) => forbidden.to_string(),
            None => "the connection failed".into(),
        },
        _ => "the request failed".into(),
    }
}

fn timed_out(at: Timeout, terms: Terms) -> String {
    let connect = terms.timeout.min(CONNECT_MAX).as_secs_f64();
    match at {
        Timeout::Resolve => format!("timed out after {connect} s, looking up the host name"),
        Timeout::Connect => format!("timed out after {connect} s, connecting"),
        _ => format!("timed out after {} s", terms.timeout.as_secs_f64()),
    }
}

fn tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => format!("certificate: {}", certificate(error)),
        rustls::Error::AlertReceived(alert) => format!("TLS: the receiver sent the alert {alert:?}"),
        rustls::Error::PeerIncompatible(_) => "TLS: no version or cipher in common".into(),
        _ => "TLS: the handshake failed".into(),
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        E::UnknownIssuer => "from an authority that this system does not trust",
        E::Expired | E::ExpiredContext { .. } => "expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "not valid yet",
        E::NotValidForName | E::NotValidForNameContext { .. } => "not valid for this host",
        E::Revoked => "revoked",
        _ => "not acceptable",
    }
}
