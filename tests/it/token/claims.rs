//! LW.CLAIMS, and CLAIMS of LW.ROTATE: a session's claims change.

use serde_json::{Value as Json, json};

use crate::support::tokens::{ALGORITHMS, Algorithm, Keys, Tokens, code, issuer};
use crate::support::{Client, Server, Value};

const USER: &str = r#"{"role":"user"}"#;
const ADMIN: &str = r#"{"role":"admin"}"#;

fn rotate_with(client: &mut Client, token: &str, claims: &str) -> Value {
    client.call(&["LW.ROTATE", "auth", token, "CLAIMS", claims])
}

/// Calls LW.CLAIMS for a session, which must succeed. Returns how many sessions it changed.
#[track_caller]
fn set_claims(client: &mut Client, session: &str, claims: &str) -> i64 {
    client.call(&["LW.CLAIMS", "auth", "SESSION", session, claims]).int()
}

#[track_caller]
fn role(tokens: &Tokens) -> Json {
    tokens.claims()["role"].clone()
}

#[test]
fn a_rotation_with_claims_replaces_those_of_the_session_from_then_on() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let first = client.issue(&format!("auth alice CLAIMS {USER} AUDIENCE lockwatch-api AUDIENCE b"));
        let second =
            Tokens::of(&rotate_with(&mut client, &first.refresh, r#" { "role": "admin", "n": [1] } "#));
        assert_eq!((role(&second), &second.claims()["n"]), (json!("admin"), &json!([1])));
        let third = client.rotate("auth", &second.refresh);
        assert_eq!(role(&third), "admin");
        assert_eq!(third.claims()["aud"], json!(["lockwatch-api", "b"]));
        let fourth = Tokens::of(&rotate_with(&mut client, &third.refresh, "{}"));
        assert_eq!(role(&fourth), Json::Null);
        let fifth = client.rotate("auth", &fourth.refresh);
        assert_eq!(role(&fifth), Json::Null);
        // Tokens of earlier generations keep their claims.
        for tokens in [&first, &second, &third, &fourth, &fifth] {
            assert_eq!(client.verify("auth", &tokens.access), tokens.claims());
        }
    }
}

#[test]
fn repeating_a_rotation_with_other_claims_is_a_conflict_that_changes_nothing() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let first = client.issue(&format!("auth alice CLAIMS {USER}"));
        let second = Tokens::of(&rotate_with(&mut client, &first.refresh, ADMIN));
        let before = client.footprint();
        for claims in [USER, "{}", r#"{"role" :"admin"}"#] {
            let answer = rotate_with(&mut client, &first.refresh, claims);
            assert_eq!(
                answer.error(),
                "LWCONFLICT the refresh token was rotated with other claims: nothing was changed; \
                 repeat the call without CLAIMS to get those tokens"
            );
        }
        // The same claims, and none, get the same tokens.
        for answer in [
            rotate_with(&mut client, &first.refresh, ADMIN),
            rotate_with(&mut client, &first.refresh, &format!(" {ADMIN} ")),
            client.call(&["LW.ROTATE", "auth", &first.refresh]),
        ] {
            let again = Tokens::of(&answer);
            assert_eq!((again.claims(), &again.refresh), (second.claims(), &second.refresh));
        }
        assert_eq!(client.footprint(), before);
        assert_eq!(client.token_info("replayed_total"), 3);
        assert_eq!(client.token_info("rotate_refused_total"), 3);
        assert!(client.alert_types().is_empty());
        client.rotate("auth", &second.refresh);
        // After grace the token is reused, whatever the claims are.
        assert_eq!(code(&rotate_with(&mut client, &first.refresh, ADMIN)), "LWREUSED");
    }
}

#[test]
fn a_rotation_without_claims_conflicts_with_a_repetition_that_brings_some() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let first = client.issue("auth alice");
    let second = client.rotate("auth", &first.refresh);
    assert_eq!(code(&rotate_with(&mut client, &first.refresh, USER)), "LWCONFLICT");
    assert_eq!(Tokens::of(&rotate_with(&mut client, &first.refresh, "{}")), second);
}

