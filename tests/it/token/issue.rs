//! LW.ISSUE: its arguments, limits and errors.

use serde_json::json;

use crate::support::tokens::{ALGORITHMS, Algorithm, issuer};
use crate::support::{Server, Value};

#[test]
fn lw_issue_returns_an_access_and_a_refresh_token() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let before = client.time_ms();
        let tokens = client.issue("auth alice");
        let after = client.time_ms();
        let header = tokens.header();
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm.name()), &json!("at+jwt")));
        let claims = tokens.claims();
        let iat = claims["iat"].as_i64().unwrap();
        assert!((before / 1000..=after / 1000).contains(&iat), "{claims}");
        assert_eq!(claims["exp"], iat + 900);
        assert_eq!(tokens.access_expires_ms, (iat + 900) * 1000);
        let refresh = tokens.refresh_expires_ms - 604_800_000;
        assert!((before..=after).contains(&refresh), "{tokens:?}");
        assert!(tokens.refresh.starts_with("lwr_") && tokens.refresh.len() == 84);
        let expected = json!({"iss": "lockwatch", "sub": "alice", "aud": "lockwatch-api", "iat": iat, "exp": iat + 900,
            "jti": format!("{}.1", tokens.session), "sid": tokens.session});
        assert_eq!(claims, expected);
        assert_eq!(client.verify("auth", &tokens.access), expected);
    }
}

#[test]
fn options_belong_to_the_session_and_survive_rotation() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let line = r#"auth bob META {"ua":"x"} claims {"role":"admin","scope":["a","b"]} AUDIENCE billing ACCESSTTL 5m RefreshTTL 1h"#;
    let first = client.issue(line);
    let rotated = client.rotate("auth", &first.refresh);
    for tokens in [&first, &rotated] {
        let claims = tokens.claims();
        assert_eq!(claims["role"], "admin");
        assert_eq!(claims["scope"], json!(["a", "b"]));
        assert_eq!(claims["aud"], "billing");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        assert_eq!(claims["sid"], first.session);
        assert_eq!(
            client.verdict("auth", &tokens.access),
            "LWINVALID",
            "the default audience is not in the token"
        );
        assert!(!client.call(&["LW.VERIFY", "auth", &tokens.access, "AUDIENCE", "billing"]).is_error());
    }
    let sessions = client.run("LW.SESSIONS auth bob");
    assert_eq!(sessions.items()[0].field("meta").text(), r#"{"ua":"x"}"#);
    assert_eq!(sessions.items()[0].field("generation").int(), 2);
    assert_eq!(rotated.claims()["jti"], format!("{}.2", first.session));
}

#[test]
fn without_a_refresh_token_the_session_ends_with_its_access_token() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue("auth job REFRESHTTL 0 ACCESSTTL 60");
    assert_eq!((tokens.refresh.as_str(), tokens.refresh_expires_ms), ("", 0));
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    let sessions = client.run("LW.SESSIONS auth job");
    assert_eq!(sessions.items()[0].field("expires_at_ms").int(), tokens.access_expires_ms);
    assert_eq!(client.run(&format!("LW.REVOKE auth SESSION {}", tokens.session)).int(), 1);
    assert_eq!(client.verdict("auth", &tokens.access), "LWREVOKED");
}

#[test]
fn an_access_token_never_outlives_its_session() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let short = client.issue("auth a ACCESSTTL 1d REFRESHTTL 10");
    assert!(short.access_expires_ms <= short.refresh_expires_ms);
    assert!(short.refresh_expires_ms - short.access_expires_ms < 1000);
    client.set("session-max-age", "5");
    let capped = client.issue("auth a");
    assert!(capped.refresh_expires_ms <= client.time_ms() + 5000);
    assert!(capped.access_expires_ms <= capped.refresh_expires_ms);
    // Rotation must not extend the session.
    client.move_clock(3000);
    let rotated = client.rotate("auth", &capped.refresh);
    assert_eq!(rotated.refresh_expires_ms, capped.refresh_expires_ms);
    client.move_clock(5000);
    assert_eq!(client.rotate_refused("auth", &rotated.refresh), "LWEXPIRED");
    assert_eq!(client.verdict("auth", &rotated.access), "LWEXPIRED");
}

#[test]
fn exceeding_sessions_per_subject_evicts_the_longest_unused_session() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.set("sessions-per-subject", "3");
    let mut all = Vec::new();
    for n in 0..3 {
        client.move_clock(n * 1000);
        all.push(client.issue("auth alice"));
    }
    client.issue("auth bob");
    client.move_clock(4000);
    all[0] = client.rotate("auth", &all[0].refresh);
    let fourth = client.issue("auth alice");
    assert_eq!(client.verdict("auth", &all[1].access), "LWREVOKED");
    assert_eq!(client.rotate_refused("auth", &all[1].refresh), "LWREVOKED");
    for kept in [&all[0], &all[2], &fourth] {
        assert_eq!(client.verdict("auth", &kept.access), "OK");
    }
    let ids: Vec<_> =
        client.run("LW.SESSIONS auth alice").items().iter().map(|s| s.field("session_id").text()).collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids[..2].contains(&fourth.session) && ids[..2].contains(&all[0].session) && ids[2] == all[2].session
    );
    assert_eq!(client.run("LW.SESSIONS auth bob").items().len(), 1);
    assert_eq!(client.token_info("evicted_total"), 1);
    // A lowered limit applies when the next session is issued.
    client.set("sessions-per-subject", "1");
    client.issue("auth alice");
    assert_eq!(client.run("LW.SESSIONS auth alice").items().len(), 1);
}

