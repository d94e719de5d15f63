//! The check of the servers' logs finds what it is for, and nothing else.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tempfile::TempDir;

use crate::support::postgres::{ENCODED_PASSWORD, PASSWORD, USER};
use crate::support::written::{Allowed, faults_in_logs, register_secret};
use crate::support::{Builder, Server};

/// A line as the server writes it for the module.
fn warning(message: &str) -> String {
    format!("1234:M 29 Nov 2026 10:06:52.123 # <module> {message}\n")
}

fn log_with(text: &str) -> TempDir {
    let dir = TempDir::with_prefix("lockwatch-it-").unwrap();
    fs::write(dir.path().join("server.log"), text).unwrap();
    dir
}

fn faults(text: &str) -> String {
    faults_in_logs(log_with(text).path(), &Allowed::default())
}

#[track_caller]
fn found(what: &str, text: &str) {
    let faults = faults(&format!("{}{text}{}", warning("one"), warning("two")));
    assert!(faults.starts_with(what) && faults.lines().count() == 1, "{text:?}: {faults:?}");
}

#[test]
fn panics_and_crashes_are_found() {
    found("a panic", &warning("panic caught at src/window/log.rs:12; please report it"));
    found("a panic", "thread 'lw-audit' (77) panicked at src/audit/shipper.rs:12:5:\n");
    found("a crash", "=== REDIS BUG REPORT START: Cut & paste starting from here ===\n");
    found("a crash", "1234:M 29 Nov 2026 10:06:52.123 # === ASSERTION FAILED ===\n");
    found("a crash", "1234:M 29 Nov 2026 10:06:52.123 # Redis 7.0.15 crashed by signal: 11, si_code: 1\n");
    let allowed = Allowed { panics: true, ..Allowed::default() };
    let log = log_with(&warning("panic caught at src/debug.rs:12; please report it"));
    assert_eq!(faults_in_logs(log.path(), &allowed), "");
}

#[test]
fn a_flood_of_warnings_that_differ_only_in_numbers_is_found() {
    let alike = |n: usize| -> String {
        let line = |n| warning(&format!("Postgres is away at 127.0.0.1:{n}: try {n}"));
        (0..n).map(line).collect()
    };
    assert_eq!(faults(&alike(20)), "");
    assert!(faults(&alike(21)).starts_with("a flood of 21 warnings: "));
    let different: String =
        (b'a'..=b'z').map(|letter| warning(&format!("about {}", char::from(letter)))).collect();
    assert_eq!(faults(&different), "");
    // What the server itself says is not the module's fault.
    assert_eq!(faults(&alike(30).replace("<module> ", "")), "");
    let allowed = Allowed { repeated: vec!["is away".into()], ..Allowed::default() };
    assert_eq!(faults_in_logs(log_with(&alike(30)).path(), &allowed), "");
}

