//! The Redis user of docs/reference/program/index.md is enough for all subcommands.

use lockwatch_test_support::tokens::{Algorithm, Keys, issuer};
use lockwatch_test_support::{Server, Value};

use crate::program::{lockwatch, text};
use crate::web::page::Page;

const PASSWORD: (&str, &str) = ("LOCKWATCH_REDIS_PASSWORD", "choose-a-password");

/// What the page gives to the user `lockwatch`.
fn documented() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/program/index.md");
    let text = std::fs::read_to_string(page).unwrap();
    let rights = text.lines().find_map(|line| line.strip_prefix("> ACL SETUSER lockwatch "));
    rights.expect("the page makes the user").to_owned()
}

fn make_user(server: &Server, rights: &str) {
    let made = server.client().run(&format!("ACL SETUSER lockwatch {rights}"));
    assert_eq!(made, Value::Simple("OK".into()), "{rights}");
}

/// What the server has refused to its users: the texts of ACL LOG.
fn refused(server: &Server) -> String {
    fn read(value: &Value, into: &mut String) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| read(value, into)),
            Value::Bulk(bytes) => into.push_str(&String::from_utf8_lossy(bytes)),
            _ => {}
        }
        into.push('\n');
    }
    let mut texts = String::new();
    read(&server.client().run("ACL LOG"), &mut texts);
    texts.trim().to_lowercase()
}

fn run(server: &Server, args: &[&str]) -> String {
    let output = lockwatch(args.iter().copied())
        .args(["--redis", &server.url(), "--user", "lockwatch"])
        .env(PASSWORD.0, PASSWORD.1)
        .output()
        .unwrap();
    let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.code().is_some_and(|code| code < 2), "{args:?}: {shown}");
    shown
}

/// A server with something of each kind to look at.
fn busy_server() -> (Keys, Server) {
    let (keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    client.run("LW.POLICY SET api 1 60");
    for _ in 0..3 {
        client.run("LW.RATELIMIT lw:a @api");
    }
    client.issue("auth alice");
    (keys, server)
}

#[test]
fn the_user_of_the_reference_may_do_all_that_the_subcommands_do() {
    let (_keys, server) = busy_server();
    make_user(&server, &documented());
    // It finds faults in this server, but none in the user's rights.
    let found = run(&server, &["doctor", "--only", "own-rights"]);
    assert!(found.contains("all is well"), "{found}");
    run(&server, &["doctor", "--skip", "exposed,default-user"]);
    assert!(run(&server, &["metrics", "--once"]).contains("lockwatch_module_loaded"));
    let top = run(&server, &["top", "--once", "--interval", "200ms"]);
    assert!(top.contains("lw:a") && top.contains("203.0.113.9"), "{top}");
    let page = Page::start(&server.url(), &["--user", "lockwatch"], &[PASSWORD]);
    let visitor = page.enter();
    for path in ["/", "/limits", "/key?key=lw:a", "/bans?guard=login", "/sessions?store=auth&subject=alice"] {
        assert_eq!(visitor.get(path).status, 200, "{path}");
    }
    assert_eq!(refused(&server), "");
}

#[test]
fn a_server_says_what_it_has_refused() {
    let (_keys, server) = busy_server();
    make_user(&server, &documented().replace("+lw.top ", ""));
    run(&server, &["top", "--once", "--interval", "200ms"]);
    assert!(refused(&server).contains("lw.top"), "{}", refused(&server));
}
