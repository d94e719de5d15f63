//! Access tokens verify with other implementations by the keys that LW.JWKS publishes:
//! jsonwebtoken, PyJWT and jose (Node.js).
//!
//! jsonwebtoken parses and checks independently of the module, but its signatures come from the
//! same library, aws-lc-rs. PyJWT and jose verify with OpenSSL; for HS256 the test here also
//! computes the MAC with RustCrypto.

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, get_current_timestamp};
use serde_json::Value as Json;
use sha2::Sha256;

use crate::support::tokens::{ALGORITHMS, Algorithm, SECRET, Tokens, issuer};
use crate::support::{Client, Random};

/// A verifier of access tokens that is not ours.
struct Oracle {
    algorithm: Algorithm,
    keys: JwkSet,
}

const LEEWAY: u64 = 5;

impl Oracle {
    fn new(client: &mut Client, algorithm: Algorithm) -> Self {
        Self { algorithm, keys: serde_json::from_str(&client.run("LW.JWKS").text()).unwrap() }
    }

    /// The claims of a token that it accepts.
    fn verify(&self, token: &str) -> Option<Json> {
        let header = decode_header(token).ok()?;
        let key = if self.algorithm == Algorithm::Hs256 {
            DecodingKey::from_secret(format!("{SECRET}0").as_bytes())
        } else {
            DecodingKey::from_jwk(self.keys.find(header.kid.as_deref()?)?).unwrap()
        };
        let mut validation = Validation::new(self.algorithm.name().parse().unwrap());
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&["lockwatch"]);
        validation.set_audience(&["lockwatch-api"]);
        // A claim of the wrong type passes unless it is required.
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Json>(token, &key, &validation).ok()?.claims;
        // jsonwebtoken does not check `typ` and `iat`.
        let issued = claims["iat"].as_u64()?;
        (header.typ.as_deref() == Some("at+jwt") && issued <= get_current_timestamp() + LEEWAY)
            .then_some(claims)
    }
}

#[test]
fn jsonwebtoken_accepts_every_token_that_the_module_issues_or_accepts() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let oracle = Oracle::new(&mut client, algorithm);
        let tokens = client.issue(r#"auth alice CLAIMS {"role":"admin"}"#);
        let claims = oracle.verify(&tokens.access).expect("an issued token is accepted");
        assert_eq!(claims["sub"], "alice");
        assert_eq!(claims["role"], "admin");
        assert_eq!(claims["jti"], format!("{}.1", tokens.session));
        let several = client.issue("auth alice AUDIENCE web AUDIENCE lockwatch-api");
        assert_eq!(oracle.verify(&several.access), Some(client.verify("auth", &several.access)));
        let others = client.issue("auth alice AUDIENCE web AUDIENCE admin");
        assert_eq!(oracle.verify(&others.access), None);
        assert_eq!(client.verdict("auth", &others.access), "LWINVALID");
        let (message, signature) = tokens.access.rsplit_once('.').unwrap();
        let changed = format!("{message}.{}{}", &signature[1..], &signature[..1]);
        assert_eq!(oracle.verify(&changed), None);
        // Wherever the module accepts a randomly changed token, so does the oracle.
        let mut random = Random::new();
        let alphabet: Vec<u8> =
            (b'a'..=b'z').chain(b'A'..=b'Z').chain(b'0'..=b'9').chain(*b"-_.=+/ ").collect();
        for _ in 0..500 {
            let mut token = tokens.access.clone().into_bytes();
            let at = random.below(token.len());
            token[at] = *random.pick(&alphabet);
            let token = String::from_utf8(token).unwrap();
            if client.verdict("auth", &token) == "OK" {
                assert!(oracle.verify(&token).is_some(), "{token}");
                assert_eq!(token, tokens.access);
            }
        }
    }
}

