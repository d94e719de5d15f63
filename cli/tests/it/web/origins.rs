//! Requests for other names, from other origins, by other methods, and of other shapes.

use lockwatch_test_support::Server;

use super::exchange::{Answer, Request};
use super::page::{Page, Visitor};

#[test]
fn other_names_are_refused() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitor = page.enter();
    let port = page.address.rsplit(':').next().unwrap();
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("LOCALHOST:{port}")];
    for host in own {
        assert_eq!(visitor.send(Request::get("/").with("host", &host)).status, 200, "{host}");
    }
    let other = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1:{port}.evil.example"),
        format!("0.0.0.0:{port}"),
        format!("[::1]:{port}"),
        format!("127.1:{port}"),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
        String::new(),
    ];
    for host in other {
        for path in ["/", "/login", "/static/page.css", &page.link()] {
            assert_eq!(visitor.send(Request::get(path).with("host", &host)).status, 421, "{host} {path}");
        }
    }
    let twice = Request::get("/").with("host", &page.address).with("host", "evil.example");
    assert_ne!(visitor.send(twice).status, 200);
    let target = |host: &str| Request::get(format!("http://{host}/")).with("host", &page.address);
    assert_eq!(visitor.send(target("evil.example")).status, 421);
    assert_eq!(visitor.send(target(&page.address)).status, 200);
}

/// The status of a form that would sign the visitor out, with these headers.
fn post(visitor: &Visitor<'_>, headers: &[(&str, &str)]) -> u16 {
    let csrf = visitor.csrf();
    let form = visitor.page.addressed(Request::post("/logout", &[("csrf", &csrf)])).without("origin");
    let form = headers.iter().fold(form, |form, (name, value)| form.with(name, *value));
    Answer::to(&form.with("cookie", &visitor.cookie), visitor.page.connect()).status
}

#[test]
fn only_the_page_itself_may_post() {
    let server = Server::start();
    let page = Page::of(&server);
    let (origin, port) = (format!("http://{}", page.address), page.address.rsplit(':').next().unwrap());
    let (https, localhost) = (format!("https://{}", page.address), format!("http://localhost:{port}"));
    let visitor = page.enter();
    for headers in [
        &[][..],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("origin", "http://127.0.0.1")],
        &[("origin", &*https)],
        &[("origin", &*localhost)],
        &[("origin", &*origin), ("origin", "http://evil.example")],
        &[("origin", &*origin), ("sec-fetch-site", "cross-site")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("origin", "null"), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(post(&visitor, headers), 403, "{headers:?}");
    }
    assert!(visitor.is_signed_in());
    for headers in [
        &[("origin", &*origin)][..],
        &[("origin", &*origin), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin")],
        // What browsers send with a form of a page whose policy is no-referrer.
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(post(&page.enter(), headers), 303, "{headers:?}");
    }
}

#[test]
fn other_methods_and_shapes_are_refused() {
    let server = Server::start();
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
        let answer = visitor.send(Request::new(method, "/"));
        assert!(matches!(answer.status, 405 | 421), "{method}: {answer:?}");
    }
    assert_eq!(visitor.send(Request::new("PUT", "/")).header("allow"), Some("GET, HEAD, POST"));
    let head = visitor.send(Request::new("HEAD", "/"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(visitor.send(Request::post("/", &[("csrf", &visitor.csrf())])).status, 405);
    let json = Request::new("POST", "/logout").with("content-type", "application/json").body("{}");
    assert_eq!(visitor.send(json).status, 415);
    let plain = Request::new("POST", "/logout").with("content-type", "text/plain").body("csrf=a");
    assert_eq!(visitor.send(plain).status, 415);
    assert!(visitor.is_signed_in());
}

#[test]
fn large_requests_are_refused() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitor = page.enter();
    let csrf = visitor.csrf();
    let form = |size: usize| Request::post("/logout", &[("csrf", &*csrf), ("x", &"x".repeat(size))]);
    assert_eq!(visitor.send(form(16 * 1024)).status, 413);
    let chunk = "x".repeat(0x4000);
    let chunked = form(0)
        .body(format!("4000\r\n{chunk}\r\n4000\r\n{chunk}\r\n0\r\n\r\n"))
        .without("content-length")
        .with("transfer-encoding", "chunked");
    assert_eq!(visitor.send(chunked).status, 413);
    let lied = form(10).without("content-length").with("content-length", "99999999999999999999");
    assert!(matches!(visitor.send(lied).status, 400 | 413));
    assert_eq!(visitor.get(&format!("/?{}", "x".repeat(20_000))).status, 431);
    assert_eq!(visitor.send(Request::get("/").with("x", "x".repeat(20_000))).status, 431);
    assert!(visitor.is_signed_in());
    assert_eq!(visitor.send(form(15 * 1024)).status, 303);
}
