//! Keys for tokens, calls of the token commands, and their parsed replies.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::written::register_secret;
use super::{Builder, Client, Server, Value};

pub const REFRESH_SECRET: &str = "a secret for refresh tokens: 0123456789abcdef";
pub const SECRET: &str = "a secret for HS256: 0123456789abcdefghijklmnop";

/// A directory with files of keys and secrets.
pub struct Keys {
    dir: TempDir,
}

/// The signature algorithm of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
    Hs256,
}

use Algorithm::{EdDsa, Es256, Hs256, Rs256};

pub const ALGORITHMS: [Algorithm; 4] = [Rs256, Es256, EdDsa, Hs256];

impl Algorithm {
    /// The name in JWT headers.
    pub fn name(self) -> &'static str {
        match self {
            Rs256 => "RS256",
            Es256 => "ES256",
            EdDsa => "EdDSA",
            Hs256 => "HS256",
        }
    }
}

/// RSA key pairs are slow to generate, so all tests of a run share these two.
static RSA: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec()
    })
});

impl Keys {
    /// Creates a directory with a refresh secret.
    pub fn new() -> Self {
        let keys = Self { dir: TempDir::with_prefix("lockwatch-keys-").unwrap() };
        keys.file("refresh", REFRESH_SECRET);
        keys
    }

    /// Writes a file, whose lines may appear in no log. Returns its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        register_secret(content);
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The path of the refresh secret's file.
    pub fn refresh(&self) -> String {
        self.dir.path().join("refresh").to_str().unwrap().to_owned()
    }

    /// Returns the path of the `n`th key pair or secret for `algorithm`, which is generated on
    /// first use.
    pub fn signing(&self, algorithm: Algorithm, n: usize) -> String {
        let name = format!("{}-{n}", algorithm.name());
        let path = self.dir.path().join(&name);
        if path.exists() {
            return path.to_str().unwrap().to_owned();
        }
        let rcgen = |algorithm| rcgen::KeyPair::generate_for(algorithm).unwrap().serialize_pem();
        let content = match algorithm {
            Rs256 => pem("PRIVATE KEY", &RSA[n]),
            Es256 => rcgen(&rcgen::PKCS_ECDSA_P256_SHA256),
            EdDsa => rcgen(&rcgen::PKCS_ED25519),
            Hs256 => format!("{SECRET}{n}\n"),
        };
        self.file(&name, &content)
    }

    /// The first RSA key pair, for signing.
    pub fn rsa(&self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(&RSA[0]).unwrap()
    }

    /// The public key of the first RSA key pair as DER.
    pub fn rsa_public(&self) -> Vec<u8> {
        self.rsa().public_key().as_ref().to_vec()
    }
}

pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

impl Builder {
    /// Configures the keys for issuing tokens with `algorithm`.
    pub fn issuing(self, keys: &Keys, algorithm: Algorithm) -> Self {
        let directive = if algorithm == Hs256 { "jwt-secret-file" } else { "jwt-keys" };
        self.config(format!("lockwatch.{directive} {}", keys.signing(algorithm, 0)))
            .config(format!("lockwatch.refresh-secret-file {}", keys.refresh()))
    }
}

/// Starts a server that issues tokens.
#[track_caller]
pub fn issuer(algorithm: Algorithm) -> (Keys, Server) {
    let keys = Keys::new();
    let server = Server::builder().issuing(&keys, algorithm).start();
    (keys, server)
}

/// The reply of LW.ISSUE and LW.ROTATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    pub access: String,
    /// Empty if there is none.
    pub refresh: String,
    pub access_expires_ms: i64,
    pub refresh_expires_ms: i64,
    pub session: String,
}

impl Tokens {
    #[track_caller]
    pub fn of(value: &Value) -> Self {
        let [access, refresh, access_expires, refresh_expires, session] = value.items() else {
            panic!("not the reply of LW.ISSUE: {value:?}")
        };
        let has_refresh = *refresh != Value::Nil;
        Self {
            access: access.text(),
            refresh: if has_refresh { refresh.text() } else { String::new() },
            access_expires_ms: access_expires.int(),
            refresh_expires_ms: if has_refresh { refresh_expires.int() } else { 0 },
            session: session.text(),
        }
    }

    /// The claims of the access token, without verification.
    #[track_caller]
    pub fn claims(&self) -> Json {
        part(&self.access, 1)
    }

    /// The header of the access token, without verification.
    #[track_caller]
    pub fn header(&self) -> Json {
        part(&self.access, 0)
    }
}