#[test]
fn malformed_calls_are_refused_with_the_reason_and_the_syntax() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let long = "x".repeat(256);
    let claims = format!("{{\"a\":\"{}\"}}", "x".repeat(4100));
    let meta = format!("\"{}\"", "x".repeat(1023));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let cases: Vec<(Vec<&[u8]>, &str)> = vec![
        (vec![b""], "subject '' is not 1 to 255 bytes"),
        (vec![b"a\0b"], "subject 'a\\x00b' is not"),
        (vec![b"\xff"], "subject '\\xff' is not"),
        (vec![long.as_bytes()], "subject of 256 bytes is not"),
        (vec![b"a", b"CLAIMS"], "CLAIMS has no value"),
        (vec![b"a", b"CLAIM", b"{}"], "unknown option 'CLAIM', did you mean CLAIMS?"),
        (vec![b"a", b"CLAIMS", b"{}", b"claims", b"{}"], "CLAIMS is given twice"),
        (vec![b"a", b"CLAIMS", b"[]"], "claims is not a JSON object"),
        (vec![b"a", b"CLAIMS", b"{"], "claims is not JSON at line 1"),
        (vec![b"a", b"CLAIMS", b"{\"a\":\"\xff\"}"], "claims is not UTF-8"),
        (vec![b"a", b"CLAIMS", b"{\"sub\":\"b\"}"], "claims sets sub, which is lockwatch's own"),
        (vec![b"a", b"CLAIMS", b"{\"ex\\u0070\":1}"], "claims sets exp"),
        (vec![b"a", b"CLAIMS", b"{\"nbf\":1}"], "claims sets nbf"),
        (vec![b"a", b"CLAIMS", b"{\"x\":1,\"x\":2}"], "claims has a member twice"),
        (vec![b"a", b"CLAIMS", b"{\"x\":1e400}"], "out of range"),
        (vec![b"a", b"CLAIMS", claims.as_bytes()], "claims has 4108 bytes, more than 4096"),
        (vec![b"a", b"CLAIMS", deep.as_bytes()], "claims is nested deeper than 32 levels"),
        (vec![b"a", b"AUDIENCE", b""], "audience '' is not"),
        (vec![b"a", b"AUDIENCE", b"a\0"], "audience 'a\\x00' is not"),
        (vec![b"a", b"ACCESSTTL", b"0"], "access-ttl '0' is not a duration in whole seconds"),
        (vec![b"a", b"ACCESSTTL", b"1500ms"], "access-ttl '1500ms' is not"),
        (vec![b"a", b"ACCESSTTL", b"-1"], "access-ttl '-1' is not"),
        (vec![b"a", b"ACCESSTTL", b"99999999999999999999"], "access-ttl '99999999999999999999' is not"),
        (vec![b"a", b"REFRESHTTL", b"4000d"], "refresh-ttl '4000d' is not"),
        (vec![b"a", b"META", b"nonsense"], "meta is not JSON"),
        (vec![b"a", b"META", meta.as_bytes()], "meta has 1025 bytes, more than 1024"),
    ];
    let before = client.footprint();
    for (args, expected) in cases {
        let call = [&[&b"LW.ISSUE"[..], b"auth"], &args[..]].concat();
        let message = client.call(&call).error().to_owned();
        assert!(message.starts_with("ERR ") && message.contains(expected), "{message} for {expected}");
        assert!(message.ends_with("[META json]"), "{message}");
    }
    assert!(client.run("LW.ISSUE auth").error().contains("wrong number of arguments"));
    assert_eq!(client.footprint(), before);
}

#[test]
fn tokens_that_lw_verify_would_refuse_are_not_issued() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    // A token with 4096 bytes of claims and long names still fits.
    let name = "\u{1f511}".repeat(63);
    let claims = format!("{{\"a\":\"{}\"}}", "x".repeat(4088));
    let call = ["LW.ISSUE", "auth", &name, "AUDIENCE", &name, "CLAIMS", &claims];
    let tokens = crate::support::tokens::Tokens::of(&client.call(&call));
    assert!(!client.call(&["LW.VERIFY", "auth", &tokens.access, "AUDIENCE", &name]).is_error());
    // A control character takes six bytes in JSON.
    let name = "\u{1}".repeat(255);
    let answer = client.call(&["LW.ISSUE", "auth", &name, "AUDIENCE", &name, "CLAIMS", &claims]);
    assert!(answer.error().contains("longer than 8192 bytes"), "{answer:?}");
    let ahead = client.time_ms() + 60_000;
    client.set("tokens-not-before", &ahead.to_string());
    assert!(client.run("LW.ISSUE auth a").error().contains("tokens-not-before lies ahead"));
}

