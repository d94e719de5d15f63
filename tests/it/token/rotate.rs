//! LW.ROTATE: every outcome, against a real server.

use serde_json::json;

use crate::support::tokens::{ALGORITHMS, Algorithm, Keys, Tokens, issuer, refresh_token};
use crate::support::{Client, Server};

/// Issues a session and rotates it once. Returns both pairs of tokens.
fn rotated(client: &mut Client) -> (Tokens, Tokens) {
    let first = client.issue(r#"auth alice META {"device":"phone"}"#);
    let second = client.rotate("auth", &first.refresh);
    (first, second)
}

#[test]
fn rotation_returns_tokens_of_the_next_generation() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let mut tokens = client.issue("auth alice");
        for generation in 2..6 {
            let next = client.rotate("auth", &tokens.refresh);
            assert_eq!(next.session, tokens.session);
            assert_ne!(next.refresh, tokens.refresh);
            assert_eq!(next.claims()["jti"], format!("{}.{generation}", tokens.session));
            // Earlier access tokens stay valid until they expire.
            assert_eq!(client.verdict("auth", &tokens.access), "OK");
            assert_eq!(client.verdict("auth", &next.access), "OK");
            tokens = next;
        }
        assert_eq!(client.token_info("rotated_total"), 4);
        assert!(client.alert_types().is_empty());
    }
}

#[test]
fn repeating_a_rotation_within_grace_returns_the_same_tokens_and_writes_nothing() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let (first, second) = rotated(&mut client);
        let before = client.footprint();
        for _ in 0..3 {
            let answer =
                client.call(&["LW.ROTATE", "auth", &first.refresh, "META", "{\"device\":\"other\"}"]);
            let again = Tokens::of(&answer);
            if algorithm == Algorithm::Es256 {
                assert_eq!(again.claims(), second.claims());
                assert_eq!(Tokens { access: second.access.clone(), ..again }, second);
            } else {
                assert_eq!(again, second);
            }
        }
        assert_eq!(client.footprint(), before);
        assert_eq!(client.token_info("replayed_total"), 3);
        // The successor must work.
        client.rotate("auth", &second.refresh);
    }
}

/// Stops the clock and returns its time.
fn start(client: &mut Client) -> i64 {
    let now = client.time_ms();
    client.stop_clock(now);
    now
}

/// Returns whether LW.ROTATE would accept a token, without changing anything.
fn is_active(client: &mut Client, token: &str) -> bool {
    client.call(&["LW.INTROSPECT", "auth", token]).text().contains(r#""active":true"#)
}

#[test]
fn grace_ends_to_the_millisecond() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    for retry in [0, 60] {
        client.set("rotate-retry", &retry.to_string());
        let now = start(&mut client) + retry * 1_000_000;
        client.stop_clock(now);
        let (first, second) = rotated(&mut client);
        let grace = if retry == 0 { 10_000 } else { 60_000 };
        client.stop_clock(now + grace - 1);
        assert!(is_active(&mut client, &first.refresh));
        assert_eq!(client.rotate("auth", &first.refresh), second);
        client.stop_clock(now + grace);
        assert!(!is_active(&mut client, &first.refresh));
        assert_eq!(client.rotate_refused("auth", &first.refresh), "LWREUSED");
    }
    client.set("rotate-retry", "0");
    client.set("rotate-grace", "0");
    let (first, _) = rotated(&mut client);
    assert_eq!(client.rotate_refused("auth", &first.refresh), "LWREUSED");
}

#[test]
fn a_refresh_token_expires_to_the_millisecond() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let now = start(&mut client);
    let tokens = client.issue("auth alice REFRESHTTL 1d");
    let twin = client.issue("auth bob REFRESHTTL 1d");
    assert_eq!(tokens.refresh_expires_ms, now + 86_400_000);
    client.stop_clock(tokens.refresh_expires_ms - 1);
    let next = client.rotate("auth", &tokens.refresh);
    assert_eq!(next.refresh_expires_ms, now + 2 * 86_400_000 - 1);
    client.stop_clock(tokens.refresh_expires_ms);
    assert_eq!(client.rotate_refused("auth", &twin.refresh), "LWEXPIRED");
    assert!(client.run("LW.SESSIONS auth bob").items().is_empty());
    assert_eq!(
        client.rotate("auth", &tokens.refresh),
        next,
        "the previous token may be repeated in grace, even after its expiry"
    );
}

#[test]
fn reusing_an_old_refresh_token_ends_the_session_and_raises_one_alert() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let (first, second) = rotated(&mut client);
        let third = client.rotate("auth", &second.refresh);
        let bystander = client.issue("auth alice");
        assert_eq!(client.verdict("auth", &third.access), "OK");
        // A token two generations old is reuse even within grace.
        let answer = client.call(&["LW.ROTATE", "auth", &first.refresh, "META", r#"{"device":"thief"}"#]);
        assert!(answer.error().starts_with("LWREUSED the refresh token was used before"), "{answer:?}");
        for tokens in [&first, &second, &third] {
            assert_eq!(client.verdict("auth", &tokens.access), "LWREVOKED");
            assert_eq!(client.rotate_refused("auth", &tokens.refresh), "LWREVOKED");
        }
        assert_eq!(client.verdict("auth", &bystander.access), "OK");
        assert_eq!(client.alert_types(), ["token.reuse"]);
        let kinds = client.audit_kinds();
        let [(kind, data)] = &kinds[..] else { panic!("{kinds:?}") };
        assert_eq!(kind, "token.reuse");
        assert_eq!(data["subject"], "alice");
        assert_eq!(data["key"], "auth");
        assert_eq!(data["session_id"], third.session);
        assert_eq!((&data["presented_generation"], &data["stored_generation"]), (&json!(1), &json!(3)));
        assert_eq!(data["stored_meta"], json!({"device": "phone"}));
        assert_eq!(data["presented_meta"], json!({"device": "thief"}));
        assert_eq!(client.token_info("reused_total"), 1);
    }
}

