//! The page over TLS of its own, and behind a proxy.

use std::fs::{self, Permissions};
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lockwatch_test_support::{Server, wait_at_most};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::exchange::{Answer, Request};
use super::page::{Page, auth_file};

const PASSWORD: &str = "correct horse battery staple";

/// Files with a certificate for `name` and its key.
struct Certificate {
    dir: TempDir,
    root: CertificateDer<'static>,
}

impl Certificate {
    fn of(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Self::write(&dir, name);
        Self { dir, root }
    }

    fn write(dir: &TempDir, name: &str) -> CertificateDer<'static> {
        let CertifiedKey { cert, key_pair } = generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::write(dir.path().join("cert.pem"), cert.pem()).unwrap();
        let key = dir.path().join("key.pem");
        fs::write(&key, key_pair.serialize_pem()).unwrap();
        fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
        cert.der().clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Connects as a browser that trusts the certificate.
    fn connect(&self, page: &Page, name: &'static str) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), page.connect())
    }
}

#[test]
fn the_page_speaks_tls() {
    let server = Server::start();
    let certificate = Certificate::of("ops.example.com");
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD)]);
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let page = Page::with(
        &server,
        &[
            "--listen",
            "0.0.0.0:0",
            "--origin",
            "https://ops.example.com:9700",
            "--https-cert",
            cert.to_str().unwrap(),
            "--https-key",
            key.to_str().unwrap(),
            "--auth-file",
            &auth,
        ],
    );
    assert!(page.out().contains("https://ops.example.com:9700/"), "{}", page.out());
    assert!(!page.log().contains("can read the key"), "{}", page.log());
    let send = |request: Request| {
        let request =
            if request.has("host") { request } else { request.with("host", "ops.example.com:9700") };
        Answer::to(&request, certificate.connect(&page, "ops.example.com"))
    };
    let form = Request::post("/login", &[("name", "dora"), ("password", PASSWORD)]);
    assert_eq!(send(form.clone().with("origin", "http://ops.example.com:9700")).status, 403);
    let answer = send(form.with("origin", "https://ops.example.com:9700"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-lockwatch=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(answer.header("strict-transport-security").is_some(), "{answer:?}");
    let shown = send(Request::get("/").with("cookie", answer.cookie()));
    assert!(shown.status == 200 && shown.body.contains("dora"), "{shown:?}");
    assert_eq!(send(Request::get("/").with("host", &page.address)).status, 421);
    // Plain HTTP is not answered.
    let mut plain = page.connect();
    let _ = std::io::Write::write_all(&mut plain, b"GET / HTTP/1.1\r\nhost: ops.example.com:9700\r\n\r\n");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn a_renewed_certificate_is_used() {
    let server = Server::start();
    let mut certificate = Certificate::of("localhost");
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let files = ["--https-cert", cert.to_str().unwrap(), "--https-key", key.to_str().unwrap()];
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let page = Page::with(&server, &files);
    page.logged("can read the key");
    let ask = |certificate: &Certificate| {
        let request = Request::get("/login").with("host", &page.address);
        let mut stream = certificate.connect(&page, "localhost");
        let sent = std::io::Write::write_all(&mut stream, &request.bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        sent.ok().and_then(|()| Answer::parse(&bytes))
    };
    let answer = ask(&certificate).unwrap();
    assert_eq!(answer.status, 401);
    // A browser would use HTTPS for every port of localhost.
    assert_eq!(answer.header("strict-transport-security"), None);
    certificate.root = Certificate::write(&certificate.dir, "localhost");
    wait_at_most(Duration::from_secs(30), "the new certificate is used", || ask(&certificate).is_some());
    fs::write(&cert, "nonsense").unwrap();
    wait_at_most(Duration::from_secs(30), "the file is looked at", || {
        assert!(ask(&certificate).is_some(), "the last certificate stays in use");
        page.log().contains("the certificate stays as it was")
    });
}

#[test]
fn the_page_is_reached_by_the_name_at_the_proxy() {
    let server = Server::start();
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD)]);
    let page = Page::with(&server, &["--behind-proxy", "https://ops.example.com", "--auth-file", &auth]);
    assert!(page.out().contains("https://ops.example.com/"), "{}", page.out());
    let proxied =
        |request: Request| request.with("host", "ops.example.com").with("x-forwarded-for", "203.0.113.9");
    assert_eq!(page.send(Request::get("/login")).status, 421);
    assert_eq!(page.send(proxied(Request::get("/login"))).status, 401);
    let form = proxied(Request::post("/login", &[("name", "dora"), ("password", PASSWORD)]));
    assert_eq!(page.send(form.clone().with("origin", "http://ops.example.com")).status, 403);
    let answer = page.send(form.with("origin", "https://ops.example.com"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-lockwatch=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(answer.header("strict-transport-security").is_some(), "{answer:?}");
    page.logged("'dora' signed in from 203.0.113.9");
}
