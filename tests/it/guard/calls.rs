//! Random calls of all commands of guards, and the whole state of a server's guards.

use crate::support::{Builder, Client, Random, Server, Value};

/// Keys of guards with rules.
const KEYS: [&str; 3] = ["login", "lw:login:{t7}", "http"];
const KINDS: [&str; 16] = [
    "failure", "failure", "failure", "failure", "failure", "failure", "failure", "failure", "unknown", "mfa",
    "mfa", "success", "password", "reset", "404", "404",
];

fn ip(random: &mut Random) -> String {
    match random.below(12) {
        0 => format!("2001:db8:{}:{:x}::{}", random.below(2), random.below(9), random.below(3)),
        1 => format!("::ffff:203.0.113.{}", random.below(4)),
        2 => format!("10.0.0.{}", random.below(3)),
        3 => format!("198.51.{}.{}", random.below(40), random.below(3)),
        _ => format!("203.0.113.{}", random.below(2)),
    }
}

/// Options that name subjects, at least an address or a user.
fn about(random: &mut Random) -> String {
    let users = if random.one_in(3) { 400 } else { 5 };
    let user = format!("u{}", random.below(users));
    let mut about = match random.below(8) {
        0 => format!("IP {}", ip(random)),
        1 => format!("USER {user}"),
        _ => format!("IP {} USER {user}", ip(random)),
    };
    if random.one_in(4) {
        about += &format!(" DEVICE d{}", random.below(5));
    }
    about
}

/// Whom an operator names.
fn named(random: &mut Random) -> String {
    match random.below(5) {
        0 => format!("USER u{}", random.below(12)),
        1 => format!("KEY k{}", random.below(3)),
        2 => format!("IP 198.51.{}.0/24", random.below(40)),
        _ => format!("IP {}", ip(random)),
    }
}

/// A random call. It is refused for nothing but a lack of memory.
pub fn call(random: &mut Random) -> String {
    let key = *random.pick(&KEYS);
    let value = if random.one_in(3) { format!(" VALUE v{}", random.below(30)) } else { String::new() };
    match random.below(200) {
        0 | 1 => format!("LW.BAN {key} {} FOR {}s REASON r BY b", named(random), 1 + random.below(60)),
        2 => format!("LW.ALLOW {key} {} FOR {}s", named(random), 1 + random.below(20)),
        3 | 4 => format!("LW.LIFT {key} {}", named(random)),
        5 => format!("LW.LIFT {key} {} FORGET ALLOWED", named(random)),
        6 if random.one_in(8) => format!("LW.LIFT {key} ALL"),
        7 if random.one_in(16) => format!("LW.LIFT {key} ALL FORGET ALLOWED"),
        8..12 => format!("LW.CHECK {key} {}", about(random)),
        12..16 => format!("LW.EVENT {key} 404 KEY k{}", random.below(3)),
        16..80 => {
            let solved = if random.one_in(4) { " SOLVED" } else { "" };
            format!("LW.ATTEMPT {key} {}{value}{solved}", about(random))
        }
        _ => format!("LW.EVENT {key} {} {}{value}", random.pick(&KINDS), about(random)),
    }
}

/// Makes random calls, some of them in transactions and scripts.
#[track_caller]
pub fn make(client: &mut Client, random: &mut Random, count: usize) {
    for _ in 0..count {
        let line = call(random);
        let answer = match random.below(10) {
            0 => {
                let other = call(random);
                client.multi(&[&line, &other]).unwrap().remove(0)
            }
            1 => {
                let words: Vec<_> = line.split(' ').map(|word| format!("'{word}'")).collect();
                client.call(&["EVAL", &format!("return redis.call({})", words.join(",")), "0"])
            }
            _ => client.run(&line),
        };
        assert!(!answer.is_error(), "{line}: {answer:?}");
    }
}

/// Every key with its value, digest and expiry.
#[track_caller]
pub fn state(client: &mut Client) -> Vec<(String, Vec<u8>, Value, i64)> {
    let mut names = client.run("KEYS *").texts();
    names.sort();
    let mut of = |name: String| {
        let (dump, digest) = (client.dump(&name), client.run(&format!("DEBUG DIGEST-VALUE {name}")));
        let expires = client.run(&format!("PEXPIRETIME {name}")).int();
        (name, dump, digest, expires)
    };
    names.into_iter().map(&mut of).collect()
}

/// Asserts that two servers hold the same.
#[track_caller]
pub fn assert_equal(one: &Server, other: &Server) {
    let (mut one, mut other) = (one.client(), other.client());
    let (truth, copy) = (state(&mut one), state(&mut other));
    let names =
        |state: &[(String, Vec<u8>, Value, i64)]| state.iter().map(|key| key.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&truth), names(&copy));
    for (one, other) in truth.iter().zip(&copy) {
        assert_eq!((&one.0, &one.2, one.3), (&other.0, &other.2, other.3));
        assert!(one.1 == other.1, "DUMP of {}", one.0);
    }
    assert_eq!(one.run("DEBUG DIGEST"), other.run("DEBUG DIGEST"));
}

/// A server with other rules, modes and budgets than the default.
pub fn other_rules() -> Builder {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/guard/other.rules");
    Server::builder()
        .config(format!("lockwatch.guard-rules-file {path}"))
        .config("lockwatch.guard-mode observe")
        .config("lockwatch.guard-max-bytes 1mb")
        .config("lockwatch.guard-never-ban 0.0.0.0/0")
        .config("lockwatch.guard-learn 7d")
}
