//! Directives that name files accept only small regular files and never block on anything else.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Instant;

use crate::support::receiver::Receiver;
use crate::support::{SOON, Server};

const SECRET: &str = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xk";

/// A server whose two file directives are set to valid files.
fn server_with_files(receiver: &Receiver) -> Server {
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").start();
    let mut client = server.client();
    fs::write(server.dir().join("urls"), format!("{}\n", receiver.url())).unwrap();
    fs::write(server.dir().join("secret"), SECRET).unwrap();
    client.set("webhook-urls-file", server.dir().join("urls").to_str().unwrap());
    client.set("webhook-secret-file", server.dir().join("secret").to_str().unwrap());
    server
}

#[test]
fn anything_but_a_small_valid_regular_file_is_refused_at_once() {
    let receiver = Receiver::start();
    let server = server_with_files(&receiver);
    let mut client = server.client();
    let path = |name: &str| server.dir().join(name).to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    symlink(path("fifo"), path("link-to-fifo")).unwrap();
    symlink(path("link-to-itself"), path("link-to-itself")).unwrap();
    fs::write(path("large"), [b'#'; 65_537]).unwrap();
    fs::write(path("huge"), format!("{}\n", receiver.url()).repeat(100_000)).unwrap();
    fs::write(path("bytes"), [0xff, 0xfe, 0, 1, 2, 3]).unwrap();
    fs::write(path("garbage"), "sesame open\nsesame close\n").unwrap();
    for bad in [
        &path("missing"),
        &path("fifo"),
        &path("link-to-fifo"),
        &path("link-to-itself"),
        &path("."),
        &path("large"),
        &path("huge"),
        &path("bytes"),
        &path("garbage"),
        "/dev/zero",
        "/dev/null",
        "/proc/self/mem",
        "no\0file",
        "/",
    ] {
        for directive in ["webhook-urls-file", "webhook-secret-file"] {
            let began = Instant::now();
            let why = client.set_refused(directive, bad);
            assert!(began.elapsed() < SOON / 10, "{bad:?} took {:?}", began.elapsed());
            assert!(why.contains(directive), "{why:?}");
            assert!(!why.contains("sesame"), "{why:?} shows the content of the file");
        }
    }
    let id = client.alert("still", "1");
    let request = receiver.wait_for_alert(&id);
    crate::support::receiver::verify(&request, &[SECRET]).unwrap();
}

#[test]
fn an_error_names_a_bad_line_by_its_number_and_not_its_content() {
    let receiver = Receiver::start();
    let server = server_with_files(&receiver);
    let mut client = server.client();
    let path = server.dir().join("bad").to_str().unwrap().to_owned();
    for bad in [
        format!("# one\n{}\nhttp://user:hunter2@example.com/hook\n", receiver.url()),
        format!("\n\nhttps://example.com/hook {SECRET} hunter2\n"),
        "https://example.com/a\n\nhunter2://example.com/hook\n".to_owned(),
    ] {
        fs::write(&path, bad).unwrap();
        let why = client.set_refused("webhook-urls-file", &path);
        assert!(why.contains("line 3"), "{why:?}");
        assert!(!why.contains("hunter2") && !why.contains("/hook") && !why.contains("whsec"), "{why:?}");
    }
}

#[test]
fn the_endpoints_of_both_directives_get_the_alert() {
    let (listed, filed) = (Receiver::start(), Receiver::start());
    let server = server_with_files(&filed);
    let mut client = server.client();
    client.set("webhook-urls", &listed.url());
    let id = client.alert("both", "1");
    listed.wait_for_alert(&id);
    filed.wait_for_alert(&id);
    client.set("webhook-urls-file", "");
    client.wait_until_delivered();
    let id = client.alert("one", "1");
    listed.wait_for_alert(&id);
    client.wait_until_delivered();
    assert_eq!(filed.count(), 1);
}

#[test]
fn a_file_named_in_redis_conf_is_read_at_startup() {
    let receiver = Receiver::start();
    let dir = tempfile::TempDir::with_prefix("lockwatch-it-").unwrap();
    let path = dir.path().join("urls");
    fs::write(&path, receiver.url()).unwrap();
    let builder = || {
        Server::builder()
            .config("lockwatch.webhook-allow-private yes")
            .config(format!("lockwatch.webhook-urls-file {}", path.display()))
    };
    let mut server = builder().start();
    let id = server.client().alert("first", "1");
    receiver.wait_for_alert(&id);
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "OK");
    server.stop();
    server.start_again();
    let id = server.client().alert("second", "1");
    receiver.wait_for_alert(&id);
    fs::remove_file(&path).unwrap();
    let Err(log) = builder().try_start() else { panic!("the server starts without the file") };
    assert!(log.contains("webhook-urls-file"), "{log}");
}
