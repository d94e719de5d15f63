//! LW.REVOKE, LW.REVOKEALL and LW.SESSIONS.

use crate::support::Value;
use crate::support::tokens::{ALGORITHMS, Algorithm, issuer};

#[test]
fn revoking_an_access_token_leaves_its_session() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let first = client.issue("auth alice");
        let second = client.rotate("auth", &first.refresh);
        let revoke = |client: &mut crate::support::Client, token: &str| {
            client.call(&["LW.REVOKE", "auth", "token", token]).int()
        };
        assert_eq!(revoke(&mut client, &first.access), 1);
        let before = client.footprint();
        assert_eq!(revoke(&mut client, &first.access), 0, "it was already revoked");
        assert_eq!(client.footprint(), before);
        assert_eq!(client.verdict("auth", &first.access), "LWREVOKED");
        assert_eq!(client.verdict("auth", &second.access), "OK");
        let third = client.rotate("auth", &second.refresh);
        assert_eq!(client.verdict("auth", &first.access), "LWREVOKED");
        assert_eq!(client.verdict("auth", &third.access), "OK");
        assert_eq!(client.call(&["LW.REVOKE", "other", "TOKEN", &third.access]).int(), 0);
        assert_eq!(client.token_info("revoked_total"), 1);
    }
}

#[test]
fn a_revocation_is_kept_for_the_longest_leeway_and_a_day() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.set("jwt-leeway", "0");
    let now = client.time_ms() / 1000 * 1000;
    client.stop_clock(now);
    let mut tokens = client.issue("auth alice ACCESSTTL 60");
    let revoked = tokens.access.clone();
    client.call(&["LW.REVOKE", "auth", "TOKEN", &revoked]);
    let size = client.run("MEMORY USAGE auth").int();
    client.stop_clock(now + 60_000);
    assert_eq!(client.verdict("auth", &revoked), "LWEXPIRED");
    tokens = client.rotate("auth", &tokens.refresh);
    client.set("jwt-leeway", "300");
    assert_eq!(client.verdict("auth", &revoked), "LWREVOKED");
    client.stop_clock(now + 359_999);
    tokens = client.rotate("auth", &tokens.refresh);
    assert_eq!(client.verdict("auth", &revoked), "LWREVOKED");
    // The revocation is kept a day longer, in case the clock is set back.
    client.stop_clock(now + 86_759_999);
    tokens = client.rotate("auth", &tokens.refresh);
    assert_eq!(client.verdict("auth", &revoked), "LWEXPIRED");
    assert_eq!(client.run("MEMORY USAGE auth").int(), size);
    client.stop_clock(now + 86_760_000);
    client.rotate("auth", &tokens.refresh);
    assert!(client.run("MEMORY USAGE auth").int() < size, "the revocation is dropped");
}

#[test]
fn revoking_a_refresh_token_of_any_generation_ends_its_session_without_an_alert() {
    let (_keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    for generation in 0..3 {
        let mut all = vec![client.issue("auth alice")];
        for _ in 0..2 {
            let next = client.rotate("auth", &all.last().unwrap().refresh);
            all.push(next);
        }
        assert_eq!(client.call(&["LW.REVOKE", "auth", "TOKEN", &all[generation].refresh]).int(), 1);
        assert_eq!(client.call(&["LW.REVOKE", "auth", "TOKEN", &all[generation].refresh]).int(), 0);
        assert_eq!(client.verdict("auth", &all[2].access), "LWREVOKED");
        assert_eq!(client.rotate_refused("auth", &all[2].refresh), "LWREVOKED");
    }
    assert!(client.alert_types().is_empty() && client.audit_kinds().is_empty());
}

#[test]
fn sessions_are_revoked_one_by_one_by_subject_or_all_at_once() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let alice: Vec<_> = (0..4).map(|_| client.issue("auth alice")).collect();
    let bob = client.issue("auth bob");
    let ended =
        |client: &mut crate::support::Client, line: &str| client.run(&format!("LW.REVOKE auth {line}")).int();
    assert_eq!(ended(&mut client, &format!("SESSION {}", alice[0].session)), 1);
    assert_eq!(ended(&mut client, &format!("SESSION {}", alice[0].session)), 0);
    assert_eq!(ended(&mut client, &format!("SUBJECT alice EXCEPT {}", alice[1].session)), 2);
    assert_eq!(client.verdict("auth", &alice[1].access), "OK");
    for gone in [&alice[0], &alice[2], &alice[3]] {
        assert_eq!(client.verdict("auth", &gone.access), "LWREVOKED");
    }
    assert_eq!(ended(&mut client, &format!("SUBJECT alice EXCEPT {}", bob.session)), 1);
    assert_eq!(ended(&mut client, "SUBJECT nobody"), 0);
    assert_eq!(client.verdict("auth", &bob.access), "OK");
    client.issue("auth short REFRESHTTL 10");
    client.move_clock(11_000);
    assert_eq!(client.run("LW.REVOKEALL auth").int(), 1, "an expired session is not counted");
    assert_eq!(client.run("LW.REVOKEALL auth").int(), 0);
    assert_eq!(client.run("EXISTS auth").int(), 0);
    assert_eq!(client.verdict("auth", &bob.access), "LWREVOKED");
}

