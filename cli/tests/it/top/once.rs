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

#[test]
fn it_waits_for_the_search_for_guards_and_says_who_may_not_search() {
    let server = server();
    let mut client = server.client();
    let keys: Vec<Vec<u8>> = (0..30_000).map(|key| format!("SET key:{key} 1").into_bytes()).collect();
    for some in keys.chunks(1000) {
        let calls: Vec<Vec<&[u8]>> =
            some.iter().map(|key| key.split(|byte| *byte == b' ').collect()).collect();
        client.pipeline(&calls);
    }
    stuff(&mut client, "203.0.113.9");
    let url = server.url();
    let args = ["top", "--once", "--redis", &url, "--interval", "100ms"];
    let shown = text(&run(args).stdout);
    assert!(shown.contains("203.0.113.9") && !shown.contains("goes on"), "{shown}");

    client.run("ACL SETUSER viewer on nopass ~* +ping +info +hello +client +select +role +lw.top +lw.bans");
    let viewer = args.into_iter().chain(["--user", "viewer", "--single"]);
    let file = server.dir().join("password");
    std::fs::write(&file, "any").unwrap();
    let shown = text(&run(viewer.chain(["--password-file", file.to_str().unwrap()])).stdout);
    assert!(shown.contains("refuses SCAN: NOPERM") && shown.contains("Bans ?"), "{shown}");
    assert!(shown.contains("can't be searched for") && !shown.contains("Nobody is banned"), "{shown}");
}
