//! Clients that misbehave, and what must not be in the metrics.

use std::io::{Read, Write};
use std::time::Instant;

use lockwatch_test_support::receiver::Receiver;
use lockwatch_test_support::{SOON, Server, wait_until};

use super::running::{Running, connect};
use crate::program::lockwatch;

#[test]
fn clients_that_send_nothing_do_not_keep_others_away() {
    let server = Server::start();
    let running = Running::of(&server.url(), &[]);
    // More than the program serves at a time.
    let idle: Vec<_> = (0..400).map(|_| connect(running.address())).collect();
    let mut slow = connect(running.address());
    slow.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
    assert_eq!(running.get("/healthz").status, 200);
    // It did not wait until those before it were given up.
    slow.set_nonblocking(true).unwrap();
    let unread = slow.read(&mut [0]).map_err(|why| why.kind());
    assert_eq!(unread, Err(std::io::ErrorKind::WouldBlock));
    slow.set_nonblocking(false).unwrap();
    // Each of them is dropped in the end.
    for mut stream in idle.into_iter().chain([slow]) {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = stream.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains(" 200 "));
    }
}

#[test]
fn a_client_that_does_not_read_its_answer_harms_nobody() {
    let server = Server::start();
    let running = Running::of(&server.url(), &[]);
    let deaf: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = connect(running.address());
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    running.scrape();
    assert!(began.elapsed() < SOON);
    drop(deaf);
}

#[test]
fn a_request_that_is_too_large_or_malformed_is_refused() {
    let server = Server::start();
    let mut running = Running::of(&server.url(), &[]);
    let long = "x".repeat(20_000);
    let many: String = (0..200).map(|i| format!("X-{i}: 1\r\n")).collect();
    for request in [
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        let mut stream = connect(running.address());
        // It may close the connection before it has read all.
        let _ = stream.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let answer = String::from_utf8_lossy(&bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // The head of a body is read, its body is not.
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    let mut stream = connect(running.address());
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = [0; 12];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200");
    assert!(running.runs());
}

/// No key, user, address of a client or secret of a server gets into the metrics or the log.
#[test]
fn nothing_that_a_client_names_and_no_secret_is_shown() {
    let receiver = Receiver::start();
    let endpoint = receiver.url_at("127.0.0.1", "/hooks/T0KEN?secret=T0KEN");
    let server = Server::builder()
        .config("lockwatch.webhook-allow-private yes")
        .config(format!("lockwatch.webhook-urls \"{endpoint}\""))
        .start();
    let mut client = server.client();
    client.run("ACL SETUSER monitor on >hunter2 +info");
    for _ in 0..9 {
        client.run("LW.RATELIMIT key-of-mallory 2 1m");
        client.run("LW.ATTEMPT login IP 203.0.113.9 USER mallory");
        client.run("LW.BURST key-of-mallory 2 1m IP 203.0.113.9");
        client.run("LW.AUDIT USER mallory IP 203.0.113.9 STATUS 200");
    }
    client.run("LW.ALERT mallory {\"a\":\"T0KEN\"}");
    let running = Running::of(&format!("redis://monitor:hunter2@{}/", server.address()), &[]);
    let body = running.get("/metrics").body;
    assert!(body.contains("lockwatch_alert_endpoint_state{"), "{body}");
    assert!(body.contains(&format!("endpoint=\"{}\"", receiver.label())), "{body}");
    for secret in ["hunter2", "mallory", "203.0.113.9", "T0KEN", "key-of"] {
        assert!(!body.contains(secret), "{secret} is in the metrics");
        assert!(!running.log().contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let server = Server::start();
    server.client().run("ACL SETUSER monitor on >sesame +info");
    let running = Running::of(&format!("redis://monitor:hunter2@{}/", server.address()), &[]);
    let metrics = running.wait_for("it is away", |metrics| metrics.sum("lockwatch_up", &[]) == Some(0.0));
    assert_eq!(metrics.sum("lockwatch_module_loaded", &[]), None);
    assert!(!running.log().contains("hunter2"), "{}", running.log());
    assert!(running.log().contains("WRONGPASS"), "{}", running.log());
}

#[test]
fn a_user_who_may_only_call_info_is_enough() {
    let server = Server::start();
    server.client().run("ACL SETUSER monitor on >sesame +info");
    let url = server.url();
    let args = ["metrics", "--listen", "127.0.0.1:0", "--user", "monitor", "--redis", &url];
    let running = Running::start(lockwatch(args).env("LOCKWATCH_REDIS_PASSWORD", "sesame"));
    let metrics = running.wait_for("it answers", |metrics| metrics.sum("lockwatch_up", &[]) == Some(1.0));
    assert_eq!(metrics.sum("lockwatch_module_loaded", &[]), Some(1.0));
    let refused = server.client().run("ACL LOG");
    assert!(refused.items().is_empty(), "{refused:?}");
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_it() {
    let server = Server::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let args = ["metrics", "--listen", &address.to_string(), "--redis", &server.url()];
    let mut child = lockwatch(args).stderr(full).spawn().unwrap();
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());
    let mut stream = connect(address);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(read.is_ok() && answer.starts_with("HTTP/1.1 200"), "{answer}");
}
