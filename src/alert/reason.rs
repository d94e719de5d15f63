//! Why a try failed, in words that contain neither the path of a URL nor a secret.
//!
//! They are made from the kind of an error: its own text may quote the URL or what the receiver
//! sent.

use std::borrow::Cow;
use std::fmt;

use rustls::CertificateError;
use serde::{Deserialize, Serialize};
use ureq::{Error, Timeout};

use super::address::Forbidden;
use super::dial::{CONNECT_MAX, DialOptions};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reason {
    /// The receiver answered with this HTTP status.
    Status(u16),
    /// The receiver answered with this HTTP status, 300 to 399.
    Redirect(u16),
    /// There was no usable answer. One line of at most 160 bytes.
    NoAnswer(Cow<'static, str>),
}

impl Reason {
    /// The HTTP status; 0 without an answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Status(status) | Self::Redirect(status) => *status,
            Self::NoAnswer(_) => 0,
        }
    }

    /// The number of bytes it has on the heap.
    pub(crate) fn size(&self) -> usize {
        if let Self::NoAnswer(text) = self { text.len() } else { 0 }
    }

    /// Why `error` ended a try with `options`.
    pub(super) fn of_error(error: &Error, options: DialOptions) -> Self {
        Self::NoAnswer(match error {
            Error::Timeout(at) => timed_out(*at, options).into(),
            Error::HostNotFound => "the host name was not found".into(),
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(error) => tls(error),
                None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    "closed before it answered".into()
                }
                None => error.kind().to_string().into(),
            },
            Error::Rustls(error) => tls(error),
            Error::Tls(_) | Error::TlsRequired => "TLS failed".into(),
            Error::Protocol(_) => "the answer is not HTTP".into(),
            Error::LargeResponseHeader(..) => "the answer's header is too large".into(),
            Error::Other(error) => match error.downcast_ref::<Forbidden>() {
                Some(forbidden) => forbidden.to_string().into(),
                None => "the connection failed".into(),
            },
            _ => "the request failed".into(),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Redirect(status) => write!(f, "status {status}; redirects are not followed"),
            Self::NoAnswer(text) => f.write_str(text),
        }
    }
}

fn timed_out(at: Timeout, options: DialOptions) -> String {
    let connect = options.timeout.min(CONNECT_MAX).as_secs_f64();
    match at {
        Timeout::Resolve => format!("timed out after {connect} s, looking up the host name"),
        Timeout::Connect => format!("timed out after {connect} s, connecting"),
        _ => format!("timed out after {} s", options.timeout.as_secs_f64()),
    }
}

fn tls(error: &rustls::Error) -> Cow<'static, str> {
    match error {
        rustls::Error::InvalidCertificate(error) => format!("certificate: {}", certificate(error)).into(),
        rustls::Error::AlertReceived(alert) => format!("TLS: the receiver sent the alert {alert:?}").into(),
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
