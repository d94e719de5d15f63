//! What a try makes of every kind of receiver.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::endpoint::{Endpoint, parse_file, parse_urls};
use super::super::receiver::{OK, Receiver, until_closed};
use super::*;

const ID: Id = Id { at: Timestamp(1_764_000_000_000), epoch: 0xf3, seq: 42 };
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const fn terms(timeout: Duration) -> DialOptions {
    DialOptions { timeout, allow_private: true }
}

fn alert() -> Alert {
    let body = format!(r#"{{"id":"{ID}","type":"burst","timestamp":"now","data":{{"ip":"1.2.3.4"}}}}"#);
    Alert { kind: "burst\r\nx-injected: 1".into(), body }
}

fn endpoint(url: &str) -> Endpoint {
    parse_urls(url).unwrap().remove(0)
}

fn try_at(url: &str, terms: DialOptions) -> DeliveryStatus {
    Sender::default().send(ID, &alert(), &endpoint(url), terms)
}

/// Why a try at `url` failed; no such text gives anything away.
fn failure(url: &str, terms: DialOptions) -> String {
    match try_at(url, terms) {
        DeliveryStatus::Failed { reason, retry_after: None } => {
            let reason = reason.to_string();
            assert!(!reason.contains("secret") && !reason.contains('\n') && reason.len() <= 160, "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

fn answer_to(answer: &str) -> DeliveryStatus {
    try_at(&Receiver::saying(answer).url(), terms(LONG))
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n")
}

const DELIVERED: DeliveryStatus = DeliveryStatus::Delivered { status: 200 };

#[test]
fn the_request_is_a_signed_standard_webhook() {
    let receiver = Receiver::saying(OK);
    let endpoint =
        parse_file(format!("{} {SECRET}", receiver.url()).as_bytes(), |_| unreachable!()).unwrap().remove(0);
    let before = Timestamp::from_system_clock().0 / 1000;
    assert_eq!(Sender::default().send(ID, &alert(), &endpoint, terms(LONG)), DELIVERED);
    let request = receiver.request();
    assert!(request.head.starts_with("POST /secret-path?secret-query HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, alert().body);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("webhook-id"), Some("1764000000000-00000000000000f3-42"));
    assert_eq!(request.header("user-agent"), Some(concat!("lockwatch/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("x-injected"), None);
    let timestamp: u64 = request.header("webhook-timestamp").unwrap().parse().unwrap();
    assert!((before..=Timestamp::from_system_clock().0 / 1000).contains(&timestamp));
    let expected = signature::sign(&endpoint.extras.secrets, &ID.to_string(), timestamp, &request.body);
    assert_eq!(request.header("webhook-signature"), expected.as_deref());
}

#[test]
fn without_secrets_there_is_no_signature() {
    let receiver = Receiver::saying(OK);
    assert_eq!(try_at(&receiver.url(), terms(LONG)), DELIVERED);
    assert_eq!(receiver.request().header("webhook-signature"), None);
}

#[test]
fn slack_gets_a_line_of_text() {
    let receiver = Receiver::saying(OK);
    assert_eq!(try_at(&format!("slack+{}", receiver.url()), terms(LONG)), DELIVERED);
    assert!(receiver.request().body.starts_with(r#"{"text":"*burst* ip: 1.2.3.4 ("#));
}

#[test]
fn any_2xx_delivers_and_410_is_gone() {
    assert_eq!(answer_to(&status("202 Accepted")), DeliveryStatus::Delivered { status: 202 });
    assert_eq!(answer_to("HTTP/1.1 204 No Content\r\n\r\n"), DeliveryStatus::Delivered { status: 204 });
    assert_eq!(answer_to(&status("410 Gone")), DeliveryStatus::Gone);
}

#[test]
fn every_other_status_fails_with_what_retry_after_asks() {
    let failed = |status, retry_after| DeliveryStatus::Failed {
        reason: Reason::Status(status),
        retry_after: Some(retry_after),
    };
    let failed_at_once =
        |status| DeliveryStatus::Failed { reason: Reason::Status(status), retry_after: None };
    assert_eq!(answer_to(&status("500 Oops")), failed_at_once(500));
    assert_eq!(answer_to(&status("429 Too Many Requests\r\nRetry-After: 17")), failed(429, Span(17_000)));
    assert_eq!(
        answer_to(&status("503 Busy\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT")),
        failed(503, Span(7_200_000))
    );
    assert_eq!(answer_to(&status("503 Busy\r\nretry-after: \u{e9}")), failed_at_once(503));
    assert_eq!(answer_to(&status("404 No")), failed_at_once(404));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::saying(OK);
    for code in [301, 302, 303, 307, 308] {
        let metadata = "http://169.254.169.254/latest";
        for target in [elsewhere.url().as_str(), metadata] {
            let answer = answer_to(&status(&format!("{code} Moved\r\nlocation: {target}")));
            assert_eq!(answer, DeliveryStatus::Failed { reason: Reason::Redirect(code), retry_after: None });
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_receiver_that_hangs_costs_the_timeout_and_no_more() {
    let receiver = Receiver::hanging();
    let started = Instant::now();
    assert_eq!(failure(&receiver.url(), terms(SHORT)), "timed out after 0.3 s");
    assert!((SHORT..LONG).contains(&started.elapsed()));
}

#[test]
fn a_header_that_trickles_in_does_not_stretch_the_timeout() {
    let receiver = Receiver::start(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let begun = stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ").is_ok();
        // Reading nothing for a while is what paces it.
        while stream.read(&mut [0]).is_err() && stream.write_all(b"x").is_ok() {}
        begun
    });
    let started = Instant::now();
    assert_eq!(failure(&receiver.url(), terms(SHORT)), "timed out after 0.3 s");
    assert!(started.elapsed() < LONG);
}

#[test]
fn once_the_status_is_there_the_body_changes_nothing() {
    let endless = |head: &'static str| {
        Receiver::start(move |stream| {
            let begun = stream.write_all(head.as_bytes()).is_ok();
            while stream.write_all(b"10\r\n0123456789abcdef\r\n").is_ok() {}
            begun
        })
    };
    let stuck = Receiver::start(|stream| {
        let begun = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx").is_ok();
        until_closed(stream);
        begun
    });
    let cut = Receiver::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx");
        false
    });
    let broken = Receiver::saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    let huge = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}", "x".repeat(10_000_000));
    for receiver in [
        endless("HTTP/1.1 200 OK\r\n\r\n"),
        endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        stuck,
        cut,
        broken,
        Receiver::saying(huge),
    ] {
        let started = Instant::now();
        assert_eq!(try_at(&receiver.url(), terms(LONG)), DELIVERED);
        assert!(started.elapsed() < LONG / 2);
    }
}

#[test]
fn what_is_not_an_answer_fails() {
    let reason = |answer: &str| failure(&Receiver::saying(answer).url(), terms(LONG));
    assert_eq!(reason("SSH-2.0-OpenSSH_9.2 secret\r\n"), "the answer is not HTTP");
    assert_eq!(reason("\0\x01\x02\r\n\r\n"), "the answer is not HTTP");
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    assert!(reason(&long).contains("header"), "{}", reason(&long));
    let closing = Receiver::start(|_| false);
    assert_eq!(failure(&closing.url(), terms(LONG)), "closed before it answered");
}

#[test]
fn where_nobody_listens_the_connection_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(failure(&format!("http://127.0.0.1:{port}/secret"), terms(LONG)), "connection refused");
    assert_eq!(failure("http://no-such-host.invalid/secret", terms(LONG)), "the host name was not found");
}

#[test]
fn loopback_is_dialled_only_with_the_directive_however_it_is_written() {
    let receiver = Receiver::saying(OK);
    let port = receiver.port;
    let strict = DialOptions { timeout: LONG, allow_private: false };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "[::1]"] {
        let reason = failure(&format!("http://{host}:{port}/secret"), strict);
        assert!(reason.contains("lockwatch.webhook-allow-private"), "{host}: {reason}");
    }
    assert_eq!(receiver.connections(), 0);
    assert_eq!(try_at(&format!("http://localhost:{port}/"), terms(LONG)), DELIVERED);
}

#[test]
fn a_kept_connection_does_not_outlive_the_permission() {
    let receiver = Receiver::saying(OK);
    let (mut sender, endpoint) = (Sender::default(), endpoint(&receiver.url()));
    assert_eq!(sender.send(ID, &alert(), &endpoint, terms(LONG)), DELIVERED);
    let strict = DialOptions { allow_private: false, ..terms(LONG) };
    assert!(matches!(sender.send(ID, &alert(), &endpoint, strict), DeliveryStatus::Failed { .. }));
    receiver.request();
    assert_eq!(receiver.more(), 0);
}

#[test]
fn alerts_in_a_row_share_a_connection() {
    let receiver = Receiver::saying(OK);
    let (mut sender, endpoint) = (Sender::default(), endpoint(&receiver.url()));
    for _ in 0..5 {
        assert_eq!(sender.send(ID, &alert(), &endpoint, terms(LONG)), DELIVERED);
    }
    assert_eq!(receiver.connections(), 1);
    sender.disconnect();
    assert_eq!(sender.send(ID, &alert(), &endpoint, terms(LONG)), DELIVERED);
    assert_eq!(receiver.connections(), 2);
}

#[test]
fn a_connection_that_the_receiver_closed_is_replaced() {
    let closed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    let receiver = Receiver::start(move |stream| {
        stream.write_all(OK.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
        flag.store(true, Ordering::SeqCst);
        false
    });
    let (mut sender, endpoint) = (Sender::default(), endpoint(&receiver.url()));
    for _ in 0..3 {
        assert_eq!(sender.send(ID, &alert(), &endpoint, terms(LONG)), DELIVERED);
        let deadline = Instant::now() + LONG;
        while !closed.swap(false, Ordering::SeqCst) {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.key_pair.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let receiver = thread::spawn(move || shake_hands(listener.accept().unwrap().0, Arc::new(config)));
    let reason = failure(&format!("https://localhost:{port}/secret"), terms(LONG));
    assert_eq!(reason, "certificate: from an authority that this system does not trust");
    assert!(!receiver.join().unwrap(), "the client went on");
}

/// Whether the client accepted the certificate.
fn shake_hands(mut stream: TcpStream, config: Arc<rustls::ServerConfig>) -> bool {
    let mut connection = rustls::ServerConnection::new(config).unwrap();
    connection.complete_io(&mut stream).is_ok()
}

#[test]
fn a_plain_receiver_is_not_taken_for_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        until_closed(&mut stream);
    });
    let reason = failure(&format!("https://localhost:{port}/secret"), terms(LONG));
    assert_eq!(reason, "TLS: the handshake failed");
}

#[test]
fn a_tls_receiver_that_never_shakes_hands_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reason = failure(&format!("https://127.0.0.1:{port}/secret"), terms(SHORT));
    assert!(reason.starts_with("timed out after 0.3 s"), "{reason}");
}
