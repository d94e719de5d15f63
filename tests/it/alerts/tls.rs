//! HTTPS: certificates are verified against the authorities that the machine trusts.

use super::HURRY;
use crate::support::receiver::{Authority, Receiver};
use crate::support::{Server, wait_until};

use tempfile::TempDir;

/// A server that trusts `authority` and nobody else.
fn server_trusting(authority: &Authority, receiver: &Receiver) -> (Server, TempDir) {
    let dir = TempDir::with_prefix("lockwatch-it-").expect("a temporary directory");
    let file = authority.file_in(dir.path());
    let server = Server::builder()
        .alerting(&[receiver])
        .hurrying(HURRY)
        .env("SSL_CERT_FILE", file.to_str().expect("a path in UTF-8"))
        .env("SSL_CERT_DIR", dir.path().to_str().expect("a path in UTF-8"))
        .start();
    (server, dir)
}

#[test]
fn an_endpoint_with_a_trusted_certificate_gets_its_alerts() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(authority.certify("127.0.0.1"));
    let (server, _dir) = server_trusting(&authority, &receiver);
    let mut client = server.client();
    for i in 0..5 {
        let id = client.alert(&format!("secure.{i}"), "1");
        receiver.wait_for_alert(&id);
        client.wait_until_delivered();
    }
    assert_eq!(receiver.connections(), 1, "connections are kept alive");
    assert_eq!(client.endpoint_info(0)["url"], receiver.label());
    // The receiver is down for a while.
    let mut receiver = receiver;
    receiver.stop();
    let id = client.alert("missed", "1");
    wait_until("a try has failed", || client.waiting().first().is_some_and(|w| w.pending[0].tries > 0));
    receiver.start_again();
    receiver.wait_for_alert(&id);
}

/// Asserts that nothing is sent to `receiver` because of its certificate.
#[track_caller]
fn assert_refused(server: &Server, receiver: &Receiver) {
    let mut client = server.client();
    client.alert("secret", "1");
    wait_until("a try has failed", || client.waiting()[0].pending[0].tries > 0);
    let error = client.waiting()[0].pending[0].last_error.clone();
    assert!(error.contains("certificate"), "{error:?}");
    assert!(receiver.connections() > 0);
    assert_eq!(receiver.count(), 0, "an endpoint with an invalid certificate gets no request");
}

#[test]
fn an_endpoint_with_a_certificate_of_an_unknown_authority_gets_nothing() {
    let receiver = Receiver::start_tls(Authority::new().certify("127.0.0.1"));
    let (server, _dir) = server_trusting(&Authority::new(), &receiver);
    assert_refused(&server, &receiver);
    assert_refused(&Server::builder().alerting(&[&receiver]).hurrying(HURRY).start(), &receiver);
}

#[test]
fn an_endpoint_with_a_certificate_of_another_name_gets_nothing() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(authority.certify("example.com"));
    let (server, _dir) = server_trusting(&authority, &receiver);
    assert_refused(&server, &receiver);
}

#[test]
fn an_endpoint_with_an_expired_certificate_gets_nothing() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(authority.certify_expired("127.0.0.1"));
    let (server, _dir) = server_trusting(&authority, &receiver);
    assert_refused(&server, &receiver);
}

#[test]
fn an_https_endpoint_that_does_not_speak_tls_gets_nothing() {
    let receiver = Receiver::start();
    let url = receiver.url().replace("http:", "https:");
    let server = Server::builder()
        .config("lockwatch.webhook-allow-private yes")
        .config(format!("lockwatch.webhook-urls {url}"))
        .hurrying(HURRY)
        .start();
    let mut client = server.client();
    client.alert("secret", "1");
    wait_until("a try has failed", || client.waiting()[0].pending[0].tries > 0);
    assert_eq!(receiver.count(), 0);
}

/// A server whose one endpoint is in a file, with `options` behind its URL.
fn server_listing(receiver: &Receiver, options: &str) -> Server {
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").hurrying(HURRY).start();
    list(&server, receiver, options);
    server
}

fn list(server: &Server, receiver: &Receiver, options: &str) {
    let path = server.dir().join("urls");
    std::fs::write(&path, format!("{} {options}\n", receiver.url())).unwrap();
    server.client().set("webhook-urls-file", path.to_str().unwrap());
}

#[test]
fn an_endpoint_trusts_the_authority_of_its_line_and_no_other() {
    let (dir, other_dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (authority, other) = (Authority::new(), Authority::new());
    let (path, other_path) = (authority.file_in(dir.path()), other.file_in(other_dir.path()));
    let receiver = Receiver::start_tls(authority.certify("127.0.0.1"));
    let server = server_listing(&receiver, &format!("ca={}", path.display()));
    let mut client = server.client();
    let id = client.alert("secure", "1");
    receiver.wait_for_alert(&id);
    client.wait_until_delivered();
    assert!(client.test_endpoints()[0].ok);
    // The connection that is open was made while the other authority was trusted.
    std::fs::copy(&other_path, &path).unwrap();
    assert_eq!(client.run("LW.RELOAD").text(), "OK");
    let id = client.alert("untrusted", "1");
    wait_until("a try has failed", || client.waiting().first().is_some_and(|w| w.pending[0].tries > 0));
    assert!(client.waiting()[0].pending[0].last_error.contains("certificate"));
    assert!(receiver.tries_of(&id).is_empty());
    authority.file_in(dir.path());
    assert_eq!(client.run("LW.RELOAD").text(), "OK");
    receiver.wait_for_alert(&id);
}

#[test]
fn the_authority_of_a_line_replaces_those_of_the_system() {
    let (authority, private) = (Authority::new(), Authority::new());
    let receiver = Receiver::start_tls(authority.certify("127.0.0.1"));
    let (server, dir) = server_trusting(&authority, &receiver);
    let file = private.file_in(server.dir());
    server.client().set("webhook-urls", "");
    list(&server, &receiver, &format!("ca={}", file.display()));
    assert_refused(&server, &receiver);
    drop(dir);
}

#[test]
fn a_file_without_a_usable_certificate_is_refused() {
    let receiver = Receiver::start_tls(Authority::new().certify("127.0.0.1"));
    let server = Server::start();
    let mut client = server.client();
    let path = |name: &str| server.dir().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("empty"), "sesame\n").unwrap();
    std::fs::write(path("bad"), "-----BEGIN CERTIFICATE-----\nc2VzYW1l\n-----END CERTIFICATE-----\n")
        .unwrap();
    let authority = Authority::new().file_in(server.dir());
    let http = receiver.url().replace("https:", "http:");
    for (line, reason) in [
        (format!("{} ca={}", receiver.url(), path("missing")), "ca: the file can't be read"),
        (format!("{} ca={}", receiver.url(), path("empty")), "ca: it holds no certificate"),
        (format!("{} ca={}", receiver.url(), path("bad")), "ca: it holds a certificate that can't be used"),
        (format!("{http} ca={}", authority.display()), "ca= goes with https:// alone"),
        (format!("{} cafile=/sesame", receiver.url()), "unknown option"),
    ] {
        std::fs::write(path("urls"), line).unwrap();
        let why = client.set_refused("webhook-urls-file", &path("urls"));
        assert!(why.contains("line 1: ") && why.contains(reason) && !why.contains("sesame"), "{why}");
    }
}