#[test]
fn a_rotation_may_replace_meta() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let (_, second) = rotated(&mut client);
    let meta = |client: &mut Client| client.run("LW.SESSIONS auth alice").items()[0].field("meta").text();
    assert_eq!(meta(&mut client), r#"{"device":"phone"}"#);
    client.call(&["LW.ROTATE", "auth", &second.refresh, "META", r#"["tablet"]"#]);
    assert_eq!(meta(&mut client), r#"["tablet"]"#);
}

#[test]
fn malformed_or_forged_refresh_tokens_change_nothing() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let token = tokens.refresh.clone();
    let before = client.footprint();
    let mut forms =
        vec![String::new(), "lwr_".into(), token.to_uppercase(), token.replacen("lwr_", "LWR_", 1)];
    forms.extend([format!("{token}="), format!("{token}A"), format!(" {token}"), token[..83].to_owned()]);
    forms.extend([tokens.access.clone(), "x".repeat(1 << 20), format!("lwr_{}", "A".repeat(80))]);
    // Tokens with one changed character.
    for at in 4..token.len() {
        let mut form = token.clone().into_bytes();
        form[at] = if form[at] == b'A' { b'B' } else { b'A' };
        forms.push(String::from_utf8(form).unwrap());
    }
    for form in forms {
        assert_eq!(client.rotate_refused("auth", &form), "LWINVALID", "{form:.100}");
    }
    for bytes in [&b"\0"[..], b"lwr_\xff\xfe", &[0xff; 84]] {
        let call = [&b"LW.ROTATE"[..], b"auth", bytes];
        assert!(client.call(&call).error().starts_with("LWINVALID"));
    }
    assert_eq!(client.footprint(), before);
    assert!(client.alert_types().is_empty());
    // A token of another store.
    assert_eq!(client.rotate_refused("other", &token), "LWREVOKED");
    client.rotate("auth", &token);
}

#[test]
fn a_generation_ahead_of_the_store_is_forged_unless_a_write_may_have_been_lost() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let first = client.issue("auth alice");
    let dump = client.dump("auth");
    let second = client.rotate("auth", &first.refresh);
    let third = client.rotate("auth", &second.refresh);
    // Restores a backup from before the rotations.
    let restore = [b"RESTORE", &b"auth"[..], b"0", &dump, b"REPLACE"];
    assert!(!client.call(&restore).is_error());
    let fourth = client.rotate("auth", &third.refresh);
    assert_eq!(fourth.claims()["jti"], format!("{}.4", first.session));
    assert_eq!(client.alert_types(), ["token.rollback"]);
    assert_eq!(client.token_info("rolled_forward_total"), 1);
    let fifth = client.rotate("auth", &fourth.refresh);
    // The restored session is rotated once more. A token of another branch then means that one of
    // the two is stolen.
    assert!(!client.call(&restore).is_error());
    client.rotate("auth", &first.refresh);
    assert_eq!(client.rotate_refused("auth", &fifth.refresh), "LWREUSED");
    assert_eq!(client.run("EXISTS auth").int(), 0);
    assert_eq!(client.alert_types()[..2], ["token.reuse", "token.rollback"], "newest first");
    // Without a possible lost write, a newer generation means that somebody knows the secret.
    let tokens = client.issue("auth alice");
    let before = client.dump("auth");
    for generation in [2, 3, u32::MAX] {
        let forged = refresh_token(&tokens.session, generation, tokens.refresh_expires_ms);
        let answer = client.call(&["LW.ROTATE", "auth", &forged]);
        assert_eq!(answer.error(), "LWINVALID the refresh token was never given out");
    }
    assert_eq!(client.dump("auth"), before);
    assert_eq!(client.alert_types()[0], "token.forgery");
    assert_eq!(client.audit_kinds()[0].0, "token.forgery");
    assert_eq!(client.token_info("forged_total"), 3);
    assert_eq!(
        refresh_token(&tokens.session, 1, tokens.refresh_expires_ms),
        tokens.refresh,
        "the test must build tokens in the format of the module"
    );
    client.rotate("auth", &tokens.refresh);
}

#[test]
fn setting_the_clock_back_revives_no_token() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let now = start(&mut client);
    let tokens = client.issue("auth alice ACCESSTTL 60 REFRESHTTL 100");
    client.stop_clock(now + 100_000);
    assert_eq!(client.rotate_refused("auth", &tokens.refresh), "LWEXPIRED");
    client.stop_clock(now);
    assert_eq!(client.rotate_refused("auth", &tokens.refresh), "LWEXPIRED");
    assert_eq!(client.verdict("auth", &tokens.access), "LWEXPIRED");
    // A token issued while the clock is set back is valid at once.
    let next = client.issue("auth alice");
    assert_eq!(client.verdict("auth", &next.access), "OK");
    assert!(client.rotate("auth", &next.refresh).access_expires_ms >= now + 100_000);
}

#[test]
fn a_restart_starts_the_grace_period_again() {
    let keys = Keys::new();
    let mut server = Server::builder().issuing(&keys, Algorithm::EdDsa).config("appendonly yes").start();
    let mut client = server.client();
    let (first, second) = rotated(&mut client);
    server.stop();
    server.start_again();
    let mut client = server.client();
    client.set("rotate-grace", "3600");
    assert_eq!(client.rotate("auth", &first.refresh), second);
    client.set("rotate-grace", "1");
    let now = client.time_ms();
    client.stop_clock(now + 2000);
    assert_eq!(client.rotate_refused("auth", &first.refresh), "LWREUSED");
}
