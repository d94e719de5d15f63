//! Stores in RDB, AOF, copies and replicas equal the original byte for byte.

use crate::support::tokens::{Algorithm, Keys, Tokens};
use crate::support::{Client, Random, Server, Value, wait_until};

/// Issues sessions with various options. Some are rotated or revoked. Returns tokens that are still
/// valid.
fn fill(client: &mut Client, key: &str) -> Vec<Tokens> {
    let mut kept = Vec::new();
    for n in 0..30 {
        let options = [
            "",
            r#" CLAIMS {"role":"admin","n":[1,2]} META {"ip":"192.0.2.1"}"#,
            " AUDIENCE x AUDIENCE lockwatch-api ACCESSTTL 60",
            " REFRESHTTL 0",
            " META null REFRESHTTL 1h",
        ][n % 5];
        let tokens = client.issue(&format!("{key} user{}{options}", n % 7));
        match n % 6 {
            0 => kept.push(rotate_if_any(client, key, &tokens)),
            1 => {
                client.call(&["LW.REVOKE", key, "TOKEN", &tokens.access]);
                kept.push(rotate_if_any(client, key, &tokens));
            }
            2 => {
                client.call(&["LW.REVOKE", key, "SESSION", &tokens.session]);
            }
            3 => {
                let claims = format!(r#"{{"next":{n}}}"#);
                client.call(&["LW.CLAIMS", key, "SESSION", &tokens.session, &claims]);
                kept.push(tokens);
            }
            4 if !tokens.refresh.is_empty() => {
                let claims = format!(r#"{{"given":{n}}}"#);
                let call = ["LW.ROTATE", key, &tokens.refresh, "CLAIMS", &claims];
                kept.push(Tokens::of(&client.call(&call)));
                client.call(&["LW.CLAIMS", key, "SESSION", &tokens.session, "{}"]);
            }
            _ => kept.push(tokens),
        }
    }
    kept
}

fn rotate_if_any(client: &mut Client, key: &str, tokens: &Tokens) -> Tokens {
    if tokens.refresh.is_empty() { tokens.clone() } else { client.rotate(key, &tokens.refresh) }
}

/// Asserts that each token is still active.
#[track_caller]
fn assert_good(client: &mut Client, key: &str, kept: &[Tokens]) {
    for tokens in kept {
        let introspection = client.call(&["LW.INTROSPECT", key, &tokens.access]).text();
        // An access token without a refresh token may have been revoked.
        assert!(introspection.contains(r#""active":true"#) || tokens.refresh.is_empty(), "{introspection}");
        if !tokens.refresh.is_empty() {
            assert!(
                client.call(&["LW.INTROSPECT", key, &tokens.refresh]).text().contains(r#""active":true"#)
            );
        }
    }
}

fn keys_and(lines: &[&str]) -> (Keys, Server) {
    let keys = Keys::new();
    let builder = Server::builder().issuing(&keys, Algorithm::EdDsa);
    let server = lines.iter().fold(builder, |builder, line| builder.config(*line)).start();
    (keys, server)
}

#[test]
fn an_rdb_keeps_every_session() {
    let (_keys, mut server) = keys_and(&["dbfilename dump.rdb"]);
    let mut client = server.client();
    let kept = fill(&mut client, "auth");
    let before = (client.dump("auth"), client.run("PEXPIRETIME auth"), client.run("DEBUG DIGEST"));
    assert_eq!(client.run("DEBUG RELOAD"), Value::Simple("OK".into()));
    assert_eq!((client.dump("auth"), client.run("PEXPIRETIME auth"), client.run("DEBUG DIGEST")), before);
    client.run("SAVE");
    server.stop();
    server.start_again();
    let mut client = server.client();
    assert_eq!((client.dump("auth"), client.run("PEXPIRETIME auth"), client.run("DEBUG DIGEST")), before);
    assert_good(&mut client, "auth", &kept);
}

#[test]
fn an_aof_keeps_every_session_before_and_after_a_rewrite() {
    for preamble in ["yes", "no"] {
        let preamble = format!("aof-use-rdb-preamble {preamble}");
        let (_keys, mut server) = keys_and(&["appendonly yes", "appendfsync always", &preamble]);
        let mut client = server.client();
        let mut kept = fill(&mut client, "auth");
        let state = |client: &mut Client| (client.dump("auth"), client.run("PEXPIRETIME auth"));
        let before = state(&mut client);
        server.kill();
        server.start_again();
        let mut client = server.client();
        assert_eq!(state(&mut client), before);
        client.run("BGREWRITEAOF");
        wait_until("the AOF is rewritten", || {
            client.info("persistence").number("aof_rewrite_in_progress") == 0
                && client.info("persistence").number("aof_rewrite_scheduled") == 0
        });
        kept.extend(fill(&mut client, "auth"));
        let before = state(&mut client);
        server.kill();
        server.start_again();
        let mut client = server.client();
        assert_eq!(state(&mut client), before);
        assert_good(&mut client, "auth", &kept);
    }
}

#[test]
fn a_store_of_2300_sessions_survives_an_aof_rewrite() {
    let (_keys, mut server) = keys_and(&["appendonly yes", "aof-use-rdb-preamble no"]);
    let mut client = server.client();
    let calls: Vec<_> =
        (0..2300).map(|n| ["LW.ISSUE".to_owned(), "auth".into(), format!("user{n}")]).collect();
    let last = Tokens::of(client.pipeline(&calls).last().unwrap());
    let before = client.dump("auth");
    client.run("BGREWRITEAOF");
    wait_until("the AOF is rewritten", || client.info("persistence").number("aof_rewrite_in_progress") == 0);
    server.stop();
    server.start_again();
    let mut client = server.client();
    assert_eq!(client.dump("auth"), before);
    assert_eq!(client.verdict("auth", &last.access), "OK");
    assert_eq!(client.run("LW.REVOKEALL auth").int(), 2300);
    assert_eq!(client.run("EXISTS auth").int(), 0);
}

#[test]
fn copies_of_a_store_change_independently() {
    let (_keys, server) = keys_and(&[]);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let kept = fill(&mut client, "auth");
    assert_eq!(client.run("COPY auth copy").int(), 1);
    assert_eq!(client.dump("auth"), client.dump("copy"));
    let dump = client.dump("auth");
    assert!(!client.call(&[b"RESTORE", &b"restored"[..], b"0", &dump]).is_error());
    assert_eq!(client.run("RENAME copy moved").text(), "OK");
    for key in ["auth", "moved", "restored"] {
        assert_good(&mut client, key, &kept);
        assert_eq!(client.verdict(key, &tokens.access), "OK");
    }
    client.run(&format!("LW.REVOKE moved SESSION {}", tokens.session));
    assert_eq!(client.verdict("moved", &tokens.access), "LWREVOKED");
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    for command in ["DEL", "UNLINK"] {
        client.run(&format!("COPY auth copy{command}"));
        assert_eq!(client.run(&format!("{command} copy{command}")).int(), 1);
    }
    assert_eq!(client.run("FLUSHALL").text(), "OK");
    assert_eq!(client.verdict("auth", &tokens.access), "LWREVOKED");
}

#[test]
fn a_replica_equals_its_primary_and_refuses_writes() {
    let (keys, primary) = keys_and(&[]);
    let replica = Server::builder().issuing(&keys, Algorithm::EdDsa).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    let sub = Server::builder().issuing(&keys, Algorithm::EdDsa).replica_of(&replica).start();
    replica.wait_for_replica(&sub);
    let (mut client, mut there, mut sub_replica) = (primary.client(), replica.client(), sub.client());
    let mut kept = Vec::new();
    let mut random = Random::new();
    for round in 0..5 {
        kept.extend(fill(&mut client, "auth"));
        if round == 2 {
            // Some sessions expire and are removed as others change.
            client.move_clock(3_700_000);
        }
        let subject = format!("LW.REVOKE auth SUBJECT user{}", random.below(7));
        client.run(&subject);
        primary.wait_for_replica(&replica);
        replica.wait_for_replica(&sub);
        let state = |client: &mut Client| (client.dump("auth"), client.run("PEXPIRETIME auth"));
        assert_eq!(state(&mut client), state(&mut there));
        assert_eq!(state(&mut client), state(&mut sub_replica));
    }
    let live = client.issue("auth alice");
    primary.wait_for_replica(&replica);
    there.move_clock(3_700_000);
    assert_eq!(there.verify("auth", &live.access), live.claims());
    assert!(there.run("LW.ISSUE auth a").error().starts_with("READONLY"));
    assert!(there.call(&["LW.ROTATE", "auth", &live.refresh]).error().starts_with("READONLY"));
    assert!(there.run("LW.REVOKEALL auth").error().starts_with("READONLY"));
    client.run("LW.REVOKEALL auth");
    primary.wait_for_replica(&replica);
    assert_eq!(there.verdict("auth", &live.access), "LWREVOKED");
    assert_eq!(there.run("EXISTS auth").int(), 0);
    assert_eq!(sub_replica.run("EXISTS auth").int(), 0);
    // A replica must also be equal after a full sync.
    fill(&mut client, "auth");
    let late = Server::builder().issuing(&keys, Algorithm::EdDsa).replica_of(&primary).start();
    primary.wait_for_replica(&late);
    assert_eq!(client.dump("auth"), late.client().dump("auth"));
}

#[test]
fn a_kill_under_load_loses_no_acknowledged_rotation() {
    let rounds = if std::env::var_os("LOCKWATCH_SOAK").is_some() { 100 } else { 5 };
    let (_keys, mut server) = keys_and(&["appendonly yes", "appendfsync always"]);
    let mut held: Vec<Tokens> = (0..4).map(|n| server.client().issue(&format!("auth user{n}"))).collect();
    for _ in 0..rounds {
        let clients: Vec<_> = held
            .iter()
            .cloned()
            .map(|mut tokens| {
                let mut client = server.client();
                std::thread::spawn(move || {
                    // The tokens of the last reply. A later rotation may have been unanswered at
                    // the kill.
                    while let Ok(answer) = client.try_call(&["LW.ROTATE", "auth", &tokens.refresh]) {
                        tokens = Tokens::of(&answer);
                    }
                    tokens
                })
            })
            .collect();
        let mut watcher = server.client();
        let from = watcher.token_info("rotated_total");
        wait_until("the clients rotate", || watcher.token_info("rotated_total") > from + 50);
        server.kill();
        held = clients.into_iter().map(|client| client.join().unwrap()).collect();
        server.start_again();
        let mut client = server.client();
        for tokens in &mut held {
            assert_eq!(client.verdict("auth", &tokens.access), "OK");
            *tokens = client.rotate("auth", &tokens.refresh);
        }
        assert!(client.alert_types().is_empty());
    }
}
