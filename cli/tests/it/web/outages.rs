//! A Redis that is away, slow or failing over leaves the page running and saying so.

use std::process::Command;
use std::time::{Duration, Instant};

use lockwatch_test_support::sentinel::Sentinel;
use lockwatch_test_support::{Client, Server, wait_at_most};

use super::exchange::Request;
use super::page::Page;

const PAGES: [&str; 7] = ["/", "/limits", "/bans", "/sessions", "/audit", "/delivery", "/nodes"];

#[test]
fn a_server_that_is_killed_is_reported_and_found_again() {
    let mut server = Server::start();
    let address = server.address().to_string();
    let page = Page::with(&server, &["--allow-actions", "--timeout", "500ms"]);
    let visitor = page.enter();
    assert!(visitor.is_signed_in());
    server.kill();
    wait_at_most(Duration::from_secs(30), "the page says that the server is away", || {
        let answer = visitor.get("/");
        answer.status == 200 && answer.body.contains(&format!("{address} is away"))
    });
    for path in PAGES {
        let began = Instant::now();
        assert_eq!(visitor.get(path).status, 200, "{path}");
        assert!(began.elapsed() < Duration::from_secs(5), "{path} took {:?}", began.elapsed());
    }
    let lift = [("guard", "login"), ("kind", "ip"), ("value", "203.0.113.9"), ("confirm", "yes")];
    assert_eq!(visitor.post("/actions/lift", &lift).status, 303);
    assert!(visitor.get("/").body.contains("The server did not answer"));
    wait_at_most(Duration::from_secs(30), "the log says why", || {
        page.log().contains("lift by 'local': not known whether it was done: the server ")
    });
    server.start_again();
    wait_at_most(Duration::from_secs(30), "the page is as before", || {
        let answer = visitor.get("/");
        answer.status == 200 && !answer.body.contains("is away")
    });
    server.client().run("LW.BAN login IP 203.0.113.9 FOR 1h");
    assert_eq!(visitor.post("/actions/lift", &lift).status, 303);
    assert!(visitor.get("/").body.contains("was lifted"));
}

#[test]
fn a_server_that_is_away_from_the_start_is_waited_for() {
    let mut server = Server::start();
    let url = server.url();
    server.kill();
    let page = Page::start(&url, &["--timeout", "500ms"], &[]);
    let visitor = page.enter();
    let answer = visitor.get("/");
    assert!(answer.status == 200 && answer.body.contains("is away"), "{answer:?}");
    server.start_again();
    wait_at_most(Duration::from_secs(30), "the server is found", || {
        !visitor.get("/").body.contains("is away")
    });
}

#[test]
fn a_server_that_hangs_does_not_hang_the_page() {
    let server = Server::start();
    let page = Page::with(&server, &["--timeout", "500ms"]);
    let visitor = page.enter();
    assert!(visitor.is_signed_in());
    let pid = server.info("server").number("process_id").to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_at_most(Duration::from_secs(30), "the page says that the server is slow", || {
            let began = Instant::now();
            let answer = visitor.get("/");
            assert!(began.elapsed() < Duration::from_secs(6), "took {:?}", began.elapsed());
            answer.status == 200 && answer.body.contains("does not answer in time")
        });
        assert_eq!(page.send(Request::get("/login")).status, 401, "signing in does not need Redis");
    }));
    signal("-CONT");
    shown.unwrap();
    wait_at_most(Duration::from_secs(30), "the page is as before", || {
        !visitor.get("/").body.contains("does not answer")
    });
}

#[test]
fn a_failover_is_followed() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let sentinel = Sentinel::of(&primary);
    let page = Page::start(&sentinel.url(), &["--allow-actions", "--timeout", "1s"], &[]);
    let visitor = page.enter();
    primary.client().run("LW.BAN login IP 203.0.113.9 FOR 1h");
    primary.wait_for_replica(&replica);
    sentinel.fail_over();
    let lift = [("guard", "login"), ("kind", "ip"), ("value", "203.0.113.9"), ("confirm", "yes")];
    wait_at_most(Duration::from_secs(40), "the ban is lifted at the new primary", || {
        assert_eq!(visitor.post("/actions/lift", &lift).status, 303);
        is_free(&replica)
    });
    wait_at_most(Duration::from_secs(40), "the page names the new primary", || {
        visitor.get("/nodes").body.contains(&replica.address().to_string())
    });
}

/// Whether a server has no ban. A server closes its connections when its role changes.
fn is_free(server: &Server) -> bool {
    let bans =
        Client::connect(server.address()).and_then(|mut client| client.try_call(&["LW.BANS", "login"]));
    bans.is_ok_and(|bans| !bans.is_error() && bans.items().is_empty())
}