#[test]
fn tokens_not_before_ends_every_older_session() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let old = client.issue("auth alice");
    client.move_clock(5000);
    let rotated = client.rotate("auth", &old.refresh);
    let new = client.issue("auth alice");
    let limit = client.time_ms() + 4000;
    client.set("tokens-not-before", &limit.to_string());
    assert_eq!(client.verdict("auth", &rotated.access), "LWREVOKED");
    assert_eq!(client.rotate_refused("auth", &rotated.refresh), "LWREVOKED");
    assert_eq!(client.verdict("auth", &new.access), "OK");
    assert_eq!(client.run("LW.SESSIONS auth alice").items().len(), 1);
    // The directive also accepts seconds, as `date +%s` prints them.
    client.set("tokens-not-before", "0");
    assert_eq!(client.verdict("auth", &rotated.access), "OK");
    client.set("tokens-not-before", &(limit / 1000 + 1).to_string());
    assert_eq!(client.verdict("auth", &rotated.access), "LWREVOKED");
    client.set("tokens-not-before", &limit.to_string());
    assert_eq!(client.run(&format!("LW.REVOKE auth SESSION {}", old.session)).int(), 0);
}

#[test]
fn a_key_of_another_type_is_refused_and_left_unchanged() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    client.run("SET s x");
    client.run("LW.RATELIMIT w 1 60");
    let before = client.footprint();
    for key in ["s", "w"] {
        for line in [
            format!("LW.ISSUE {key} a"),
            format!("LW.ROTATE {key} {}", tokens.refresh),
            format!("LW.VERIFY {key} {}", tokens.access),
            format!("LW.INTROSPECT {key} {}", tokens.access),
            format!("LW.REVOKE {key} SESSION {}", tokens.session),
            format!("LW.REVOKEALL {key}"),
            format!("LW.CLAIMS {key} SUBJECT alice {{}}"),
            format!("LW.SESSIONS {key} alice"),
        ] {
            assert!(client.run(&line).error().starts_with("WRONGTYPE"), "{line}");
        }
    }
    assert!(client.run("LW.RATELIMIT auth 1 60").error().starts_with("WRONGTYPE"));
    assert_eq!(client.footprint(), before);
    assert_eq!(client.run("TYPE auth").text(), "lw-tokens");
}

#[test]
fn at_maxmemory_new_sessions_are_refused_and_rotation_and_revocation_work() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    client.run("CONFIG SET maxmemory 1");
    assert!(client.run("LW.ISSUE auth b").error().starts_with("OOM"));
    let tokens = client.rotate("auth", &tokens.refresh);
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    assert_eq!(client.run("LW.REVOKE auth SUBJECT alice").int(), 1);
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.run("EXISTS auth").int(), 0, "the key is deleted with its last session");
}

#[test]
fn the_key_expires_with_its_last_session() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let long = client.issue("auth a REFRESHTTL 100");
    client.issue("auth a REFRESHTTL 50");
    let at = |client: &mut crate::support::Client| client.run("PEXPIRETIME auth").int();
    assert_eq!(at(&mut client), long.refresh_expires_ms);
    let longer = client.issue("auth b REFRESHTTL 200");
    assert_eq!(at(&mut client), longer.refresh_expires_ms);
    client.run(&format!("LW.REVOKE auth SESSION {}", longer.session));
    assert_eq!(at(&mut client), long.refresh_expires_ms);
    let short = client.issue("short a REFRESHTTL 1");
    crate::support::wait_until("the key expires", || client.run("EXISTS short").int() == 0);
    assert_eq!(client.rotate_refused("short", &short.refresh), "LWEXPIRED");
}

#[test]
fn ended_sessions_are_removed_as_others_change() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.issue("auth keeper REFRESHTTL 1d");
    for n in 0..40 {
        client.issue(&format!("auth user{n} REFRESHTTL 10"));
    }
    let full = client.run("MEMORY USAGE auth").int();
    client.move_clock(11_000);
    for _ in 0..6 {
        client.issue("auth keeper REFRESHTTL 1d");
    }
    let swept = client.run("MEMORY USAGE auth").int();
    assert!(swept < full / 3, "{swept} of {full}");
    assert_eq!(client.run("LW.SESSIONS auth keeper").items().len(), 7);
}

#[test]
fn a_cluster_node_without_keys_replies_lwnokey() {
    let server = Server::builder().config("cluster-enabled yes").start();
    let mut client = server.client();
    let slots = "CLUSTER ADDSLOTSRANGE 0 16383";
    assert_eq!(client.run(slots), Value::Simple("OK".into()));
    crate::support::wait_until("the cluster is up", || {
        client.run("CLUSTER INFO").text().contains("cluster_state:ok")
    });
    let answer = client.run("LW.ISSUE auth a");
    assert!(answer.error().starts_with("LWNOKEY nodes of a cluster need the same keys"), "{answer:?}");
    assert!(client.run("LW.VERIFY auth a.b.c").error().starts_with("LWNOKEY"));
    assert_eq!(client.run("LW.JWKS").text(), r#"{"keys":[]}"#);
}
