//! What the page does not know does not look like nothing, and a typing error is not an answer.

use lockwatch_test_support::tokens::{Algorithm, issuer};
use lockwatch_test_support::{Server, wait_until};

use super::page::Page;

#[test]
fn a_server_that_is_dead_has_no_zeros() {
    let mut server = Server::start();
    server.client().run("LW.BAN login IP 203.0.113.9 FOR 1h");
    let page = Page::with(&server, &["--timeout", "500ms"]);
    let visitor = page.enter();
    let address = server.address().to_string();
    server.kill();
    wait_until("the page says that the server is away", || {
        visitor.get("/").body.contains(&format!("<h1>The primary {address} is away"))
    });
    for path in ["/", "/bans", "/delivery"] {
        let body = visitor.get(path).body;
        for wrong in [
            "No webhook is set",
            "Nobody is banned",
            "There is no guard yet",
            "No call has been limited",
            "0 bans",
        ] {
            assert!(!body.contains(wrong), "{path}: {wrong}");
        }
    }
}

#[test]
fn guards_that_were_not_found_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    client.run("ACL SETUSER web on >secret-of-web ~* +@all -scan");
    let page =
        Page::start(&server.url(), &["--user", "web"], &[("LOCKWATCH_REDIS_PASSWORD", "secret-of-web")]);
    let visitor = page.enter();
    for path in ["/", "/bans"] {
        let body = visitor.get(path).body;
        assert!(body.contains("+scan"), "{path}: {body}");
        assert!(!body.contains("Nobody is banned") && !body.contains("0 bans"), "{path}");
    }
}

#[test]
fn a_store_that_does_not_exist_is_said() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    server.client().issue("auth alice");
    let page = Page::of(&server);
    let visitor = page.enter();
    let wrong = visitor.get("/sessions?store=Auth&subject=alice").body;
    assert!(wrong.contains("There is no token store of the name Auth"), "{wrong}");
    assert!(!wrong.contains("not signed in"), "{wrong}");
    let other = visitor.get("/sessions?store=auth&subject=Alice").body;
    assert!(other.contains("not signed in") && other.contains("Capital letters count"), "{other}");
}

#[test]
fn why_names_who_lifted_and_knows_a_hash() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.BAN login USER alice FOR 1h");
    let page = Page::of(&server);
    let visitor = page.enter();
    let held = visitor.get("/why?guard=login&user=alice").body;
    assert!(held.contains("was banned") && !held.contains(">Why<"), "{held}");
    client.run("LW.LIFT login USER alice BY dora");
    // A page may be five seconds old.
    wait_until("the page says who lifted the ban", || {
        let free = visitor.get("/why?guard=login&user=alice").body;
        free.contains("dora lifted 1 ban or challenge of user alice in login")
    });
    let hash = visitor.get("/why?guard=login&user=0123456789abcdef").body;
    assert!(hash.contains("looks like a hash"), "{hash}");
}
