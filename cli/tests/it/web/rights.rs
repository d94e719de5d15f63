//! The Redis user of the reference is enough, and one with less is told what it lacks.

use lockwatch_test_support::tokens::{Algorithm, issuer};
use lockwatch_test_support::{Server, Value};

use super::page::Page;

/// The rights that docs/reference/program/web.md names.
fn documented() -> [String; 2] {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/program/web.md");
    let text = std::fs::read_to_string(page).unwrap();
    let mut lines =
        text.lines().filter_map(|line| line.strip_prefix("> ACL SETUSER web ").map(str::to_owned));
    [lines.next().unwrap(), lines.next().unwrap()]
}

fn start(server: &Server, rights: &[&str], args: &[&str]) -> Page {
    for rights in rights {
        let set = server.client().run(&format!("ACL SETUSER web {rights}"));
        assert_eq!(set, Value::Simple("OK".into()), "{rights}");
    }
    let args = [args, &["--user", "web"]].concat();
    Page::start(&server.url(), &args, &[("LOCKWATCH_REDIS_PASSWORD", "choose-a-password")])
}

const PAGES: [&str; 9] = [
    "/",
    "/limits",
    "/key?key=lw:a",
    "/bans?guard=login",
    "/why?guard=login&ip=203.0.113.9",
    "/sessions?store=auth&subject=alice",
    "/audit?user=alice",
    "/delivery",
    "/nodes",
];

#[test]
fn the_documented_rights_are_enough() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    client.run("LW.RATELIMIT lw:a 1 60");
    client.issue("auth alice");
    let [look, change] = documented();
    let page = start(&server, &[&look], &[]);
    let visitor = page.enter();
    for path in PAGES {
        let answer = visitor.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            !answer.body.contains("needs the right") && !answer.body.contains("NOPERM"),
            "{path}: {}",
            answer.body
        );
    }
    drop(page);
    let page = start(&server, &[&change], &["--allow-actions"]);
    let visitor = page.enter();
    let lift = [("guard", "login"), ("kind", "ip"), ("value", "203.0.113.9"), ("confirm", "yes")];
    let revoke = [("store", "auth"), ("subject", "alice"), ("confirm", "yes")];
    let retry = [("queue", "audit"), ("id", "1-00000000000000ff-1"), ("confirm", "yes")];
    for (action, fields, expected) in [
        ("lift", &lift[..], "was lifted"),
        ("revoke", &revoke, "was revoked"),
        ("retry", &retry, "no dead letter"),
    ] {
        visitor.post(&format!("/actions/{action}"), fields);
        let shown = visitor.get("/");
        assert!(shown.body.contains(expected), "{action}: {}", shown.body);
    }
}

#[test]
fn a_missing_right_is_named() {
    let server = Server::start();
    server.client().run("LW.BAN login IP 203.0.113.9 FOR 1h");
    let page = start(&server, &["on >choose-a-password %R~* +@connection -@dangerous +info"], &[]);
    let visitor = page.enter();
    for path in PAGES {
        assert_eq!(visitor.get(path).status, 200, "{path}");
    }
    let bans = visitor.get("/bans?guard=login").body;
    assert!(bans.contains("+lw.bans"), "{bans}");
}