#[test]
fn malformed_revocations_end_nothing() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let before = client.footprint();
    for line in [
        "NOTHING x".to_owned(),
        "SESSION x".to_owned(),
        format!("SESSION {}=", tokens.session),
        format!("SESSION {} EXCEPT {}", tokens.session, tokens.session),
        format!("TOKEN {} {}", tokens.access, tokens.refresh),
        "SUBJECT alice EXCEPT".to_owned(),
        "SUBJECT alice EXCEPT x".to_owned(),
        format!("SUBJECT alice {}", tokens.access),
    ] {
        let answer = client.run(&format!("LW.REVOKE auth {line}"));
        assert!(answer.error().starts_with("ERR "), "{line}");
        assert!(
            !answer.error().contains(&tokens.access[..20]) && !answer.error().contains("lwr_"),
            "{answer:?}"
        );
    }
    for token in ["", "x", "a.b.c", "lwr_x", &tokens.refresh[1..], &tokens.access[..100]] {
        assert!(
            client.call(&["LW.REVOKE", "auth", "TOKEN", token]).error().starts_with("LWINVALID"),
            "{token}"
        );
    }
    assert_eq!(client.footprint(), before);
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
}

#[test]
fn too_many_revoked_access_tokens_end_the_session() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.set("rotate-grace", "0");
    let mut tokens = client.issue("auth alice");
    for n in 0..1000 {
        assert_eq!(client.call(&["LW.REVOKE", "auth", "TOKEN", &tokens.access]).int(), 1, "{n}");
        tokens = client.rotate("auth", &tokens.refresh);
    }
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    assert_eq!(client.call(&["LW.REVOKE", "auth", "TOKEN", &tokens.access]).int(), 1);
    assert_eq!(client.rotate_refused("auth", &tokens.refresh), "LWREVOKED");
}

#[test]
fn lw_sessions_lists_the_sessions_of_a_subject() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    assert_eq!(client.run("LW.SESSIONS auth alice"), Value::Array(Vec::new()));
    let first = client.issue(r#"auth alice META {"ua":"x"}"#);
    let second = client.issue("auth alice");
    client.move_clock(50);
    client.rotate("auth", &first.refresh);
    for protocol in [2, 3] {
        client.run(&format!("HELLO {protocol}"));
        let list = client.run("LW.SESSIONS auth alice");
        let [a, b] = list.items() else { panic!("{list:?}") };
        assert_eq!(
            (a.field("session_id").text(), b.field("session_id").text()),
            (first.session.clone(), second.session.clone())
        );
        assert_eq!((a.field("generation").int(), b.field("generation").int()), (2, 1));
        assert_eq!((a.field("meta").text(), b.field("meta")), (r#"{"ua":"x"}"#.into(), &Value::Nil));
        assert_eq!(b.field("expires_at_ms").int(), second.refresh_expires_ms);
        assert!(a.field("created_at_ms").int() < a.field("rotated_at_ms").int());
    }
    assert!(client.call(&[&b"LW.SESSIONS"[..], b"auth", b"a\0"]).error().starts_with("ERR subject"));
}

#[test]
fn revoking_a_token_disabled_by_tokens_not_before_lasts() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let now = client.time_ms();
    client.stop_clock(now);
    let all: Vec<_> = (0..4).map(|n| client.issue(&format!("auth user{n}"))).collect();
    client.set("tokens-not-before", &(now + 1).to_string());
    client.stop_clock(now + 2);
    for (line, token) in [
        (format!("SESSION {}", all[0].session), &all[0]),
        (format!("TOKEN {}", all[1].refresh), &all[1]),
        ("SUBJECT user2".to_owned(), &all[2]),
        (format!("TOKEN {}", all[3].access), &all[3]),
    ] {
        assert_eq!(client.run(&format!("LW.REVOKE auth {line}")).int(), 0, "it was already disabled");
        assert_eq!(client.verdict("auth", &token.access), "LWREVOKED");
    }
    client.set("tokens-not-before", "0");
    for token in &all {
        assert_eq!(client.verdict("auth", &token.access), "LWREVOKED");
    }
    client.rotate("auth", &all[3].refresh);
}
