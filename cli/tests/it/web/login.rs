//! The auth file, and signing in by name and password.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use lockwatch_test_support::{Server, wait_until};

use super::exchange::Request;
use super::page::{Page, auth_file, hashed, refused, write_auth_file};
use crate::program::lockwatch;

const PASSWORD: &str = "correct horse battery staple";
const OTHER: &str = "another password of dora";

#[test]
fn people_sign_in_by_name_and_password() {
    let server = Server::start();
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD), ("max@example.com", "view", OTHER)]);
    let page = Page::with(&server, &["--auth-file", &auth]);
    assert!(!page.out().contains("token"), "no link is printed: {}", page.out());
    let form = page.send(Request::get("/audit?user=a"));
    assert_eq!((form.status, form.field("next").as_str()), (401, "/audit?user=a"));
    assert!(page.sign_in("dora", PASSWORD).is_signed_in());
    assert!(page.sign_in("max@example.com", OTHER).is_signed_in());
    let next = [("name", "dora"), ("password", PASSWORD), ("next", "/audit?user=a")];
    assert_eq!(page.send(Request::post("/login", &next)).header("location"), Some("/audit?user=a"));
    let evil = [("name", "dora"), ("password", PASSWORD), ("next", "//evil.example")];
    assert_eq!(page.send(Request::post("/login", &evil)).header("location"), Some("/"));
    for (name, password) in [
        ("dora", OTHER),
        ("dora", ""),
        ("", ""),
        ("eve", PASSWORD),
        ("DORA", PASSWORD),
        ("dora", &"x".repeat(5000)),
    ] {
        let answer = page.send(Request::post("/login", &[("name", name), ("password", password)]));
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.body.contains("is wrong") && answer.header("set-cookie").is_none(), "{answer:?}");
    }
    assert_eq!(page.send(Request::get("/login?token=x")).status, 401);
    page.logged("'dora' signed in from 127.0.0.1");
    let log = page.logged("a login of an unknown name from 127.0.0.1 was refused");
    assert!(!log.contains("eve"), "{log}");
    assert!(!log.contains(PASSWORD) && !log.contains(OTHER), "{log}");
}

#[test]
fn tries_are_limited() {
    let server = Server::start();
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD)]);
    let page = Page::with(&server, &["--auth-file", &auth]);
    let status = |password: &str| {
        let answer = page.send(Request::post("/login", &[("name", "dora"), ("password", password)]));
        (answer.status, answer.header("retry-after").map(str::to_owned))
    };
    let began = Instant::now();
    let mut tries = 0;
    let wait: u64 = loop {
        match status("a wrong password") {
            (401, None) => tries += 1,
            (429, Some(wait)) => break wait.parse().unwrap(),
            other => panic!("{other:?}"),
        }
        assert!(tries <= 11 + began.elapsed().as_secs() / 30, "after {tries} tries");
    };
    assert!(tries >= 10 && (1..=31).contains(&wait), "{tries} tries, then {wait} seconds");
    assert_eq!(status(PASSWORD).0, 429);
}

/// The shortest times, in seconds, in which a wrong password is refused for a name that exists and
/// for one that does not.
fn refusal_times(page: &Page) -> [f64; 2] {
    let mut fastest = [f64::MAX; 2];
    for _ in 0..8 {
        for (name, fastest) in ["dora", "eve"].into_iter().zip(&mut fastest) {
            let began = Instant::now();
            let form = Request::post("/login", &[("name", name), ("password", "a wrong password")]);
            assert_eq!(page.send(form).status, 401);
            *fastest = fastest.min(began.elapsed().as_secs_f64());
        }
    }
    fastest
}

#[test]
fn an_unknown_name_takes_as_long_as_a_known_one() {
    let server = Server::start();
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD)]);
    // Other load may disturb a round. Without a hash to compare with, it is 20 times as fast in
    // all.
    let rounds: Vec<_> =
        (0..5).map(|_| refusal_times(&Page::with(&server, &["--auth-file", &auth]))).collect();
    let is_even = |[known, unknown]: &[f64; 2]| unknown > &(known / 3.0) && known > &(unknown / 3.0);
    assert!(rounds.iter().any(is_even), "{rounds:?}");
    assert!(rounds.iter().all(|[known, _]| *known > 0.005), "argon2 takes time: {rounds:?}");
}

