//! Forged and confused tokens are refused, change nothing, and leave the server running.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::Client;
use crate::support::tokens::{Algorithm, Keys, Tokens, issuer, message, pem, signed};

/// A server that signs with RS256, and a session whose token is the basis of forgeries.
struct Target {
    keys: Keys,
    client: Client,
    tokens: Tokens,
    kid: String,
    _server: crate::support::Server,
}

impl Target {
    fn new() -> Self {
        let (keys, server) = issuer(Algorithm::Rs256);
        let mut client = server.client();
        let tokens = client.issue("auth alice");
        let kid = tokens.header()["kid"].as_str().unwrap().to_owned();
        Self { keys, client, tokens, kid, _server: server }
    }

    fn header(&self) -> String {
        format!(r#"{{"alg":"RS256","kid":"{}","typ":"at+jwt"}}"#, self.kid)
    }

    fn claims(&self) -> String {
        self.tokens.claims().to_string()
    }

    /// Asserts that each token is refused as invalid, also by LW.REVOKE, is inactive, and changes
    /// nothing.
    #[track_caller]
    fn refuses(&mut self, tokens: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let before = self.client.footprint();
        for token in tokens {
            let token = token.as_ref();
            let shown = String::from_utf8_lossy(&token[..token.len().min(300)]).into_owned();
            let call = [&b"LW.VERIFY"[..], b"auth", token];
            let message = self.client.call(&call).error().to_owned();
            assert!(message.starts_with("LWINVALID "), "{message} for {shown}");
            assert!(message.len() < 120 && !message.contains(self.tokens.access.split('.').nth(1).unwrap()));
            let call = [&b"LW.INTROSPECT"[..], b"auth", token];
            assert_eq!(self.client.call(&call).text(), r#"{"active":false}"#, "{shown}");
        }
        assert_eq!(self.client.footprint(), before);
        assert_eq!(self.client.verdict("auth", &self.tokens.access), "OK");
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        signed(&self.keys, header, claims.as_bytes())
    }
}

#[test]
fn a_correctly_signed_token_is_accepted() {
    let mut target = Target::new();
    let plain = target.sign(&target.header(), &target.claims());
    assert_eq!(target.client.verdict("auth", &plain), "OK");
    // The header may be formatted differently, and `aud` may be a list.
    let header = format!(r#"{{ "typ":"at+jwt", "kid":"{}","alg":"RS256" }}"#, target.kid);
    let mut claims = target.tokens.claims();
    claims["aud"] = json!(["x", "lockwatch-api"]);
    let other = target.sign(&header, &claims.to_string());
    assert_eq!(target.client.verdict("auth", &other), "OK");
}

#[test]
fn a_token_with_another_algorithm_than_its_key_is_refused() {
    let mut target = Target::new();
    let (kid, claims) = (target.kid.clone(), target.claims());
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "RS512", "rs256", "PS256", "ES256", "EdDSA"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"at+jwt"}}"#);
        tokens.push(target.sign(&header, &claims));
        tokens.push(format!("{}.", message(&header, claims.as_bytes())));
        tokens.push(format!("{}.AA", message(&header, claims.as_bytes())));
    }
    // HS256 with every form of the public key that a confused verifier might use as the secret.
    let public = target.keys.rsa_public();
    let spki = [
        &b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00"
            [..],
        &public,
    ]
    .concat();
    for secret in [
        public.clone(),
        spki.clone(),
        pem("PUBLIC KEY", &spki).into_bytes(),
        pem("RSA PUBLIC KEY", &public).into_bytes(),
        Vec::new(),
    ] {
        for alg in ["HS256", "RS256"] {
            let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"at+jwt"}}"#);
            let message = message(&header, claims.as_bytes());
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
            tokens.push(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref())));
        }
    }
    target.refuses(tokens);
}

#[test]
fn a_header_with_anything_but_alg_kid_and_typ_is_refused() {
    let mut target = Target::new();
    let (kid, claims) = (target.kid.clone(), target.claims());
    let headers = [
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","crit":["exp"]}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","crit":[]}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","jwk":{"kty":"RSA"}}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","jku":"https://evil.example/keys"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","x5u":"https://evil.example/cert"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","x5c":["MII"]}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","b64":false}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","alg":"RS256"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","\u0061lg":"none"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt","kid":"x"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"JWT"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"AT+JWT"}"#,
        r#"{"alg":"RS256","kid":"KID","typ":"id+jwt"}"#,
        r#"{"alg":"RS256","kid":"KID"}"#,
        r#"{"alg":"RS256","typ":"at+jwt"}"#,
        r#"{"kid":"KID","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"KID ","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"kid","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"../../etc/passwd","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"' OR 1=1 --","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":null,"typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":["KID"],"typ":"at+jwt"}"#,
        r#"{"alg":256,"kid":"KID","typ":"at+jwt"}"#,
        r#"["alg"]"#,
        r#""alg""#,
        "{",
        "",
        "null",
        r#"{"alg":"RS256","kid":"KID","typ":"at+jwt"} x"#,
    ];
    let tokens: Vec<_> =
        headers.iter().map(|header| target.sign(&header.replace("KID", &kid), &claims)).collect();
    target.refuses(tokens);
}

