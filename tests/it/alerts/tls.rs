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