#[test]
fn lw_claims_sets_the_claims_from_the_next_rotation_on() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let first = client.issue(&format!("auth alice CLAIMS {ADMIN}"));
        let second = client.rotate("auth", &first.refresh);
        assert_eq!(set_claims(&mut client, &first.session, USER), 1);
        // Nothing that was issued changes, and a repeated rotation returns the same tokens.
        assert_eq!(client.verify("auth", &second.access)["role"], "admin");
        let again = client.rotate("auth", &first.refresh);
        assert_eq!((again.claims(), &again.refresh), (second.claims(), &second.refresh));
        assert_eq!(code(&rotate_with(&mut client, &first.refresh, USER)), "LWCONFLICT");
        let third = client.rotate("auth", &second.refresh);
        assert_eq!(role(&third), "user");
        assert_eq!(client.verify("auth", &second.access)["role"], "admin", "until it ends");
        assert_eq!(role(&client.rotate("auth", &third.refresh)), "user");
        assert_eq!(client.token_info("claims_set_total"), 1);
        assert!(client.alert_types().is_empty());
    }
}

#[test]
fn claims_of_a_rotation_come_before_those_of_lw_claims() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let first = client.issue("auth alice");
    set_claims(&mut client, &first.session, USER);
    let second = Tokens::of(&rotate_with(&mut client, &first.refresh, ADMIN));
    assert_eq!(role(&second), "admin");
    let third = client.rotate("auth", &second.refresh);
    assert_eq!(role(&third), "admin", "those of LW.CLAIMS are gone");
    // The last call of LW.CLAIMS counts, and one with the claims as they are takes it back.
    assert_eq!(set_claims(&mut client, &first.session, USER), 1);
    assert_eq!(set_claims(&mut client, &first.session, ADMIN), 1);
    assert_eq!(role(&client.rotate("auth", &third.refresh)), "admin");
}

#[test]
fn lw_claims_counts_what_it_changes_and_otherwise_writes_nothing() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let now = client.time_ms();
    client.stop_clock(now);
    let ended = client.issue("auth alice REFRESHTTL 10");
    let alone = client.issue("auth alice REFRESHTTL 0");
    let all: Vec<_> = (0..3).map(|_| client.issue("auth alice")).collect();
    let other = client.issue("auth bob");
    client.stop_clock(now + 10_000);
    let of_subject = |client: &mut Client, claims: &str| {
        client.call(&["LW.CLAIMS", "auth", "SUBJECT", "alice", claims]).int()
    };
    assert_eq!(set_claims(&mut client, &all[0].session, ADMIN), 1);
    assert_eq!(of_subject(&mut client, ADMIN), 2, "one has them, one has ended, one is never rotated");
    let before = client.footprint();
    for (session, claims) in [(&ended, ADMIN), (&alone, ADMIN), (&all[0], ADMIN), (&other, "{}")] {
        assert_eq!(set_claims(&mut client, &session.session, claims), 0);
    }
    assert_eq!(of_subject(&mut client, &format!("  {ADMIN}\n")), 0);
    assert_eq!(client.call(&["LW.CLAIMS", "auth", "SUBJECT", "nobody", ADMIN]).int(), 0);
    assert_eq!(client.call(&["LW.CLAIMS", "auth", "SESSION", &"A".repeat(22), ADMIN]).int(), 0);
    assert_eq!(client.call(&["LW.CLAIMS", "nothing", "SUBJECT", "alice", ADMIN]).int(), 0);
    assert_eq!(client.footprint(), before);
    for tokens in &all {
        assert_eq!(role(&client.rotate("auth", &tokens.refresh)), "admin");
    }
    assert_eq!(role(&client.rotate("auth", &other.refresh)), Json::Null);
    // Sessions from before tokens-not-before have ended.
    client.set("tokens-not-before", &(now + 5000).to_string());
    assert_eq!(of_subject(&mut client, USER), 0);
    assert_eq!(client.token_info("claims_set_total"), 3);
}

