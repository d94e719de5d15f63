//! Headers of an endpoint's own, from a file that a line of webhook-urls-file names.

use std::fs;

use super::HURRY;
use crate::support::receiver::{Answer, Receiver, verify};
use crate::support::{Server, wait_until};

const TOKEN: &str = "Bearer s3cret-token";
const SECRET: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk";

struct Listed {
    server: Server,
    headers: String,
    urls: String,
}

/// A server whose endpoints are `lines`, in which `{headers}` is the path of a file that holds
/// `headers`.
fn server_listing(lines: &str, headers: &str) -> Listed {
    let server = Server::builder()
        .config("lockwatch.webhook-allow-private yes")
        .config("slowlog-log-slower-than 0")
        .config("loglevel debug")
        .hurrying(HURRY)
        .start();
    let path = |name: &str| server.dir().join(name).to_str().unwrap().to_owned();
    let (urls, headers_path) = (path("urls"), path("headers"));
    fs::write(&headers_path, headers).unwrap();
    fs::write(&urls, lines.replace("{headers}", &headers_path)).unwrap();
    server.client().set("webhook-urls-file", &urls);
    Listed { server, headers: headers_path, urls }
}

#[test]
fn an_endpoint_gets_its_headers_with_every_try_and_no_other_endpoint_does() {
    let (own, other) = (Receiver::start(), Receiver::start());
    own.answer_first([Answer::status(500)], Answer::status(200));
    let lines = format!("{} {SECRET} header-file={{headers}}\n{}\n", own.url(), other.url());
    let listed =
        server_listing(&lines, &format!("# ours\nAuthorization: {TOKEN}\nX-Tenant: 7\nUser-Agent: ours\n"));
    let mut client = listed.server.client();
    let id = client.alert("with.headers", "1");
    for request in own.wait_for_tries(&id, 2) {
        assert_eq!(request.header("authorization"), TOKEN);
        assert_eq!((request.header("x-tenant"), request.header("user-agent")), ("7", "ours"));
        assert_eq!(request.header("content-type"), "application/json");
        verify(&request, &[SECRET]).unwrap();
    }
    let request = other.wait_for_alert(&id);
    assert_eq!((request.header_if_any("authorization"), request.header_if_any("x-tenant")), (None, None));
    client.wait_until_delivered();
    assert!(client.test_endpoints().iter().all(|tested| tested.ok));
    assert_eq!(own.requests().last().unwrap().header("authorization"), TOKEN);
    // Another token.
    fs::write(&listed.headers, "Authorization: Bearer next").unwrap();
    assert_eq!(client.run("LW.RELOAD").text(), "OK");
    let id = client.alert("reloaded", "1");
    let request = own.wait_for_alert(&id);
    assert_eq!((request.header("authorization"), request.header_if_any("x-tenant")), ("Bearer next", None));
}

#[test]
fn the_value_of_a_header_is_shown_nowhere() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(401).body(format!("no such token: {TOKEN}")));
    let lines = format!("{} header-file={{headers}}\n", receiver.url());
    let listed = server_listing(&lines, &format!("Authorization: {TOKEN}\n"));
    let mut monitor = listed.server.client();
    monitor.run("MONITOR");
    let mut client = listed.server.client();
    client.set("webhook-urls-file", "");
    client.set("webhook-urls-file", &listed.urls);
    client.alert("denied", "1");
    wait_until("a try has failed", || client.waiting()[0].pending[0].tries > 0);
    client.test_endpoints();
    fs::write(&listed.headers, format!("Authorization: {TOKEN}\nContent-Type: {TOKEN}\n")).unwrap();
    let mut shown =
        vec![client.set_refused("webhook-urls-file", &format!("{}/../urls", listed.server.dir().display()))];
    assert!(
        client.run("LW.RELOAD").error().contains("line 1: header-file: line 2: lockwatch or the HTTP client")
    );
    for call in ["LW.ALERTS LIST", "LW.ALERTS TEST", "SLOWLOG GET 100", "CONFIG GET *", "LW.RELOAD"] {
        shown.push(String::from_utf8_lossy(format!("{:?}", client.run(call)).as_bytes()).into_owned());
    }
    client.run("CONFIG REWRITE");
    shown.push(fs::read_to_string(listed.server.dir().join("redis.conf")).unwrap());
    shown.push(client.run("INFO everything").text());
    client.run("ECHO the-end");
    let mut seen = String::new();
    while !seen.contains("the-end") {
        seen += &monitor.read().text();
    }
    shown.push(seen);
    shown.push(listed.server.log());
    client.run("SAVE");
    shown
        .push(String::from_utf8_lossy(&fs::read(listed.server.dir().join("dump.rdb")).unwrap()).into_owned());
    for text in shown {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
