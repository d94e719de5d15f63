//! LW.VERIFY and LW.INTROSPECT on valid, expired and revoked tokens.

use serde_json::json;

use crate::support::tokens::{ALGORITHMS, Algorithm, issuer};

#[test]
fn an_access_token_expires_to_the_millisecond_plus_leeway() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    for leeway in [0, 5, 300] {
        client.set("jwt-leeway", &leeway.to_string());
        let now = (client.time_ms() / 1000 + 1000 * leeway) * 1000 + 250;
        client.stop_clock(now);
        let tokens = client.issue("auth alice ACCESSTTL 10");
        let end = (now / 1000 + 10 + leeway) * 1000;
        assert_eq!(tokens.access_expires_ms, (now / 1000 + 10) * 1000);
        client.stop_clock(end - 1);
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
        assert!(client.run(&format!("LW.INTROSPECT auth {}", tokens.access)).text().contains("true"));
        client.stop_clock(end);
        assert_eq!(client.verdict("auth", &tokens.access), "LWEXPIRED");
        assert_eq!(
            client.run(&format!("LW.INTROSPECT auth {}", tokens.access)).text(),
            r#"{"active":false}"#
        );
    }
}

#[test]
fn a_token_issued_in_the_future_is_refused() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.set("jwt-leeway", "0");
    let now = client.time_ms();
    // The clock was more than a day ahead, so the module follows it back.
    client.stop_clock(now + 100_000_000);
    let tokens = client.issue("auth alice ACCESSTTL 7d REFRESHTTL 7d");
    client.stop_clock(now);
    let answer = client.call(&["LW.VERIFY", "auth", &tokens.access]);
    assert_eq!(answer.error(), "LWINVALID the access token is not valid yet");
}

#[test]
fn a_cached_signature_skips_no_other_check() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let tokens = client.issue("auth alice");
        assert_eq!(client.verify("auth", &tokens.access), tokens.claims());
        assert_eq!(client.verify("auth", &tokens.access), tokens.claims());
        assert_eq!(client.token_info("verify_cache_hits_total"), 1);
        assert_eq!(client.verdict("other", &tokens.access), "LWREVOKED");
        assert!(client.call(&["LW.VERIFY", "auth", &tokens.access, "AUDIENCE", "x"]).error().contains("aud"));
        client.set("jwt-audience", "another");
        assert_eq!(client.verdict("auth", &tokens.access), "LWINVALID");
        client.set("jwt-audience", "lockwatch-api");
        client.set("jwt-issuer", "another");
        assert_eq!(
            client.call(&["LW.VERIFY", "auth", &tokens.access]).error(),
            "LWINVALID iss is not jwt-issuer"
        );
        client.set("jwt-issuer", "lockwatch");
        client.run(&format!("LW.REVOKE auth TOKEN {}", tokens.access));
        assert_eq!(client.verdict("auth", &tokens.access), "LWREVOKED");
        client.set("verify-cache-entries", "0");
        let hits = client.token_info("verify_cache_hits_total");
        let again = client.issue("auth alice");
        assert_eq!([(); 3].map(|()| client.verdict("auth", &again.access)), ["OK"; 3]);
        assert_eq!(client.token_info("verify_cache_hits_total"), hits);
    }
}

#[test]
fn introspection_follows_rfc_7662_and_changes_nothing() {
    let (_keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let call = [
        "LW.ISSUE",
        "auth",
        "alice",
        "AUDIENCE",
        "billing",
        "CLAIMS",
        r#"{"scope":"a b","active":false,"n":1.0}"#,
    ];
    let tokens = crate::support::tokens::Tokens::of(&client.call(&call));
    let introspect = |client: &mut crate::support::Client, token: &str| -> serde_json::Value {
        serde_json::from_str(&client.call(&["LW.INTROSPECT", "auth", token]).text()).unwrap()
    };
    let mut expected = tokens.claims();
    expected["active"] = json!(true);
    expected["token_type"] = json!("Bearer");
    assert_eq!(introspect(&mut client, &tokens.access), expected);
    let refresh = introspect(&mut client, &tokens.refresh);
    assert_eq!(
        refresh,
        json!({"active": true, "token_type": "refresh_token", "iss": "lockwatch", "sub": "alice",
            "iat": tokens.claims()["iat"], "exp": tokens.refresh_expires_ms / 1000, "sid": tokens.session})
    );
    let before = client.footprint();
    let inactive = json!({"active": false});
    for token in ["", "x", "lwr_", "a.b.c", &"x".repeat(1 << 20), &tokens.access[1..]] {
        assert_eq!(introspect(&mut client, token), inactive);
    }
    assert_eq!(client.footprint(), before);
    let second = client.rotate("auth", &tokens.refresh);
    let third = client.rotate("auth", &second.refresh);
    // Introspection of a reused refresh token does not end the session.
    assert_eq!(introspect(&mut client, &tokens.refresh), inactive);
    assert_eq!(
        introspect(&mut client, &second.refresh)["active"],
        true,
        "the previous token is active during grace"
    );
    assert_eq!(introspect(&mut client, &third.refresh)["active"], true);
    client.run("LW.REVOKEALL auth");
    for token in [&third.refresh, &third.access] {
        assert_eq!(introspect(&mut client, token), inactive);
    }
}
