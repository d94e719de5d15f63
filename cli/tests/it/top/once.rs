//! `--once`: the same as text, for scripts.

use super::{search, server, stuff};
use crate::program::{run, text};

#[test]
fn everything_is_printed_once_as_plain_text() {
    let server = server();
    let mut client = server.client();
    search(&mut client, b"search:mallory", 25);
    search(&mut client, b"search:\x1b[31m", 9);
    stuff(&mut client, "203.0.113.9");
    let args = ["top", "--once", "--redis", &server.url(), "--guard", "login", "--interval", "200ms"];
    let output = run(args);
    assert!(output.status.success());
    let shown = text(&output.stdout);
    for part in [
        "1 new ban within a minute, by login/stuffing",
        "calls/s",
        "search:mallory",
        "search:\\x1b[31m",
        "203.0.113.9",
        "login/stuffing",
        "primary",
        "audit",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert!(!shown.contains('\x1b'));
    assert!(shown.lines().all(|line| line.chars().count() <= 120), "{shown}");
    assert_eq!(shown.matches("search:").count(), 2, "{shown}");
    let few = run(args.into_iter().chain(["--rows", "1", "--width", "60"]));
    let few = text(&few.stdout);
    assert!(few.contains("mallory") && !few.contains("search:\\x1b"), "{few}");
}

#[test]
fn it_fails_with_the_reason_where_nothing_answers() {
    let mut server = server();
    let url = server.url();
    server.kill();
    let output = run(["top", "--once", "--redis", &url]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("refused") && error.lines().count() == 1, "{error}");
}