#[test]
fn a_changed_auth_file_counts_at_once() {
    let server = Server::start();
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD), ("max", "view", OTHER)]);
    let path = Path::new(&auth);
    let page = Page::with(&server, &["--auth-file", &auth]);
    let (dora, max) = (page.sign_in("dora", PASSWORD), page.sign_in("max", OTHER));
    assert!(dora.get("/").body.contains("support"));
    write_auth_file(path, &[("dora", "support", OTHER), ("max", "view", OTHER)]);
    assert!(!dora.is_signed_in(), "another password ends the sessions");
    assert!(!max.is_signed_in(), "so does another hash of the same password");
    let max = page.sign_in("max", OTHER);
    // Nobody may see anything while the file can't be used, and all is as before when it can.
    fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(max.get("/").status, 503);
    assert_eq!(page.send(Request::post("/login", &[("name", "max"), ("password", OTHER)])).status, 503);
    page.logged("chmod 600");
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    assert!(max.is_signed_in());
    fs::rename(path, path.with_extension("away")).unwrap();
    assert_eq!(max.get("/").status, 503);
    fs::rename(path.with_extension("away"), path).unwrap();
    assert!(max.is_signed_in());
    let line = fs::read_to_string(path).unwrap().replace("max view", "max admin");
    fs::write(path, line).unwrap();
    assert!(max.get("/").body.contains("admin"), "a role counts at once");
    fs::write(path, hashed("dora", "view", OTHER)).unwrap();
    assert!(!max.is_signed_in(), "who is removed is signed out");
}

#[test]
fn an_auth_file_that_others_can_read_is_refused() {
    let (dir, auth) = auth_file(&[("dora", "support", PASSWORD)]);
    let redis = "redis://127.0.0.1:1";
    for mode in [0o644, 0o640, 0o604, 0o660, 0o610] {
        fs::set_permissions(&auth, Permissions::from_mode(mode)).unwrap();
        assert!(refused(redis, &["--auth-file", &auth]).contains("chmod 600"), "{mode:o}");
    }
    fs::set_permissions(&auth, Permissions::from_mode(0o600)).unwrap();
    for (text, expected) in [
        ("", "nobody"),
        ("dora support hunter2\n", "line 1: the hash"),
        ("# x\ndora hunter2\n", "line 2: it must be NAME ROLE HASH"),
    ] {
        fs::write(&auth, text).unwrap();
        let why = refused(redis, &["--auth-file", &auth]);
        assert!(why.contains(expected) && !why.contains("hunter2"), "{why}");
    }
    let why = refused(redis, &["--auth-file", dir.path().to_str().unwrap()]);
    assert!(why.contains("regular file"), "{why}");
}

#[test]
fn a_password_becomes_a_line_of_the_auth_file() {
    let line = hashed("dora", "support", PASSWORD);
    assert!(
        line.starts_with("dora support $argon2id$v=19$m=19456,t=2,p=1$") && line.ends_with('\n'),
        "{line}"
    );
    assert_ne!(line, hashed("dora", "support", PASSWORD));
    for (name, role, password) in [
        ("dora", "root", PASSWORD),
        ("do ra", "view", PASSWORD),
        ("", "view", PASSWORD),
        ("dora", "view", "too short"),
        ("dora", "view", ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let typed = dir.path().join("typed");
        fs::write(&typed, password).unwrap();
        let mut command = lockwatch(["web", "--hash-password", name, role]);
        let output = command.stdin(fs::File::open(typed).unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name} {role}");
        assert!(output.stdout.is_empty() && !String::from_utf8_lossy(&output.stderr).contains("too short"));
    }
}

#[test]
fn sessions_of_one_name_are_bounded() {
    let server = Server::start();
    let page = Page::of(&server);
    let visitors: Vec<_> = (0..12).map(|_| page.enter()).collect();
    wait_until("the oldest sessions have ended", || {
        !visitors[0].is_signed_in() && !visitors[1].is_signed_in()
    });
    assert!(visitors[2..].iter().all(|visitor| visitor.is_signed_in()));
}

#[test]
fn a_password_that_is_typed_is_not_shown() {
    let pty = portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).unwrap();
    let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_lockwatch"));
    command.args(["web", "--hash-password", "dora", "view"]);
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let (mut from, mut to) = (pty.master.try_clone_reader().unwrap(), pty.master.take_writer().unwrap());
    let shown = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let copy = std::sync::Arc::clone(&shown);
    let reader = std::thread::spawn(move || {
        let mut part = [0; 1024];
        while let Ok(read @ 1..) = from.read(&mut part) {
            copy.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..read]));
        }
    });
    wait_until("it asks", || shown.lock().unwrap().contains("Password: "));
    to.write_all("correct horse battery stapleé\u{7f}\r".as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    drop((to, pty.master));
    reader.join().unwrap();
    let shown = shown.lock().unwrap().clone();
    assert!(!shown.contains("horse"), "{shown}");
    let line = shown.lines().find(|line| line.starts_with("dora view $argon2id$")).expect("a line");
    let dir = tempfile::tempdir().unwrap();
    let auth = dir.path().join("auth");
    fs::write(&auth, line.trim_end()).unwrap();
    fs::set_permissions(&auth, Permissions::from_mode(0o600)).unwrap();
    let server = Server::start();
    let page = Page::with(&server, &["--auth-file", auth.to_str().unwrap()]);
    assert!(page.sign_in("dora", PASSWORD).is_signed_in());
}