#[test]
fn secrets_are_found_whoever_logs_them() {
    register_secret("# a comment of a key file\n-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIForgedKey\n");
    for (what, secret) in [
        ("an access token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"),
        ("a refresh token", "lwr_AbCdEfGhIjKlMnOpQrSt"),
        ("a private key", "-----BEGIN PRIVATE KEY-----"),
        ("a private key", "-----BEGIN RSA PRIVATE KEY-----"),
        ("a signing secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("a URL's user", "postgres://writer:pw@db/audit"),
        ("a URL's user", "postgresql://token@db/audit"),
        ("a request's credentials", "authorization: Bearer abc"),
        ("a configured secret", PASSWORD),
        ("a configured secret", ENCODED_PASSWORD),
        ("a configured secret", USER),
        ("a configured secret", "MC4CAQAwBQYDK2VwBCIEIForgedKey"),
    ] {
        found(what, &warning(&format!("it is {secret}")));
        found(what, &format!("1234:M 29 Nov 2026 10:06:52.123 * it is {secret}\n"));
    }
    assert_eq!(faults(&warning("# a comment of a key file")), "");
    let allowed = Allowed { shown: vec!["writer:pw@".into()], ..Allowed::default() };
    let log = log_with(&warning("postgres://writer:pw@db/audit"));
    assert_eq!(faults_in_logs(log.path(), &allowed), "");
}

#[test]
fn names_of_postgres_and_the_paths_of_webhooks_are_found_in_warnings_of_the_module() {
    found("a name in Postgres's message", &warning("FATAL: database \"audit\" does not exist"));
    found("a name in Postgres's message", &warning("password authentication failed for user \"w\""));
    found("a URL's path", &warning("https://hooks.example.com/services/T0/B0 does not answer"));
    assert_eq!(faults(&warning("https://hooks.example.com:8443 does not answer")), "");
}

#[test]
fn what_lies_in_a_file_beside_the_log_is_a_secret() {
    let text = |secret| format!("{}{}", warning("fine"), warning(&format!("it is {secret}")));
    for (file, secret) in [
        ("whsec_b2xkIG9sZCBvbGQg\n", "b2xkIG9sZCBvbGQg"),
        ("# ours\nhttp://127.0.0.1:80/services/xyz whsec_b3du\n", "/services/xyz"),
        ("-----BEGIN X-----\nMC4CAQAwBQYDK2VwBCIE\n", "MC4CAQAwBQYDK2VwBCIE"),
    ] {
        let log = log_with(&text(secret));
        fs::write(log.path().join("a-secret"), file).unwrap();
        let faults = faults_in_logs(log.path(), &Allowed::default());
        assert!(faults.starts_with("a configured secret"), "{secret}: {faults:?}");
    }
    let log = log_with(&text("http://127.0.0.1:80"));
    fs::write(log.path().join("a-secret"), "http://127.0.0.1:80/hook\n").unwrap();
    assert_eq!(faults_in_logs(log.path(), &Allowed::default()), "");
}

/// Starts a server, writes `text` to its log, ends it with `end` and returns whether that failed.
fn fails(builder: Builder, text: &str, end: impl FnOnce(Server)) -> bool {
    use std::io::Write;
    let server = builder.start();
    let log = File::options().append(true).open(server.dir().join("server.log"));
    log.unwrap().write_all(text.as_bytes()).unwrap();
    catch_unwind(AssertUnwindSafe(|| end(server))).is_err()
}

#[test]
fn each_end_of_a_server_checks_the_logs_of_all_its_starts() {
    let caught = warning("panic caught at src/window/log.rs:12; please report it");
    assert!(fails(Server::builder(), &caught, drop));
    assert!(fails(Server::builder(), &caught, |mut server| server.kill()));
    assert!(fails(Server::builder(), &caught, |mut server| server.stop()));
    assert!(fails(Server::builder(), &caught, |server| drop(server.into_data())));
    assert!(!fails(Server::builder().may_panic(), &caught, drop));
    let secrets = warning("whsec_AbCdEfGhIjKlMnOpQrSt").repeat(21);
    assert!(fails(Server::builder().may_repeat("whsec_Ab"), &secrets, drop));
    assert!(!fails(Server::builder().may_repeat("whsec_Ab").may_show("AbCdEfGhIjKlMn"), &secrets, drop));
    // An earlier start's log stays, and a directory that moves to another server leaves its logs
    // behind.
    let flood = caught.repeat(11).replace("panic caught", "tried");
    let again = |mut server: Server| {
        server.kill();
        server.start_again();
        assert!(!server.log().contains("tried"));
        let log = File::options().append(true).open(server.dir().join("server.log"));
        std::io::Write::write_all(&mut log.unwrap(), caught.as_bytes()).unwrap();
        server.kill();
    };
    assert!(fails(Server::builder(), &flood, again));
    let moved = |server: Server| drop(Server::builder().data_dir(server.into_data()).start());
    assert!(!fails(Server::builder().may_panic(), &caught, moved));
}