#[test]
fn malformed_calls_are_refused_with_the_reason_and_the_syntax() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let session = tokens.session.as_bytes();
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(4100));
    let huge = vec![b'['; 1 << 20];
    let claims: [(&[u8], &str); 12] = [
        (b"", "claims is not JSON"),
        (b"[]", "claims is not a JSON object"),
        (b"{\"a\":1", "claims is not JSON at line 1"),
        (b"{\"a\":\"\xff\"}", "claims is not UTF-8"),
        (b"{\"a\":\"\0\"}", "claims is not JSON"),
        (b"{\"sub\":\"root\"}", "claims sets sub, which is lockwatch's own"),
        (b"{\"aud\":[]}", "claims sets aud, which is lockwatch's own"),
        (b"{\"\\u0065xp\":1}", "claims sets exp, which is lockwatch's own"),
        (b"{\"x\":1,\"x\":2}", "claims has a member twice"),
        (b"{\"x\":1e999}", "out of range"),
        (long.as_bytes(), "claims has 4108 bytes, more than 4096"),
        (&huge, "claims has 1048576 bytes, more than 4096"),
    ];
    let before = client.footprint();
    for (claims, why) in claims {
        for call in [
            &[b"LW.CLAIMS", &b"auth"[..], b"SESSION", session, claims][..],
            &[b"LW.CLAIMS", b"auth", b"SUBJECT", b"alice", claims],
            &[b"LW.ROTATE", b"auth", tokens.refresh.as_bytes(), b"CLAIMS", claims],
        ] {
            let message = client.call(call).error().to_owned();
            assert!(message.starts_with("ERR ") && message.contains(why), "{message} for {why}");
        }
    }
    let token = tokens.refresh.as_bytes();
    for (args, why) in [
        (&[&b"SESSION"[..], b"x", b"{}"][..], "session 'x' is not a session's id: "),
        (&[b"SESSION", b"\xff\0", b"{}"], "session '\\xff\\x00' is not a session's id: "),
        (&[b"SESSION", token, b"{}"], "session of 84 bytes is not a session's id: "),
        (&[b"SUBJECT", b"", b"{}"], "subject '' is not 1 to 255 bytes"),
        (&[b"SUBJECT", b"a\0", b"{}"], "subject 'a\\x00' is not 1 to 255 bytes"),
        (&[b"SUBJET", b"a", b"{}"], "unknown option 'SUBJET', did you mean SUBJECT?: "),
        (&[b"alice", b"a", b"{}"], "unknown option 'alice': "),
        (&[token, b"a", b"{}"], "unknown option of 84 bytes: "),
        (&[b"SUBJECT", b"alice", token], "claims is not JSON"),
    ] {
        let message = client.call(&[&[&b"LW.CLAIMS"[..], b"auth"], args].concat()).error().to_owned();
        assert!(message.starts_with(&format!("ERR {why}")), "{message} for {why}");
        assert!(message.ends_with("LW.CLAIMS key SESSION id | SUBJECT subject json"), "{message}");
        assert!(!message.contains(&tokens.refresh[44..]), "{message}");
    }
    for line in ["LW.CLAIMS auth", "LW.CLAIMS auth SUBJECT alice", "LW.CLAIMS auth SUBJECT alice {} {}"] {
        assert!(client.run(line).error().contains("wrong number of arguments"), "{line}");
    }
    let twice = ["LW.ROTATE", "auth", &tokens.refresh, "CLAIMS", "{}", "claims", "{}"];
    assert!(client.call(&twice).error().starts_with("ERR CLAIMS is given twice"));
    assert_eq!(client.footprint(), before);
    assert_eq!(role(&client.rotate("auth", &tokens.refresh)), Json::Null);
}

#[test]
fn claims_with_which_a_token_would_be_too_long_are_refused() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    // A control character takes six bytes in JSON.
    let name = "\u{1}".repeat(255);
    let tokens = Tokens::of(&client.call(&["LW.ISSUE", "auth", &name, "AUDIENCE", &name]));
    let mut lengths = Vec::new();
    for len in 2000..3000 {
        let claims = format!("{{\"a\":\"{}\"}}", "x".repeat(len));
        let answer = client.call(&["LW.CLAIMS", "auth", "SESSION", &tokens.session, &claims]);
        if answer.is_error() {
            assert!(answer.error().starts_with("ERR the access token would be longer than 8192 bytes"));
            let rotation =
                rotate_with(&mut client, &tokens.refresh, &format!("{{\"a\":\"{}\"}}", "x".repeat(len + 40)));
            assert!(rotation.error().starts_with("ERR the access token would be longer than 8192 bytes"));
            break;
        }
        lengths.push(len);
    }
    assert!(!lengths.is_empty() && lengths.len() < 1000, "the limit lies in between");
    // What was accepted can be rotated.
    let next = client.rotate("auth", &tokens.refresh);
    assert_eq!(next.claims()["a"].as_str().unwrap().len(), *lengths.last().unwrap());
    assert!(next.access.len() > 8170, "{}", next.access.len());
}

