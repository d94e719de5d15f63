//! Token commands inside MULTI, from Lua, over RESP3, on a writable replica, and while a client
//! waits for a signature.

use crate::support::tokens::{ALGORITHMS, Algorithm, Keys, Tokens, code, issuer};
use crate::support::{Client, Server, Value, wait_until};

#[test]
fn transactions_and_scripts_sign_synchronously() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let answers = client.multi(&["LW.ISSUE auth alice", "LW.SESSIONS auth alice"]).unwrap();
        let tokens = Tokens::of(&answers[0]);
        assert_eq!(answers[1].items().len(), 1);
        let script = "local t = redis.call('LW.ROTATE', KEYS[1], ARGV[1]) \
                      return {t, redis.call('LW.VERIFY', KEYS[1], t[1])}";
        let answer = client.call(&["EVAL", script, "1", "auth", &tokens.refresh]);
        let rotated = Tokens::of(&answer.items()[0]);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&answer.items()[1].text()).unwrap(),
            rotated.claims()
        );
        let answers = client.multi(&[&format!("LW.ROTATE auth {}", tokens.refresh), "PING"]).unwrap();
        assert_eq!(Tokens::of(&answers[0]).claims(), rotated.claims());
        let script = "return redis.pcall('LW.VERIFY', KEYS[1], 'x')";
        assert_eq!(code(&client.call(&["EVAL", script, "1", "auth"])), "LWINVALID");
        let script = "return redis.call('LW.ISSUE', KEYS[1], 'a')";
        assert!(
            client.call(&["EVAL_RO", script, "1", "auth"]).error().contains("Write commands are not allowed")
        );
    }
}

#[test]
fn reuse_detected_in_a_transaction_reaches_the_replica_with_its_alert_and_event() {
    let keys = Keys::new();
    let server = Server::builder().issuing(&keys, Algorithm::Rs256).config("appendonly yes").start();
    let replica = Server::builder().issuing(&keys, Algorithm::Rs256).replica_of(&server).start();
    server.wait_for_replica(&replica);
    let mut client = server.client();
    let first = client.issue("auth alice");
    let second = client.rotate("auth", &first.refresh);
    client.rotate("auth", &second.refresh);
    let answers = client.multi(&[&format!("LW.ROTATE auth {}", first.refresh), "SET after x"]).unwrap();
    assert_eq!(code(&answers[0]), "LWREUSED");
    server.wait_for_replica(&replica);
    let mut there = replica.client();
    assert_eq!(there.run("EXISTS auth").int(), 0);
    assert_eq!(there.alert_types(), ["token.reuse"]);
    assert_eq!(there.audit_kinds()[0].0, "token.reuse");
}

#[test]
fn replies_are_the_same_in_resp3() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.run("HELLO 3");
    let tokens = client.issue("auth alice");
    assert_eq!(client.verify("auth", &tokens.access), tokens.claims());
    let alone = client.run("LW.ISSUE auth alice REFRESHTTL 0");
    assert_eq!(alone.items()[1], Value::Nil);
    assert_eq!(alone.items()[3], Value::Nil);
}

#[test]
fn a_writable_replica_refuses_token_writes() {
    let (keys, primary) = issuer(Algorithm::EdDsa);
    let replica = Server::builder()
        .issuing(&keys, Algorithm::EdDsa)
        .replica_of(&primary)
        .config("replica-read-only no")
        .start();
    primary.wait_for_replica(&replica);
    let tokens = primary.client().issue("auth alice");
    primary.wait_for_replica(&replica);
    let mut there = replica.client();
    for line in [
        "LW.ISSUE auth a".to_owned(),
        format!("LW.ROTATE auth {}", tokens.refresh),
        format!("LW.REVOKE auth SESSION {}", tokens.session),
        "LW.REVOKEALL auth".to_owned(),
    ] {
        assert!(there.run(&line).error().starts_with("READONLY"), "{line}");
    }
    assert_eq!(there.dump("auth"), primary.client().dump("auth"));
}

/// Starts a server with only one signing thread, so that a crowd of clients keeps it busy.
fn busy() -> (Keys, Server) {
    let keys = Keys::new();
    let server =
        Server::builder().issuing(&keys, Algorithm::Rs256).config("lockwatch.sign-threads 1").start();
    (keys, server)
}

/// Sends one LW.ISSUE from each of `clients` connections, to fill the signing queue. Their replies
/// are not read yet.
fn crowd(server: &Server, clients: usize) -> Vec<Client> {
    let line = |n| vec!["LW.ISSUE".to_owned(), "crowd".into(), format!("user{n}")];
    (0..clients)
        .map(|n| {
            let mut client = server.client();
            client.send(&line(n));
            client
        })
        .collect()
}