/// Decodes part `n` of a JWT.
#[track_caller]
pub fn part(token: &str, n: usize) -> Json {
    let text = token.split('.').nth(n).expect("it has three parts");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
}

impl Client {
    #[track_caller]
    pub fn issue(&mut self, line: &str) -> Tokens {
        Tokens::of(&self.run(&format!("LW.ISSUE {line}")))
    }

    /// Calls `LW.ROTATE key token`, which must succeed.
    #[track_caller]
    pub fn rotate(&mut self, key: &str, token: &str) -> Tokens {
        Tokens::of(&self.call(&["LW.ROTATE", key, token]))
    }

    /// Calls `LW.ROTATE key token`, which must fail. Returns the error code.
    #[track_caller]
    pub fn rotate_refused(&mut self, key: &str, token: &str) -> String {
        code(&self.call(&["LW.ROTATE", key, token]))
    }

    /// Calls `LW.VERIFY key token`, which must succeed. Returns the claims.
    #[track_caller]
    pub fn verify(&mut self, key: &str, token: &str) -> Json {
        serde_json::from_str(&self.call(&["LW.VERIFY", key, token]).text()).expect("JSON")
    }

    /// Calls `LW.VERIFY key token`. Returns `OK` or the error code.
    #[track_caller]
    pub fn verdict(&mut self, key: &str, token: &str) -> String {
        match self.call(&["LW.VERIFY", key, token]) {
            Value::Error(message) => code(&Value::Error(message)),
            _ => "OK".into(),
        }
    }

    /// The number `lockwatch_token_<name>` of INFO.
    #[track_caller]
    pub fn token_info(&mut self, name: &str) -> i64 {
        self.info("lockwatch_token").number(&format!("lockwatch_token_{name}"))
    }

    /// Sets the offset of the module's clock from the server's clock.
    #[track_caller]
    pub fn move_clock(&mut self, ms: i64) {
        assert_eq!(self.run(&format!("LW.DEBUG CLOCK {ms}")), Value::Simple("OK".into()));
    }

    /// Stops the module's clock at a time in Unix milliseconds.
    #[track_caller]
    pub fn stop_clock(&mut self, ms: i64) {
        assert_eq!(self.run(&format!("LW.DEBUG STOP {ms}")), Value::Simple("OK".into()));
    }

    /// When the server was last loaded or promoted, by the module's clock.
    #[track_caller]
    pub fn token_life(&mut self) -> i64 {
        self.token_info("alive_since_ms")
    }

    /// Returns the DUMP of a key.
    #[track_caller]
    pub fn dump(&mut self, key: &str) -> Vec<u8> {
        match self.call(&["DUMP", key]) {
            Value::Bulk(dump) => dump,
            other => panic!("no dump: {other:?}"),
        }
    }

    /// The types of the queued alerts.
    #[track_caller]
    pub fn alert_types(&mut self) -> Vec<String> {
        self.run("LW.ALERTS LIST").items().iter().map(|alert| alert.field("type").text()).collect()
    }

    /// The kinds and data of the events in the audit log, newest first.
    #[track_caller]
    pub fn audit_kinds(&mut self) -> Vec<(String, Json)> {
        let events = self.run("LW.AUDITLOG QUERY COUNT 1000");
        let kinds = events.items().iter().map(|event| {
            let data = event.field("data");
            let data =
                if *data == Value::Nil { Json::Null } else { serde_json::from_str(&data.text()).unwrap() };
            (event.field("kind").text(), data)
        });
        kinds.collect()
    }
}

/// The first word of an error.
#[track_caller]
pub fn code(value: &Value) -> String {
    value.error().split(' ').next().unwrap_or_default().to_owned()
}

/// Returns a token with these parts, signed with RS256 and the first RSA key.
pub fn signed(keys: &Keys, header: &str, claims: &[u8]) -> String {
    let message = message(header, claims);
    let pair = keys.rsa();
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The signed part of a token.
pub fn message(header: &str, claims: &[u8]) -> String {
    format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims))
}

/// Forges a refresh token with the known secret.
pub fn refresh_token(session: &str, generation: u32, expires_ms: i64) -> String {
    let session = BASE64_URL_SAFE_NO_PAD.decode(session).unwrap();
    let body = [&[1], &session[..], &generation.to_be_bytes(), &expires_ms.to_be_bytes()[1..]].concat();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, REFRESH_SECRET.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, &[b"lockwatch refresh token\0", &body[..]].concat());
    format!("lwr_{}", BASE64_URL_SAFE_NO_PAD.encode([&body, tag.as_ref()].concat()))
}