#[test]
fn above_maxmemory_only_longer_claims_are_refused() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let first = client.issue(&format!("auth alice CLAIMS {ADMIN}"));
    let second = client.issue("auth bob");
    let longer = r#"{"role":"admin","more":true}"#;
    client.run("CONFIG SET maxmemory 1");
    let before = client.footprint();
    let refused = [
        client.call(&["LW.CLAIMS", "auth", "SESSION", &first.session, longer]),
        client.call(&["LW.CLAIMS", "auth", "SUBJECT", "bob", USER]),
        rotate_with(&mut client, &first.refresh, longer),
        rotate_with(&mut client, &second.refresh, USER),
    ];
    for answer in refused {
        let text = "OOM command not allowed when used memory > 'maxmemory': the claims are longer than the session's";
        assert_eq!(answer.error(), text);
    }
    assert_eq!(client.footprint(), before);
    for claims in [USER, r#"{"role":"other"}"#, "{}", USER] {
        assert_eq!(set_claims(&mut client, &first.session, claims), 1, "{claims}");
    }
    let third = client.rotate("auth", &first.refresh);
    assert_eq!(role(&third), "user");
    let fourth = Tokens::of(&rotate_with(&mut client, &third.refresh, r#"{"role":"none"}"#));
    assert_eq!(role(&fourth), "none");
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(set_claims(&mut client, &first.session, longer), 1);
}

#[test]
fn transactions_scripts_and_resp3_work() {
    let (_keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let first = client.issue("auth alice");
    let lines = [
        format!("LW.CLAIMS auth SESSION {} {ADMIN}", first.session),
        format!("LW.ROTATE auth {}", first.refresh),
        format!("LW.ROTATE auth {} CLAIMS {USER}", first.refresh),
        format!("LW.CLAIMS auth SUBJECT alice {USER}"),
    ];
    let answers = client.multi(&[&lines[0], &lines[1], &lines[2], &lines[3]]).unwrap();
    assert_eq!((answers[0].int(), answers[3].int()), (1, 1));
    let second = Tokens::of(&answers[1]);
    assert_eq!(role(&second), "admin");
    assert_eq!(code(&answers[2]), "LWCONFLICT");
    let script = "local n = redis.call('LW.CLAIMS', KEYS[1], 'SUBJECT', 'alice', ARGV[2]) \
                  return {n, redis.call('LW.ROTATE', KEYS[1], ARGV[1], 'CLAIMS', ARGV[2])}";
    let answer = client.call(&["EVAL", script, "1", "auth", &second.refresh, r#"{"role":"x"}"#]);
    assert_eq!(answer.items()[0].int(), 1);
    let third = Tokens::of(&answer.items()[1]);
    assert_eq!(role(&third), "x");
    let script = "return redis.call('LW.CLAIMS', KEYS[1], 'SUBJECT', 'alice', '{}')";
    assert!(
        client.call(&["EVAL_RO", script, "1", "auth"]).error().contains("Write commands are not allowed")
    );
    client.run("HELLO 3");
    assert_eq!(set_claims(&mut client, &third.session, USER), 1);
    assert_eq!(role(&Tokens::of(&rotate_with(&mut client, &third.refresh, ADMIN))), "admin");
}

#[test]
fn lw_claims_is_refused_on_a_replica_without_a_key_and_on_another_type() {
    let keys = Keys::new();
    let primary = Server::builder().issuing(&keys, Algorithm::EdDsa).start();
    let replica = Server::builder()
        .issuing(&keys, Algorithm::EdDsa)
        .replica_of(&primary)
        .config("replica-read-only no")
        .start();
    primary.wait_for_replica(&replica);
    let mut client = primary.client();
    let tokens = client.issue("auth alice");
    primary.wait_for_replica(&replica);
    let line = format!("LW.CLAIMS auth SESSION {} {ADMIN}", tokens.session);
    assert!(replica.client().run(&line).error().starts_with("READONLY"));
    client.run("SET s x");
    assert!(client.run("LW.CLAIMS s SUBJECT alice {}").error().starts_with("WRONGTYPE"));
    assert_eq!(client.run("GET s").text(), "x");
    assert!(Server::start().client().run("LW.CLAIMS auth SUBJECT alice {}").error().starts_with("LWNOKEY"));
    client.run("ACL SETUSER app on >pass resetkeys ~auth resetchannels -@all +lw.claims");
    let mut app = primary.client();
    app.run("AUTH app pass");
    assert_eq!(app.run(&line).int(), 1);
    assert!(app.run("LW.CLAIMS other SUBJECT alice {}").error().starts_with("NOPERM"));
}

#[test]
fn a_kill_loses_no_acknowledged_change_of_claims() {
    let keys = Keys::new();
    for preamble in ["yes", "no"] {
        let mut server = Server::builder()
            .issuing(&keys, Algorithm::EdDsa)
            .config("appendonly yes")
            .config("appendfsync always")
            .config(format!("aof-use-rdb-preamble {preamble}"))
            .start();
        let mut client = server.client();
        let mut set = client.issue(&format!("auth alice CLAIMS {ADMIN} AUDIENCE lockwatch-api AUDIENCE b"));
        let mut rotated = client.issue("auth bob");
        for rewrite in [false, true] {
            rotated = Tokens::of(&rotate_with(&mut client, &rotated.refresh, ADMIN));
            assert_eq!(set_claims(&mut client, &set.session, USER), 1);
            assert_eq!(set_claims(&mut client, &rotated.session, "{}"), 1);
            if rewrite {
                client.wait_for_aof_rewrite();
            }
            let dump = client.dump("auth");
            server.kill();
            server.start_again();
            client = server.client();
            assert_eq!(client.dump("auth"), dump);
            set = client.rotate("auth", &set.refresh);
            assert_eq!((role(&set), &set.claims()["aud"]), (json!("user"), &json!(["lockwatch-api", "b"])));
            rotated = client.rotate("auth", &rotated.refresh);
            assert_eq!(role(&rotated), Json::Null);
            set = Tokens::of(&rotate_with(&mut client, &set.refresh, ADMIN));
        }
        assert!(client.alert_types().is_empty());
    }
}

#[test]
fn after_a_failover_the_alert_says_that_claims_may_be_older() {
    for given in [false, true] {
        let keys = Keys::new();
        let primary = Server::builder().issuing(&keys, Algorithm::EdDsa).start();
        let replica = Server::builder().issuing(&keys, Algorithm::EdDsa).replica_of(&primary).start();
        primary.wait_for_replica(&replica);
        let mut client = primary.client();
        let first = client.issue(&format!("auth alice CLAIMS {USER}"));
        primary.wait_for_replica(&replica);
        let mut there = replica.client();
        assert_eq!(there.run("REPLICAOF NO ONE").text(), "OK");
        // These changes are lost with the primary.
        let second = Tokens::of(&rotate_with(&mut client, &first.refresh, ADMIN));
        drop(primary);
        let third = if given {
            Tokens::of(&rotate_with(&mut there, &second.refresh, ADMIN))
        } else {
            there.rotate("auth", &second.refresh)
        };
        assert_eq!(role(&third), if given { "admin" } else { "user" });
        assert_eq!(there.alert_types(), ["token.rollback"]);
        let (kind, data) = there.audit_kinds().remove(0);
        assert_eq!((kind.as_str(), &data["claims_may_be_older"]), ("token.rollback", &json!(!given)));
        // Other incidents say nothing about claims.
        there.set("rotate-grace", "0");
        assert_eq!(there.rotate_refused("auth", &second.refresh), "LWREUSED");
        assert_eq!(there.audit_kinds()[0].1.get("claims_may_be_older"), None);
    }
}

#[test]
fn a_copy_and_a_restored_store_keep_the_next_claims_of_their_own() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue(&format!("auth alice CLAIMS {USER}"));
    let without = client.run("MEMORY USAGE auth SAMPLES 0").int();
    set_claims(&mut client, &tokens.session, &format!("{{\"role\":\"{}\"}}", "x".repeat(3000)));
    let with = client.run("MEMORY USAGE auth SAMPLES 0").int();
    assert!((without + 3000..without + 3100).contains(&with), "{without}, then {with}");
    let dump = client.dump("auth");
    client.run("COPY auth copy");
    set_claims(&mut client, &tokens.session, USER);
    assert_eq!(client.run("MEMORY USAGE auth SAMPLES 0").int(), without);
    assert!(!client.call(&[b"RESTORE", &b"restored"[..], b"0", &dump]).is_error());
    for key in ["copy", "restored"] {
        assert_eq!(client.dump(key), dump);
        assert_eq!(role(&client.rotate(key, &tokens.refresh)).as_str().unwrap().len(), 3000);
    }
    assert_eq!(role(&client.rotate("auth", &tokens.refresh)), "user");
}