#[test]
fn claims_with_wrong_types_or_duplicate_names_are_refused() {
    let mut target = Target::new();
    let good = target.tokens.claims();
    let with = |name: &str, text: &str| {
        let mut members = Vec::new();
        for (member, value) in good.as_object().unwrap() {
            members.push(if member == name {
                format!("\"{member}\":{text}")
            } else {
                format!("\"{member}\":{value}")
            });
        }
        format!("{{{}}}", members.join(","))
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        claims.to_string()
    };
    let mut all = Vec::new();
    for name in ["exp", "iat"] {
        for text in
            ["\"1\"", "1e400", "-1e400", "null", "true", "[1]", "{}", "\"9999999999\"", "01", "1.", "NaN"]
        {
            all.push(with(name, text));
        }
    }
    for name in ["iss", "sub", "jti", "sid"] {
        for text in [
            "1",
            "null",
            "true",
            "[]",
            "[\"lockwatch\"]",
            "{}",
            "\"\"",
            "\"x\"",
            "\"\\ud800\"",
            "\"a\\u0000\"",
        ] {
            all.push(with(name, text));
        }
    }
    for text in ["1", "null", "{}", "[]", "[1]", "[\"lockwatch-api\",1]", "[[\"lockwatch-api\"]]"] {
        all.push(with("aud", text));
    }
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "sid"] {
        all.push(without(name));
        let twice = good.to_string().replacen('{', &format!("{{\"{name}\":{},", good[name]), 1);
        all.push(twice);
    }
    all.push(good.to_string().replacen('{', r#"{"x":{"y":1,"y":2},"#, 1));
    all.push(good.to_string().replacen('{', r#"{"\u0065xp":9999999999,"#, 1));
    all.push(good.to_string().replacen('{', r#"{"nbf":"1","#, 1));
    all.push(good.to_string().replacen('{', r#"{"nbf":9999999999,"#, 1));
    all.push(good.to_string().replacen(
        '{',
        &format!("{{\"x\":{}{},", "[".repeat(2000), "]".repeat(2000)),
        1,
    ));
    all.push(with("iat", "9999999999"));
    all.extend(["[]", "null", "1", "\"\"", "{", "", "{}"].map(str::to_owned));
    let header = target.header();
    let tokens: Vec<_> = all.iter().map(|claims| target.sign(&header, claims)).collect();
    target.refuses(tokens);
    let raw: Vec<_> = [&b"{\"sub\":\"\xff\"}"[..], b"\0", b"{\"a\":\"\0\"}", b"\xef\xbb\xbf{}"]
        .iter()
        .map(|claims| signed(&target.keys, &header, claims))
        .collect();
    target.refuses(raw);
    // Well-formed claims with wrong values.
    for aud in ["\"\"", "\"x\"", "[\"x\",\"y\"]", "\"lockwatch-api \""] {
        let token = target.sign(&header, &with("aud", aud));
        assert_eq!(target.client.verdict("auth", &token), "LWINVALID", "{aud}");
    }
    for (name, text, code) in
        [("exp", "1", "LWEXPIRED"), ("exp", "-5", "LWEXPIRED"), ("exp", "1.5", "LWEXPIRED")]
    {
        let token = target.sign(&header, &with(name, text));
        assert_eq!(target.client.verdict("auth", &token), code, "{name} {text}");
    }
    for exp in ["1e300", "99999999999999999999999"] {
        let token = target.sign(&header, &with("exp", exp));
        assert_eq!(target.client.verdict("auth", &token), "OK", "{exp}");
    }
}

#[test]
fn only_the_canonical_encoding_of_a_token_is_accepted() {
    let mut target = Target::new();
    let token = target.tokens.access.clone();
    let parts: Vec<&str> = token.split('.').collect();
    let join = |parts: &[&str]| parts.join(".");
    let mut forms = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        join(&parts[..2]),
        format!("{}.", join(&parts[..2])),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.x"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token} "),
        format!("{token}\n"),
        format!(" {token}"),
        format!("Bearer {token}"),
        join(&[parts[0], parts[2], parts[1]]),
        join(&[&format!("{}=", parts[0]), parts[1], parts[2]]),
        join(&[parts[0], &format!("{}\n", parts[1]), parts[2]]),
        join(&[parts[0], parts[1], &parts[2][1..]]),
        join(&[parts[0], parts[1], &parts[2][..parts[2].len() - 1]]),
        join(&[parts[0], parts[1], &parts[2].repeat(2)]),
        token.replace('-', "+").replace('_', "/") + "+",
        token[..token.len() - 4].to_owned(),
    ];
    // The last character of the signature has unused bits. Every other last character must be
    // refused.
    let last = token.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    forms
        .extend(alphabet.chars().filter(|c| *c != last).map(|c| format!("{}{c}", &token[..token.len() - 1])));
    target.refuses(forms);
    let raw: Vec<Vec<u8>> = vec![
        b"\0".to_vec(),
        [token.as_bytes(), b"\0"].concat(),
        token.bytes().map(|byte| byte | 0x80).collect(),
        vec![b'.'; 8192],
        vec![b'A'; 8193],
        vec![b'x'; 1 << 20],
        [token.as_bytes(), &vec![b'A'; 1 << 20]].concat(),
    ];
    target.refuses(raw);
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let tokens = client.issue("auth alice");
        let (message, signature) = tokens.access.rsplit_once('.').unwrap();
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        // The DER encoding of an ECDSA signature, which JWTs do not use.
        let der = [&[0x30, 68, 2, 32], &bytes[..32], &[2, 32], &bytes[bytes.len() - 32..]].concat();
        bytes[0] ^= 1;
        for signature in [&der, &bytes, &bytes[1..].to_vec(), &vec![0; 64], &vec![0; 32], &vec![255; 64]] {
            let forged = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
            assert_eq!(client.verdict("auth", &forged), "LWINVALID", "{algorithm:?}");
        }
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
    }
}

#[test]
fn a_token_of_another_kind_store_session_or_subject_is_refused() {
    let mut target = Target::new();
    assert_eq!(target.client.verdict("auth", &target.tokens.refresh), "LWINVALID");
    assert_eq!(target.client.rotate_refused("auth", &target.tokens.access), "LWINVALID");
    assert_eq!(target.client.verdict("elsewhere", &target.tokens.access), "LWREVOKED");
    // A token with another subject, signed with the right key.
    let mut claims = target.tokens.claims();
    claims["sub"] = json!("bob");
    let token = target.sign(&target.header(), &claims.to_string());
    assert_eq!(
        target.client.call(&["LW.VERIFY", "auth", &token]).error(),
        "LWINVALID sub is not the subject of the token's session"
    );
    assert_eq!(target.client.call(&["LW.REVOKE", "auth", "TOKEN", &token]).int(), 0);
    // A token of a session that never existed.
    let mut claims = target.tokens.claims();
    claims["sid"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    claims["jti"] = json!("AAAAAAAAAAAAAAAAAAAAAA.1");
    let token = target.sign(&target.header(), &claims.to_string());
    assert_eq!(target.client.verdict("auth", &token), "LWREVOKED");
    // A token with the jti of another session.
    claims["sid"] = json!(target.tokens.session);
    let token = target.sign(&target.header(), &claims.to_string());
    assert_eq!(target.client.verdict("auth", &token), "LWINVALID");
}

#[test]
fn a_refresh_token_made_with_another_secret_is_refused() {
    let mut target = Target::new();
    let body = BASE64_URL_SAFE_NO_PAD.decode(&target.tokens.refresh[4..]).unwrap()[..28].to_vec();
    let domain = b"lockwatch refresh token\0".to_vec();
    let private = std::fs::read(target.keys.signing(Algorithm::Rs256, 0)).unwrap();
    let public = target.keys.rsa_public();
    let hs256 = std::fs::read(target.keys.signing(Algorithm::Hs256, 0)).unwrap();
    let before = target.client.footprint();
    for secret in [&private[..], &public, &hs256, &hs256[..hs256.len() - 1], b"", &[0; 32], &[0; 64]] {
        for message in [body.clone(), [&domain[..], &body].concat()] {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &message);
            let token = format!("lwr_{}", BASE64_URL_SAFE_NO_PAD.encode([&body[..], tag.as_ref()].concat()));
            assert_eq!(target.client.rotate_refused("auth", &token), "LWINVALID");
            assert!(
                target.client.call(&["LW.REVOKE", "auth", "TOKEN", &token]).error().starts_with("LWINVALID")
            );
        }
        let pair = target.keys.rsa();
        let mut signature = vec![0; pair.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, &body, &mut signature).unwrap();
        let token = format!("lwr_{}", BASE64_URL_SAFE_NO_PAD.encode([&body[..], &signature[..32]].concat()));
        assert_eq!(target.client.rotate_refused("auth", &token), "LWINVALID");
    }
    assert_eq!(target.client.footprint(), before);
}
