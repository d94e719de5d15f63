//! Clients that are slow, many or malformed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lockwatch_test_support::{Server, wait_at_most, wait_until};

use super::exchange::{Answer, Request};
use super::page::Page;

/// Longer than a client may take for the head of a request.
const PATIENCE: Duration = Duration::from_secs(40);

/// Whether the server has closed a connection, or answered an error.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    !matches!(stream.peek(&mut [0]), Err(why) if why.kind() == ErrorKind::WouldBlock)
}

/// Reads one answer of a connection that stays open.
fn read_answer(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    wait_until("the answer", || {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).unwrap();
        bytes.extend_from_slice(&part[..read]);
        bytes.ends_with(b"</html>") || bytes.ends_with(b"</html>\n")
    });
}

#[test]
fn slow_clients_are_given_up() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitor = page.enter();
    let (began, csrf) = (Instant::now(), visitor.csrf());
    let mut silent = page.connect();
    let mut in_head = page.connect();
    write!(in_head, "GET / HTTP/1.1\r\nhost: {}\r\nx: ", page.address).unwrap();
    let mut in_body = page.connect();
    let form = page.addressed(Request::post("/logout", &[("csrf", &csrf), ("x", &"x".repeat(1000))]));
    let bytes = form.with("cookie", &visitor.cookie).bytes();
    in_body.write_all(&bytes[..bytes.len() - 500]).unwrap();
    let mut idle = page.connect();
    write!(idle, "GET /login HTTP/1.1\r\nhost: {}\r\n\r\n", page.address).unwrap();
    read_answer(&mut idle);
    wait_at_most(PATIENCE, "all are closed", || {
        // One byte after the other does not help.
        let _ = in_head.write_all(b"x");
        let answered = in_body.peek(&mut [0; 1]).is_ok();
        answered && [&mut silent, &mut in_head, &mut idle].into_iter().all(is_closed)
    });
    assert!(began.elapsed() > Duration::from_secs(5), "they had some time");
    in_body.set_nonblocking(false).unwrap();
    let mut answer = Vec::new();
    let _ = in_body.read_to_end(&mut answer);
    assert_eq!(Answer::parse(&answer).map(|answer| answer.status), Some(408));
    assert!(visitor.is_signed_in());
}

#[test]
fn many_connections_keep_nobody_out() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitor = page.enter();
    let mut held: Vec<TcpStream> = Vec::new();
    for n in 0..1000 {
        let mut stream = page.connect();
        if n % 2 == 0 {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nx: ");
        }
        held.push(stream);
        if n % 100 == 0 {
            assert!(visitor.is_signed_in(), "after {n}");
        }
    }
    assert!(visitor.is_signed_in());
    let files = std::fs::read_dir(format!("/proc/{}/fd", page.pid())).unwrap().count();
    assert!(files < 500, "{files} files are open");
    wait_until("the oldest are closed", || held.iter_mut().take(800).all(is_closed));
    drop(held);
    assert!(visitor.is_signed_in() && page.enter().is_signed_in());
}

#[test]
fn malformed_requests_are_refused() {
    let server = Server::start();
    let page = Page::of(&server);
    let host = page.address.clone();
    for bytes in [
        "\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}".repeat(100),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET / HTTP/9.9\r\nhost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\nhost : x\r\n\r\n"),
        format!(
            "POST /login HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
        ),
        format!("POST /login HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        format!("GET /%00 HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET /\u{e9} HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET /../../etc/passwd HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        format!("GET /static/../../Cargo.toml HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let mut stream = page.connect();
        let _ = stream.write_all(bytes.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let status = Answer::parse(&answer).map(|answer| answer.status);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{bytes:?}: {status:?}");
    }
    assert!(page.enter().is_signed_in());
}
