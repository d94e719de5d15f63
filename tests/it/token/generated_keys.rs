//! Keys that the first LW.ISSUE generates if none are configured.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use crate::support::tokens::{Algorithm, Keys, Tokens};
use crate::support::{Server, Value};

const FILES: [&str; 2] = ["lockwatch-jwt-key.pem", "lockwatch-refresh-secret"];

fn generated(server: &Server) -> Vec<&'static str> {
    FILES.into_iter().filter(|name| server.dir().join(name).exists()).collect()
}

#[test]
fn no_keys_are_generated_before_the_first_lw_issue() {
    let server = Server::start();
    let mut client = server.client();
    client.ratelimit("k 10 60");
    client.run("LW.BURST k2 10 60");
    client.run("LW.AUDIT USER a");
    client.run("LW.SESSIONS auth a");
    client.run("LW.REVOKEALL auth");
    assert!(client.run("LW.VERIFY auth a.b.c").error().starts_with("LWNOKEY there is no key"));
    assert!(client.run("LW.ROTATE auth lwr_x").error().starts_with("LWNOKEY"));
    assert!(client.run("LW.INTROSPECT auth x").error().starts_with("LWNOKEY"));
    assert_eq!(client.run("LW.JWKS").text(), r#"{"keys":[]}"#);
    assert!(generated(&server).is_empty());
    assert!(
        server.threads().iter().all(|name| !name.starts_with("lw-token") && !name.starts_with("lw-sign"))
    );
}

#[test]
fn concurrent_first_issues_generate_one_set_of_keys_that_survives_a_restart() {
    let mut server = Server::builder().config("appendonly yes").start();
    let all: Vec<Tokens> = thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.client();
                    client.run(&format!("SELECT {}", n % 2));
                    client.issue(&format!("auth user{n} CLAIMS {{\"n\":{n}}}"))
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(generated(&server), FILES);
    for name in FILES {
        let mode = fs::metadata(server.dir().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert_eq!(server.log().matches("lockwatch has made keys for tokens").count(), 1);
    server.stop();
    server.start_again();
    let mut client = server.client();
    for (n, tokens) in all.iter().enumerate() {
        client.run(&format!("SELECT {}", n % 2));
        assert_eq!(client.verify("auth", &tokens.access)["n"], n);
        assert_eq!(tokens.claims()["sub"], format!("user{n}"));
        client.rotate("auth", &tokens.refresh);
        client.run(&format!("SELECT {}", (n + 1) % 2));
        assert_eq!(
            client.verdict("auth", &tokens.access),
            "LWREVOKED",
            "the session is in the other database"
        );
    }
    let left: Vec<_> = fs::read_dir(server.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn only_missing_keys_are_generated() {
    let keys = Keys::new();
    let server =
        Server::builder().config(format!("lockwatch.refresh-secret-file {}", keys.refresh())).start();
    let tokens = server.client().issue("auth a");
    assert_eq!(generated(&server), ["lockwatch-jwt-key.pem"]);
    server.client().rotate("auth", &tokens.refresh);
    let server =
        Server::builder().config(format!("lockwatch.jwt-keys {}", keys.signing(Algorithm::EdDsa, 0))).start();
    let mut client = server.client();
    client.issue("auth a REFRESHTTL 0");
    assert!(generated(&server).is_empty(), "an access token alone needs no secret");
    client.issue("auth a");
    assert_eq!(generated(&server), ["lockwatch-refresh-secret"]);
}

#[test]
fn a_failed_key_generation_reports_the_reason() {
    let mut server = Server::start();
    let path = server.dir().join(FILES[0]);
    fs::write(&path, "nonsense").unwrap();
    let mut client = server.client();
    let answer = client.run("LW.ISSUE auth a");
    assert!(
        answer.error().contains("lockwatch-jwt-key.pem in the working directory can't be used"),
        "{answer:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "nonsense", "the file is unchanged");
    assert_eq!(client.run("EXISTS auth").int(), 0);
    server.stop();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    server.start_again();
    assert!(server.client().run("LW.ISSUE auth a").error().contains("not a regular file"));
}

#[test]
fn transactions_scripts_and_replicas_generate_no_keys() {
    let server = Server::start();
    let mut client = server.client();
    let answers = client.multi(&["LW.ISSUE auth a"]).unwrap();
    assert!(answers[0].error().starts_with("LWNOKEY the first LW.ISSUE makes the keys"), "{answers:?}");
    let script = "return redis.call('LW.ISSUE', KEYS[1], 'a')";
    assert!(client.call(&["EVAL", script, "1", "auth"]).error().contains("LWNOKEY"));
    let replica = Server::builder().replica_of(&server).config("replica-read-only no").start();
    server.wait_for_replica(&replica);
    assert!(replica.client().run("LW.ISSUE auth a").error().starts_with("LWNOKEY a replica makes no keys"));
    assert!(generated(&server).is_empty() && generated(&replica).is_empty());
    assert_ne!(client.run("LW.ISSUE auth a"), Value::Nil);
    assert!(!client.multi(&["LW.ISSUE auth a"]).unwrap()[0].is_error());
}

#[test]
fn key_generation_recovers_without_a_restart() {
    let server = Server::start();
    let mut client = server.client();
    let path = server.dir().join(FILES[1]);
    // A dangling link belongs to the administrator and must not be replaced.
    std::os::unix::fs::symlink("/nowhere/secret", &path).unwrap();
    let answer = client.run("LW.ISSUE auth a");
    assert!(
        answer.error().starts_with("LWNOKEY lockwatch-refresh-secret in the working directory"),
        "{answer:?}"
    );
    assert!(
        client.run("LW.ISSUE auth a").error().starts_with("LWNOKEY"),
        "key generation is not retried at once"
    );
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    fs::remove_file(&path).unwrap();
    crate::support::wait_until("key generation is retried", || !client.run("LW.ISSUE auth a").is_error());
    assert_eq!(generated(&server), FILES);
}

#[test]
fn no_keys_are_generated_beside_sessions_of_other_keys() {
    let primary = Server::start();
    let tokens = primary.client().issue("auth alice");
    let replica = Server::start();
    let address = primary.address();
    replica.client().run(&format!("REPLICAOF {} {}", address.ip(), address.port()));
    primary.wait_for_replica(&replica);
    let mut there = replica.client();
    assert!(there.call(&["LW.VERIFY", "auth", &tokens.access]).error().starts_with("LWNOKEY"));
    there.run("REPLICAOF NO ONE");
    let answer = there.run("LW.ISSUE auth bob");
    assert!(
        answer.error().starts_with("LWNOKEY the store holds sessions whose keys are not here"),
        "{answer:?}"
    );
    assert!(generated(&replica).is_empty());
    // With the primary's keys the sessions work again.
    let path = |name: &str| primary.dir().join(name).to_str().unwrap().to_owned();
    there.set("jwt-keys", &path(FILES[0]));
    there.set("refresh-secret-file", &path(FILES[1]));
    assert_eq!(there.verdict("auth", &tokens.access), "OK");
    there.rotate("auth", &tokens.refresh);
}
