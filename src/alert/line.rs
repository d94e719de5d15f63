//! What a line of `webhook-urls-file` says besides the URL: secrets of its own, `header-file=FILE`
//! and `ca=FILE`. No error contains any part of a secret or a header.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::http::{HeaderName, HeaderValue};
use ureq::tls::Certificate;

use crate::text::lines::lines;

use super::secret::{MAX_SECRETS, Secret};

pub(crate) const MAX_HEADERS: usize = 16;

/// The maximum size of all headers of an endpoint, in bytes.
const MAX_HEADER_BYTES: usize = 8192;

/// Headers that the module or the HTTP client sets.
const RESERVED: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// The certificates of the authorities that an endpoint's own certificate must come from.
pub(crate) type Authorities = Arc<Vec<Certificate<'static>>>;

#[derive(Clone, Default)]
pub(crate) struct Extras {
    pub secrets: Vec<Secret>,
    /// Sent with each request. Their values are secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `None` for those that the system trusts.
    pub authorities: Option<Authorities>,
}

/// Returns the contents of the file at a path.
pub(crate) type ReadFile = fn(&[u8]) -> Result<Vec<u8>, String>;

/// Reads the words of a line after the URL.
pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a str>, read: ReadFile) -> Result<Extras, String> {
    let mut extras = Extras::default();
    for word in words {
        match word.split_once('=') {
            Some(("header-file", _)) if !extras.headers.is_empty() => {
                return Err("header-file= is there twice".into());
            }
            Some(("header-file", path)) => {
                let parsed = read(path.as_bytes()).and_then(|bytes| headers(&bytes));
                extras.headers = parsed.map_err(|why| format!("header-file: {why}"))?;
            }
            Some(("ca", _)) if extras.authorities.is_some() => return Err("ca= is there twice".into()),
            Some(("ca", path)) => {
                let parsed = read(path.as_bytes()).and_then(|pem| authorities(&pem));
                extras.authorities = Some(parsed.map_err(|why| format!("ca: {why}"))?);
            }
            // The padding of base64 is at the end.
            Some((_, rest)) if !rest.trim_end_matches('=').is_empty() => {
                return Err("there is an unknown option: header-file=FILE and ca=FILE are known".into());
            }
            _ => extras.secrets.push(Secret::parse(word)?),
        }
    }
    if extras.secrets.len() > MAX_SECRETS {
        return Err(format!("there are more than {MAX_SECRETS} secrets"));
    }
    Ok(extras)
}

/// Reads a file of headers: a line each, `Name: value`. Blank lines and lines that begin with `#`
/// are skipped.
fn headers(bytes: &[u8]) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    let mut size = 0;
    for (number, line) in lines(bytes)? {
        let (name, value) = header(line).map_err(|why| format!("line {number}: {why}"))?;
        if headers.iter().any(|(known, _)| *known == name) {
            return Err(format!("line {number}: the header is there already"));
        }
        size += line.len();
        headers.push((name, value));
    }
    if headers.is_empty() {
        return Err("there is no header in it".into());
    }
    if headers.len() > MAX_HEADERS || size > MAX_HEADER_BYTES {
        return Err(format!("there are more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes"));
    }
    Ok(headers)
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    const FORM: &str = "it is not a header of the form Name: value";
    let (name, value) = line.split_once(':').ok_or(FORM)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| FORM)?;
    if RESERVED.contains(&name.as_str()) {
        return Err("lockwatch or the HTTP client sets this header itself");
    }
    // The type also takes bytes above 127, whose meaning is undefined (RFC 9110, section 5.5).
    let value = Some(value.trim()).filter(|value| value.is_ascii());
    let mut value = value
        .and_then(|value| HeaderValue::from_str(value).ok())
        .ok_or("the value has a character that is not printable ASCII")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Reads the certificates in a PEM file.
fn authorities(pem: &[u8]) -> Result<Authorities, String> {
    let mut usable = RootCertStore::empty();
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "it is a damaged PEM file")?;
        found.push(Certificate::from_der(&certificate).to_owned());
        usable.add(certificate).map_err(|_| "it holds a certificate that can't be used")?;
    }
    if found.is_empty() {
        return Err("it holds no certificate: a PEM file with -----BEGIN CERTIFICATE----- is needed".into());
    }
    Ok(Arc::new(found))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use proptest::prelude::*;

    /// Reads a line whose files all hold `file`.
    fn read(line: &str, file: &[u8]) -> Result<Extras, String> {
        thread_local!(static FILE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        FILE.set(file.to_vec());
        parse(line.split_ascii_whitespace(), |_| Ok(FILE.with_borrow(Clone::clone)))
    }

    fn refusal(line: &str, file: &[u8]) -> String {
        read(line, file).err().unwrap_or_else(|| panic!("{line} was accepted"))
    }

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn headers_are_read_from_a_file() {
        let extras =
            read(&format!("{SECRET} header-file=/x"), b"# ours\nAuthorization: Bearer a:b\nX-Tenant:7\r\n");
        let extras = extras.unwrap_or_else(|why| panic!("{why}"));
        let headers: Vec<_> =
            extras.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("authorization", &b"Bearer a:b"[..]), ("x-tenant", b"7")]);
        assert!(extras.headers.iter().all(|(_, value)| value.is_sensitive()));
        assert!(extras.secrets.len() == 1 && extras.authorities.is_none());
    }

    #[test]
    fn a_line_that_cant_be_used_is_refused_with_the_reason() {
        for (line, file, reason) in [
            ("header-file=/x", &b"hunter2"[..], "header-file: line 1: it is not a header"),
            ("header-file=/x", b"X: 1\nhunter2 x: 1", "header-file: line 2: it is not a header"),
            ("header-file=/x", b"X: 1\nWebhook-Id: hunter2", "line 2: lockwatch or the HTTP client sets"),
            ("header-file=/x", b"Host: hunter2", "line 1: lockwatch or the HTTP client sets"),
            ("header-file=/x", b"X: hunter2\xc3\xa4", "not printable ASCII"),
            ("header-file=/x", b"X: hunter2\nx: hunter2", "line 2: the header is there already"),
            ("header-file=/x", b"# hunter2", "no header in it"),
            ("header-file=/x header-file=/y", b"X: 1", "twice"),
            ("ca=/x", b"hunter2", "ca: it holds no certificate"),
            (
                "ca=/x",
                b"-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----",
                "ca: it holds a certificate that can't",
            ),
            ("headers=/hunter2", b"", "unknown option"),
            ("CA=/hunter2", b"", "unknown option"),
        ] {
            let why = refusal(line, file);
            assert!(why.contains(reason) && !why.contains("hunter2"), "{line}: {why}");
        }
        let many = (0..=MAX_HEADERS).map(|n| format!("X-{n}: 1\n")).collect::<String>();
        assert!(refusal("header-file=/x", many.as_bytes()).contains("more than 16"));
        let large = format!("X: {}", "y".repeat(MAX_HEADER_BYTES));
        assert!(refusal("header-file=/x", large.as_bytes()).contains("8192 bytes"));
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused_without_showing_it(secret in "[A-Z]{9}[ -~]{0,20}", file: Vec<u8>) {
            for line in ["header-file=/x", "ca=/x"] {
                let _ = read(line, &file);
                for text in [secret.clone(), format!("X: {secret}\n{secret}")] {
                    let shown = read(line, text.as_bytes()).err().unwrap_or_default();
                    prop_assert!(!shown.contains(&secret[..9]), "{shown}");
                }
            }
        }
    }
}
