//! The paths and queries of endpoint URLs and the signing secrets appear in no output.

use std::fs;

use super::HURRY;
use crate::support::receiver::{Answer, Authority, Receiver};
use crate::support::{Client, Server, poll_until, wait_until};

/// Parts of the path, the query and the secrets that must not appear.
const HIDDEN: [&str; 6] = ["T0HIDDEN", "B0HIDDEN", "querysecret", "b3duIG93", "b2xkIG9s", "bmV3IG5l"];

const SECRET: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk";
const OWN: &str = "whsec_b3duIG93biBvd24gb3duIG93biBvd24gb3du";
const NEW: &str = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3";

#[track_caller]
fn assert_discreet(what: &str, text: &str) {
    for hidden in HIDDEN {
        assert!(!text.contains(hidden), "{what} shows {hidden}:\n{text}");
    }
}

#[test]
fn no_secret_is_shown_anywhere() {
    let http = Receiver::start();
    let https = Receiver::start_tls(Authority::new().certify("127.0.0.1"));
    let server = Server::builder()
        .config("loglevel debug")
        .config("lockwatch.webhook-allow-private yes")
        .config("slowlog-log-slower-than 0")
        .config("appendonly yes")
        .hurrying(HURRY * 500)
        .start();
    let path = |name: &str| server.dir().join(name).to_str().unwrap().to_owned();
    let hidden_path = "/services/T0HIDDEN/B0HIDDEN?token=querysecret";
    let lines = [
        format!("{} {OWN}", http.url_at("127.0.0.1", hidden_path)),
        https.url_at("127.0.0.1", hidden_path),
        format!("slack+{}", http.url_at("localhost", hidden_path)),
        format!("http://127.0.0.1:1{hidden_path}"),
        format!("http://no-such-host.invalid{hidden_path}"),
    ];
    fs::write(path("urls"), lines.join("\n")).unwrap();
    fs::write(path("secret"), format!("{NEW}\n{SECRET}\n")).unwrap();
    fs::write(path("bad-urls"), format!("{}\nftp://example.com{hidden_path}\n", lines[0])).unwrap();
    fs::write(path("bad-secret"), format!("{SECRET}!\n{NEW}\n{OWN}\nmore\n")).unwrap();
    let mut monitor = server.client();
    monitor.run("MONITOR");
    let mut client = server.client();
    client.set("webhook-urls-file", &path("urls"));
    client.set("webhook-secret-file", &path("secret"));
    assert_discreet("an error", &client.set_refused("webhook-urls-file", &path("bad-urls")));
    assert_discreet("an error", &client.set_refused("webhook-secret-file", &path("bad-secret")));
    deliver_and_fail(&mut client, &http);
    for call in
        ["LW.ALERTS LIST COUNT 1000", "LW.ALERTS DEAD COUNT 1000", "LW.ALERTS TEST", "SLOWLOG GET 100"]
    {
        assert_discreet(call, &format!("{:?}", Unescaped(client.run(call))));
    }
    assert_discreet("INFO", &client.run("INFO everything").text());
    assert_discreet("CONFIG GET", &client.run("CONFIG GET *").texts().join("\n"));
    client.run("CONFIG REWRITE");
    assert_discreet("redis.conf", &fs::read_to_string(server.dir().join("redis.conf")).unwrap());
    client.run("ECHO the-end");
    let mut seen = String::new();
    poll_until("MONITOR shows the last command", || {
        seen += &(monitor.read().text() + "\n");
        seen.contains("the-end").then_some(())
    });
    assert_discreet("MONITOR", &seen);
    // Redis shows the arguments of CONFIG SET in SLOWLOG, so this call comes last.
    let bad = format!("https://user:querysecret@example.com{hidden_path}");
    assert_discreet("an error", &client.set_refused("webhook-urls", &bad));
    assert_discreet("the log", &server.log());
    client.run("SAVE");
    for file in [fs::read(server.aof_file(".incr.aof")), fs::read(server.dir().join("dump.rdb"))] {
        assert_discreet("a data file", &String::from_utf8_lossy(&file.unwrap()));
    }
}

/// Makes alerts succeed, fail in different ways and become dead letters.
#[track_caller]
fn deliver_and_fail(client: &mut Client, http: &Receiver) {
    client.set("webhook-timeout", "1");
    client.alert("fine", "1");
    http.wait_for(2);
    // Wait for it before other failures open the circuits, because alerts use up no tries on an
    // open one.
    wait_until("the endpoint that is down has a dead letter", || !client.dead().is_empty());
    let answers = [
        Answer::status(302).header("location", "http://127.0.0.1/T0HIDDEN"),
        Answer::status(500).body("B0HIDDEN querysecret"),
        Answer::Bytes(b"garbage T0HIDDEN\r\n\r\n"),
        Answer::Close,
        Answer::status(410),
    ];
    for answer in answers {
        http.answer(answer.clone());
        client.alert("failing", "1");
        let before = http.count();
        client.test_endpoints();
        wait_until("the receiver was called", || http.count() > before);
    }
}

/// Formats a reply with its bulk strings as text.
struct Unescaped(crate::support::Value);

impl std::fmt::Debug for Unescaped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::support::Value;
        match &self.0 {
            Value::Bulk(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
            Value::Array(items) => f.debug_list().entries(items.iter().cloned().map(Unescaped)).finish(),
            other => write!(f, "{other:?}"),
        }
    }
}

#[test]
fn a_url_that_is_a_secret_belongs_into_a_file_and_the_log_says_so() {
    let server = Server::builder()
        .config("loglevel debug")
        .config("slowlog-log-slower-than 0")
        .config(format!(
            "lockwatch.webhook-urls slack+https://hooks.slack.com{}",
            "/services/T0HIDDEN/B0HIDDEN"
        ))
        .start();
    let warning = "holds a URL that is a secret (webhook-urls:1)";
    assert!(server.log().contains(warning), "{}", server.log());
    let mut monitor = server.client();
    monitor.run("MONITOR");
    let mut client = server.client();
    client.set("webhook-urls", "https://example.com/plain https://example.com/x?token=querysecret");
    assert!(server.log().contains("(webhook-urls:2)"), "{}", server.log());
    client.set_refused("webhook-urls", "https://example.com/x?token=querysecret nonsense");
    client.set("webhook-urls", "https://example.com/plain");
    client.run("ECHO the-end");
    let mut seen = String::new();
    while !seen.contains("the-end") {
        seen += &monitor.read().text();
    }
    // The server leaves CONFIG SET out of MONITOR. SLOWLOG has it, which a module can't prevent.
    assert_discreet("MONITOR", &seen);
    assert_discreet("the log", &server.log());
    assert_discreet("INFO", &client.run("INFO everything").text());
}