#[test]
fn ending_a_session_while_its_token_is_signed_wins() {
    for end in ["LW.REVOKEALL auth", "DEL auth", "FLUSHALL", "RENAME auth elsewhere", "SET auth x"] {
        let (_keys, server) = busy();
        let mut client = server.client();
        let expected = if end.starts_with("SET") { "WRONGTYPE" } else { "LWREVOKED" };
        // The signature may be finished before the session ends. Then try again.
        wait_until("both sessions end while their tokens are signed", || {
            client.run("FLUSHALL");
            let tokens = client.issue("auth alice");
            let issued = client.token_info("issued_total");
            let mut others = crowd(&server, 200);
            let (mut waiting, mut issuing) = (server.client(), server.client());
            waiting.send(&["LW.ROTATE", "auth", &tokens.refresh]);
            issuing.send(&["LW.ISSUE", "auth", "bob"]);
            wait_until("both calls are queued or answered", || {
                client.token_info("issued_total") == issued + 201
            });
            client.run(end);
            let answers = [waiting.read(), issuing.read()];
            assert_ne!(client.verdict("auth", &tokens.access), "OK", "{end}");
            others.iter_mut().for_each(|other| drop(other.read()));
            answers.iter().all(|answer| {
                assert!(!answer.is_error() || code(answer) == expected, "{end}: {answer:?}");
                answer.is_error()
            })
        });
    }
}

#[test]
fn clients_that_disconnect_while_waiting_do_no_harm() {
    let (_keys, server) = busy();
    let mut client = server.client();
    for round in 0..5 {
        let crowd = crowd(&server, 100);
        if round % 2 == 0 {
            drop(crowd);
        } else {
            client.run("CLIENT KILL TYPE normal SKIPME yes");
        }
    }
    wait_until("the signing queue is empty", || client.token_info("sign_queue") == 0);
    let tokens = client.issue("auth alice");
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    assert!(client.run("CLIENT LIST").text().lines().count() < 5);
}

#[test]
fn a_full_signing_queue_refuses_calls_before_changing_anything() {
    let (_keys, server) = busy();
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    client.run("LW.DEBUG ROOM 10");
    let mut crowd = crowd(&server, 300);
    let answers: Vec<_> = crowd.iter_mut().map(Client::read).collect();
    let refused = answers.iter().filter(|answer| answer.is_error()).count() as i64;
    assert!(answers.iter().all(|answer| !answer.is_error() || code(answer) == "LWBUSY"));
    assert!(refused > 0, "300 clients compete for ten places in the queue");
    assert_eq!(client.token_info("busy_total"), refused);
    assert_eq!(client.token_info("issued_total"), 301 - refused);
    let held: usize = (0..300).map(|n| client.run(&format!("LW.SESSIONS crowd user{n}")).items().len()).sum();
    assert_eq!(held as i64, 300 - refused, "a refused client has no session");
    let tokens = client.rotate("auth", &tokens.refresh);
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
}

#[test]
fn client_pause_write_delays_token_writes_without_losing_any() {
    let (_keys, server) = busy();
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    client.run("CLIENT PAUSE 100000 WRITE");
    let mut waiting = server.client();
    waiting.send(&["LW.ROTATE", "auth", &tokens.refresh]);
    assert_eq!(client.verdict("auth", &tokens.access), "OK", "reads still work");
    client.run("CLIENT UNPAUSE");
    let next = Tokens::of(&waiting.read());
    assert_eq!(client.verdict("auth", &next.access), "OK");
}

#[test]
fn an_application_needs_only_minimal_acl_permissions() {
    let (_keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let user =
        "ACL SETUSER app on >pass resetkeys ~auth:* resetchannels -@all +lw.issue +lw.rotate +lw.verify";
    assert_eq!(client.run(user).text(), "OK");
    let mut app = server.client();
    app.run("AUTH app pass");
    let tokens = app.issue("auth:1 alice");
    let next = app.rotate("auth:1", &tokens.refresh);
    assert_eq!(app.verdict("auth:1", &next.access), "OK");
    assert!(app.run("LW.ISSUE other alice").error().starts_with("NOPERM"));
    assert!(app.run("LW.REVOKEALL auth:1").error().starts_with("NOPERM"));
}

#[test]
fn the_internal_command_is_refused_from_clients_and_scripts() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.issue("auth alice");
    let before = client.footprint();
    for payload in [&b""[..], b"\x01", b"\x01\x01\x04\0", b"\x02\0", b"\x03\0", b"\xff"] {
        let message = client.call(&[&b"LW._TOKEN"[..], b"auth", payload]).error().to_owned();
        assert!(message.contains("internal") || message.contains("unknown command"), "{message}");
    }
    let script = "return redis.call('LW._TOKEN', KEYS[1], ARGV[1])";
    assert!(client.call(&["EVAL", script, "1", "auth", "\x01\x01\x04\0"]).is_error());
    assert_eq!(client.footprint(), before);
}
