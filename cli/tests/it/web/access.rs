//! Sessions, the one-time link, and what every answer carries.

use lockwatch_test_support::Server;

use super::exchange::{Answer, Request};
use super::page::{Page, refused};

const LINK_GONE: &str = "has been used, or is too old";

#[test]
fn nothing_is_shown_without_a_session() {
    let server = Server::start();
    let page = Page::with(&server, &["--allow-actions"]);
    for path in
        ["/", "/bans", "/audit?user=a", "/live/", "/actions/lift?guard=a&kind=ip&value=1.2.3.4", "/none"]
    {
        let answer = page.send(Request::get(path));
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.body.contains("csrf"), "{path}: {}", answer.body);
    }
    for path in ["/logout", "/actions/lift", "/login"] {
        assert_eq!(page.send(Request::post(path, &[("csrf", "")])).status, 401, "{path}");
    }
    for cookie in ["", "lockwatch", "lockwatch-1=x", "a=b; c=d"] {
        assert_eq!(page.send(Request::get("/").with("cookie", cookie)).status, 401, "{cookie}");
    }
}

#[test]
fn a_link_works_once() {
    let server = Server::start();
    let page = Page::of(&server);
    let first = page.link();
    let second = page.new_link();
    let gone = |link: &str| {
        let answer = page.send(Request::get(link));
        assert_eq!(answer.status, 401);
        assert!(answer.body.contains(LINK_GONE) && answer.header("set-cookie").is_none(), "{answer:?}");
    };
    gone(&first);
    gone("/login?token=");
    gone(&format!("{second}x"));
    // Who only looks whether the link is alive does not use it up.
    assert_eq!(page.send(Request::new("HEAD", &second)).status, 401);
    let answer = page.send(Request::get(&second));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    gone(&second);
    assert!(page.enter().is_signed_in());
}

#[test]
fn the_token_is_in_no_log() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitor = page.enter();
    page.send(Request::get("/login?token=wrong-token"));
    let secret = visitor.cookie.split_once('=').unwrap().1;
    let log = page.logged("signed in by the one-time link");
    let link = page.link();
    let token = link.split_once('=').unwrap().1;
    for text in [secret, token, "token=", "wrong-token"] {
        assert!(!log.contains(text), "{text} in {log}");
    }
}

#[test]
fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let server = Server::start();
    let page = Page::of(&server);
    let answer = page.send(Request::get(page.link()));
    let cookie = answer.header("set-cookie").unwrap();
    let port = page.address.rsplit(':').next().unwrap();
    assert!(cookie.starts_with(&format!("lockwatch-{port}=")), "{cookie}");
    for flag in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(flag), "{flag}: {cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
}

#[test]
fn every_answer_is_protected() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitor = page.enter();
    let answers: [(&str, Answer); 7] = [
        ("a page", visitor.get("/")),
        ("no session", page.send(Request::get("/"))),
        ("not found", visitor.get("/none")),
        ("another name", page.send(Request::get("/").with("host", "evil.example"))),
        ("another method", page.send(Request::new("PUT", "/"))),
        ("another origin", page.send(Request::post("/login", &[]).with("origin", "http://evil.example"))),
        ("a used link", page.send(Request::get(page.link()))),
    ];
    for (what, answer) in answers {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        for part in [
            "default-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        ] {
            assert!(policy.contains(part) && !policy.contains("unsafe"), "{what}: {policy}");
        }
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{what}: {name}");
        }
        assert!(answer.header("permissions-policy").unwrap().contains("camera=()"), "{what}");
        assert_eq!(answer.header("strict-transport-security"), None, "{what}");
        assert_eq!(answer.header("server"), None, "{what}");
        assert!(answer.headers_named("access-control-").is_empty(), "{what}");
    }
}

#[test]
fn a_session_ends_by_signing_out_and_with_the_process() {
    let server = Server::start();
    let page = Page::of(&server);
    let (one, other) = (page.enter(), page.enter());
    assert!(one.is_signed_in() && other.is_signed_in());
    let cookie = one.cookie.clone();
    let answer = one.post("/logout", &[]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login")));
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(!one.is_signed_in() && other.is_signed_in());
    drop(page);
    let next = Page::of(&server);
    let value = cookie.split_once('=').unwrap().1;
    let port = next.address.rsplit(':').next().unwrap();
    let kept = Request::get("/").with("cookie", format!("lockwatch-{port}={value}"));
    assert_eq!(next.send(kept).status, 401);
}

#[test]
fn a_form_of_another_session_is_refused() {
    let server = Server::start();
    let page = Page::of(&server);
    let (one, other) = (page.enter(), page.enter());
    let foreign = other.csrf();
    for token in ["", "x", &foreign] {
        let answer = one.send(Request::post("/logout", &[("csrf", token)]));
        assert_eq!(answer.status, 403, "{token}");
    }
    assert_eq!(one.send(Request::post("/logout", &[])).status, 403);
    assert!(one.is_signed_in());
}

#[test]
fn a_link_from_another_site_leads_to_the_page() {
    let server = Server::start();
    let page = Page::of(&server);
    let from_elsewhere = |path: &str| {
        page.send(Request::get(path).with("sec-fetch-site", "cross-site").with("sec-fetch-dest", "document"))
    };
    // A browser leaves the cookie out, and sends it when this page leads it on.
    let answer = from_elsewhere("/audit?user=%22%3E%3Cb&kind=a");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("content=\"0; url=/audit?user=%22%3E%3Cb&#38;kind=a\""), "{}", answer.body);
    for path in ["//evil.example/", "/\\evil.example"] {
        let answer = from_elsewhere(path);
        assert!(!answer.body.contains("evil"), "{path}: {}", answer.body);
    }
}

#[test]
fn the_page_does_not_start_unprotected() {
    let (redis, none) = ("redis://127.0.0.1:1", "/none");
    for (args, expected) in [
        (&["--listen", "0.0.0.0:0"][..], "--auth-file"),
        (&["--listen", "0.0.0.0:0", "--auth-file", none], "--https-cert"),
        (&["--listen", "[::]:0", "--behind-proxy", "https://a.example"], "--auth-file"),
        (
            &["--listen", "0.0.0.0:0", "--auth-file", none, "--https-cert", "a", "--https-key", "b"],
            "--origin",
        ),
        (&["--behind-proxy", "https://a.example"], "--auth-file"),
        (&["--behind-proxy", "http://a.example", "--auth-file", none], "https://HOST"),
        (&["--auth-file", none], "can't be read"),
        (&["--https-cert", none], "--https-key"),
        (&["--https-cert", none, "--https-key", none], "no certificate"),
        (&["--listen", "localhost"], "--listen"),
    ] {
        let why = refused(redis, args);
        assert!(why.contains(expected), "{args:?}: {why}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = Server::start();
    let page = Page::of(&server);
    let why = refused(&server.url(), &["--listen", &page.address]);
    assert!(why.contains(&page.address) && why.contains("in use"), "{why}");
}

#[test]
fn signals_end_it_with_exit_code_0() {
    let server = Server::start();
    for signal in ["TERM", "INT"] {
        let mut page = Page::of(&server);
        page.enter();
        page.signal(signal);
        assert_eq!(page.exit_code(), Some(0), "{signal}");
    }
}
