//! Access tokens verify with other implementations, by what LW.JWKS says: PyJWT, jose (Node.js) and jwt-simple. And what
//! LW.VERIFY takes, jwt-simple takes.

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jwt_simple::prelude::*;
use serde_json::Value as Json;

use crate::support::tokens::{ALGORITHMS, Algorithm, SECRET, Tokens, issuer};
use crate::support::{Client, Random};

/// The key of an algorithm, as jwt-simple has it.
enum Key {
    Rs256(RS256PublicKey),
    Es256(ES256PublicKey),
    EdDsa(Ed25519PublicKey),
    Hs256(HS256Key),
}

impl Key {
    fn of(client: &mut Client, algorithm: Algorithm) -> Self {
        let set: Json = serde_json::from_str(&client.run("LW.JWKS").text()).unwrap();
        let bytes =
            |name: &str| BASE64_URL_SAFE_NO_PAD.decode(set["keys"][0][name].as_str().unwrap()).unwrap();
        match algorithm {
            Algorithm::Rs256 => {
                Self::Rs256(RS256PublicKey::from_components(&bytes("n"), &bytes("e")).unwrap())
            }
            Algorithm::Es256 => Self::Es256(
                ES256PublicKey::from_bytes(&[&[4], &bytes("x")[..], &bytes("y")].concat()).unwrap(),
            ),
            Algorithm::EdDsa => Self::EdDsa(Ed25519PublicKey::from_bytes(&bytes("x")).unwrap()),
            Algorithm::Hs256 => Self::Hs256(HS256Key::from_bytes(format!("{SECRET}0").as_bytes())),
        }
    }

    /// The claims of a token that it takes.
    fn verify(&self, token: &str) -> Option<JWTClaims<Json>> {
        let options = Some(VerificationOptions {
            required_signature_type: Some("at+jwt".into()),
            allowed_issuers: Some(["lockwatch".to_owned()].into()),
            allowed_audiences: Some(["lockwatch-api".to_owned()].into()),
            time_tolerance: Some(Duration::from_secs(5)),
            ..VerificationOptions::default()
        });
        match self {
            Self::Rs256(key) => key.verify_token(token, options).ok(),
            Self::Es256(key) => key.verify_token(token, options).ok(),
            Self::EdDsa(key) => key.verify_token(token, options).ok(),
            Self::Hs256(key) => key.verify_token(token, options).ok(),
        }
    }
}

#[test]
fn jwt_simple_takes_what_is_issued_and_what_is_accepted() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let key = Key::of(&mut client, algorithm);
        let tokens = client.issue(r#"auth alice CLAIMS {"role":"admin"}"#);
        let claims = key.verify(&tokens.access).expect("it is taken");
        assert_eq!(claims.subject.as_deref(), Some("alice"));
        assert_eq!(claims.custom["role"], "admin");
        assert_eq!(claims.jwt_id, Some(format!("{}.1", tokens.session)));
        // A token that is changed at random: where the module accepts it, so does the other.
        let mut random = Random::new();
        let alphabet: Vec<u8> =
            (b'a'..=b'z').chain(b'A'..=b'Z').chain(b'0'..=b'9').chain(*b"-_.=+/ ").collect();
        for _ in 0..500 {
            let mut token = tokens.access.clone().into_bytes();
            let at = random.below(token.len());
            token[at] = *random.pick(&alphabet);
            let token = String::from_utf8(token).unwrap();
            if client.verdict("auth", &token) == "OK" {
                assert!(key.verify(&token).is_some(), "{token}");
                assert_eq!(token, tokens.access);
            }
        }
    }
}

/// Writes key sets and tokens to a file, which a program in another language then checks.
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
        let tokens: Vec<_> = [&first, &second].map(|tokens: &Tokens| tokens.access.clone()).to_vec();
        cases.push(serde_json::json!({"alg": algorithm.name(), "jwks": set, "secret": format!("{SECRET}0"), "tokens": tokens}));
    }
    let path = dir.path().join("cases.json");
    std::fs::write(&path, serde_json::to_vec(&cases).unwrap()).unwrap();
    let out = command.arg(&path).output().expect("it runs");
    let told = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{told}{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(told.trim(), "8 tokens verified, 8 changed ones refused");
}

/// Where Node.js finds jose; what is missing is installed.
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
