//! A public key as a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037), and its thumbprint (RFC 7638).

use aws_lc_rs::{digest, rsa};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The members that a public key consists of, in base64url.
pub enum Parameters {
    /// Modulus and exponent; how many bytes the modulus has.
    Rsa(String, String, usize),
    /// The coordinates of a point on P-256.
    P256(String, String),
    /// An Ed25519 point.
    Ed25519(String),
}

impl Parameters {
    /// Those of an RSA key.
    pub fn rsa(key: &rsa::PublicKey) -> Self {
        let modulus = key.modulus();
        let modulus = modulus.big_endian_without_leading_zero();
        let exponent = key.exponent();
        Self::Rsa(encode(modulus), encode(exponent.big_endian_without_leading_zero()), modulus.len())
    }

    /// Those of an uncompressed point on P-256.
    pub fn p256(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4]).filter(|point| point.len() == 64)?.split_at(32);
        Some(Self::P256(encode(x), encode(y)))
    }

    /// Those of an Ed25519 key.
    pub fn ed25519(point: &[u8]) -> Self {
        Self::Ed25519(encode(point))
    }

    /// How many bytes a signature has.
    pub fn signature(&self) -> usize {
        match self {
            Self::Rsa(_, _, bytes) => *bytes,
            Self::P256(..) | Self::Ed25519(_) => 64,
        }
    }

    /// The members in the order that the thumbprint wants.
    fn required(&self) -> String {
        match self {
            Self::Rsa(n, e, _) => format!(r#""e":"{e}","kty":"RSA","n":"{n}""#),
            Self::P256(x, y) => format!(r#""crv":"P-256","kty":"EC","x":"{x}","y":"{y}""#),
            Self::Ed25519(x) => format!(r#""crv":"Ed25519","kty":"OKP","x":"{x}""#),
        }
    }

    /// The thumbprint by SHA-256, in base64url.
    pub fn thumbprint(&self) -> String {
        let canonical = format!("{{{}}}", self.required());
        encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    }

    /// The key as others fetch it.
    pub fn public_key(&self, kid: &str, algorithm: &str) -> String {
        format!(r#"{{{},"kid":"{kid}","alg":"{algorithm}","use":"sig"}}"#, self.required())
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
