//! How much visitors, also hostile ones, cost the servers and the program.

use std::io::Write;
use std::thread;
use std::time::Instant;

use lockwatch_test_support::{Client, Server};

use super::exchange::{Answer, Request};
use super::page::{Page, Visitor, auth_file};

/// An answer is shared for this many seconds.
const SHARED: u64 = 5;

/// How often a server was called, by INFO.
fn calls(client: &mut Client, command: &str) -> u64 {
    let stats = client.run("INFO commandstats").text().to_lowercase();
    let line = format!("cmdstat_{command}:calls=");
    let Some((_, rest)) = stats.split_once(&line) else { return 0 };
    rest.split(',').next().unwrap().parse().unwrap()
}

/// Asserts that some were called once in the time of a shared answer, for each of `pages`.
#[track_caller]
fn assert_shared(client: &mut Client, began: Instant, commands: &[(&str, u64)]) {
    let rounds = 1 + began.elapsed().as_secs().div_ceil(SHARED);
    for (command, pages) in commands {
        let calls = calls(client, command);
        assert!((1..=rounds * pages).contains(&calls), "{calls} calls of {command} in {rounds} rounds");
    }
}

#[test]
fn many_visitors_cost_as_much_as_one() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    client.run("LW.RATELIMIT k 5 60");
    let page = Page::of(&server);
    let visitor = page.enter();
    client.run("CONFIG RESETSTAT");
    let began = Instant::now();
    let paths = [
        "/live/bans?guard=login",
        "/live/why?guard=login&ip=203.0.113.9",
        "/live/key?key=k",
        "/live/limits",
        "/live/audit?user=dora",
        "/live/delivery",
    ];
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for path in paths {
                    assert_eq!(visitor.get(path).status, 200, "{path}");
                }
            });
        }
    });
    let commands = [
        ("lw.bans", 1),
        ("lw.rules", 2),
        ("lw.why", 1),
        ("lw.inspect", 1),
        ("lw.top", 1),
        ("lw.policy|list", 1),
        ("lw.auditlog|query", 1),
        ("lw.auditlog|dead", 1),
        ("lw.alerts|recent", 2),
        ("lw.alerts|dead", 1),
    ];
    assert_shared(&mut client, began, &commands);
}

#[test]
fn visitors_who_hang_up_cost_as_much_as_one() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    let page = Page::of(&server);
    let visitor = page.enter();
    client.run("CONFIG RESETSTAT");
    let began = Instant::now();
    for path in ["/", "/live/bans?guard=login", "/live/nodes"] {
        let request = page.addressed(Request::get(path)).with("cookie", visitor.cookie.clone());
        for _ in 0..300 {
            let _ = page.connect().write_all(&request.bytes());
        }
    }
    for path in ["/", "/live/bans?guard=login", "/live/nodes"] {
        assert_eq!(visitor.get(path).status, 200, "{path}");
    }
    assert_shared(&mut client, began, &[("lw.top", 1), ("lw.bans", 2), ("lw.rules", 2), ("info", 6)]);
}

#[test]
fn an_action_is_seen_at_once() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.BAN login IP 203.0.113.9 FOR 1h");
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    let has_ban = |visitor: &Visitor<'_>| visitor.get("/bans?guard=login").body.contains("203.0.113.9");
    assert!(has_ban(&visitor));
    let lift = [("guard", "login"), ("kind", "ip"), ("value", "203.0.113.9"), ("confirm", "yes")];
    assert_eq!(visitor.post("/actions/lift", &lift).status, 303);
    let answer = visitor.get("/");
    assert!(answer.body.contains("was lifted"), "{answer:?}");
    assert!(!has_ban(&visitor));
}

/// The resident memory of a process in kB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn floods_of_logins_take_little_memory_and_are_told_to_wait() {
    let server = Server::start();
    let (_dir, auth) = auth_file(&[("dora", "view", "correct horse battery staple")]);
    let origin = "https://ops.example.com";
    let page = Page::with(&server, &["--auth-file", &auth, "--behind-proxy", origin]);
    let before = resident(page.pid());
    let login = &|n: u32| {
        let [_, a, b, c] = n.to_be_bytes();
        let form = [("name", &*format!("user{n}")), ("password", "a wrong password")];
        let request = Request::post("/login", &form)
            .with("host", "ops.example.com")
            .with("origin", origin)
            .with("x-forwarded-for", format!("100.{a}.{b}.{c}"));
        Answer::to(&request, page.connect())
    };
    let mut busy = 0;
    for round in 0..6 {
        thread::scope(|scope| {
            let tries: Vec<_> = (0..32).map(|n| scope.spawn(move || login(round * 100 + n))).collect();
            for answer in tries.into_iter().map(|task| task.join().unwrap()) {
                match answer.status {
                    401 => {}
                    503 => {
                        assert!(answer.body.contains("Too many are signing in"), "{answer:?}");
                        assert!(answer.header("retry-after").is_some());
                        busy += 1;
                    }
                    _ => panic!("{answer:?}"),
                }
            }
        });
    }
    let after = resident(page.pid());
    eprintln!("{before} kB before, {after} kB after, {busy} were told to wait");
    // Two hashes at once need 19 MiB each.
    assert!(after < before + 80 * 1024, "{before} kB before, {after} kB after");
}