#[test]
fn an_hs256_signature_is_the_hmac_of_header_and_claims() {
    let (_keys, server) = issuer(Algorithm::Hs256);
    let token = server.client().issue("auth alice").access;
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(format!("{SECRET}0").as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.verify_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
}

/// Writes key sets and tokens to a file and runs `command` on it, a program that verifies them.
#[track_caller]
fn checked_by(command: &mut Command) {
    let dir = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let set: Json = serde_json::from_str(&client.run("LW.JWKS").text()).unwrap();
        let first = client.issue(r#"auth alice CLAIMS {"role":"admin"}"#);
        let second = client.rotate("auth", &first.refresh);
        // With several audiences, and after a change of claims.
        let third = client.issue("auth alice AUDIENCE web AUDIENCE lockwatch-api");
        client.call(&["LW.CLAIMS", "auth", "SESSION", &third.session, r#"{"role":"admin"}"#]);
        let third = client.rotate("auth", &third.refresh);
        assert_eq!(third.claims()["aud"], serde_json::json!(["web", "lockwatch-api"]));
        let tokens: Vec<_> = [&first, &second, &third].map(|tokens: &Tokens| tokens.access.clone()).to_vec();
        cases.push(serde_json::json!({"alg": algorithm.name(), "jwks": set, "secret": format!("{SECRET}0"), "tokens": tokens}));
    }
    let path = dir.path().join("cases.json");
    std::fs::write(&path, serde_json::to_vec(&cases).unwrap()).unwrap();
    let out = command.arg(&path).output().expect("it runs");
    let printed = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{printed}{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(printed.trim(), "12 tokens verified, 12 changed ones refused");
}

/// Installs PyJWT and jose where they are missing. Returns the directory in which Node.js finds
/// jose.
fn installed() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/interop.sh");
    let out = Command::new(script).output().expect("scripts/interop.sh runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn pyjwt_verifies_by_the_key_set() {
    installed();
    let program = r#"
import json, sys, jwt
good = bad = 0
for case in json.load(open(sys.argv[1])):
    for token in case["tokens"]:
        kid = jwt.get_unverified_header(token)["kid"]
        if case["alg"] == "HS256":
            assert case["jwks"] == {"keys": []}
            key = case["secret"]
        else:
            key = jwt.PyJWKSet.from_dict(case["jwks"])[kid].key
        options = {"require": ["exp", "iat", "sub", "aud", "iss", "jti"]}
        claims = jwt.decode(token, key, algorithms=[case["alg"]], audience="lockwatch-api", issuer="lockwatch",
                            options=options, leeway=5)
        assert claims["sub"] == "alice" and claims["role"] == "admin", claims
        good += 1
        try:
            jwt.decode(token, key, algorithms=[case["alg"]], audience="other", issuer="lockwatch", leeway=5)
            raise SystemExit("a token for others is accepted")
        except jwt.InvalidAudienceError:
            pass
        head, body, signature = token.split(".")
        try:
            jwt.decode(".".join([head, body, signature[1:] + signature[0]]), key, algorithms=[case["alg"]],
                       audience="lockwatch-api")
        except jwt.InvalidSignatureError:
            bad += 1
print(f"{good} tokens verified, {bad} changed ones refused")
"#;
    checked_by(Command::new("/usr/bin/python3").args(["-c", program]));
}

#[test]
fn jose_verifies_by_the_key_set() {
    let dir = installed();
    let program = r#"
const { createLocalJWKSet, jwtVerify } = require('jose');
const cases = JSON.parse(require('fs').readFileSync(process.argv[1]));
(async () => {
  let good = 0, bad = 0;
  for (const { alg, jwks, secret, tokens } of cases) {
    const key = alg === 'HS256' ? new TextEncoder().encode(secret) : createLocalJWKSet(jwks);
    const options = { algorithms: [alg], audience: 'lockwatch-api', issuer: 'lockwatch', typ: 'at+jwt',
      requiredClaims: ['sub', 'exp', 'iat', 'jti', 'sid'], clockTolerance: 5 };
    for (const token of tokens) {
      const { payload } = await jwtVerify(token, key, options);
      if (payload.sub !== 'alice' || payload.role !== 'admin') throw new Error(JSON.stringify(payload));
      good++;
      await jwtVerify(token, key, { ...options, audience: 'other' }).then(
        () => { throw new Error('a token for others is accepted'); },
        (why) => { if (why.code !== 'ERR_JWT_CLAIM_VALIDATION_FAILED') throw why; });
      const [head, body, signature] = token.split('.');
      const changed = [head, body, signature.slice(1) + signature[0]].join('.');
      await jwtVerify(changed, key, options).catch((why) => {
        if (why.code !== 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') throw why;
        bad++;
      });
    }
  }
  console.log(`${good} tokens verified, ${bad} changed ones refused`);
})().catch((why) => { console.error(why); process.exit(1); });
"#;
    checked_by(Command::new("node").args(["-e", program]).current_dir(dir));
}
