//! A public key as a JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037), and its thumbprint (RFC
//! 7638).

use aws_lc_rs::{digest, rsa};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The members of a public key, in base64url.
pub(crate) enum Parameters {
    /// Modulus, exponent, and the length of the modulus in bytes.
    Rsa(String, String, usize),
    /// Coordinates x and y.
    P256(String, String),
    /// The point.
    Ed25519(String),
}

impl Parameters {
    pub(crate) fn rsa(key: &rsa::PublicKey) -> Self {
        let modulus = key.modulus();
        let modulus = modulus.big_endian_without_leading_zero();
        let exponent = key.exponent();
        Self::Rsa(encode(modulus), encode(exponent.big_endian_without_leading_zero()), modulus.len())
    }

    /// From an uncompressed point.
    pub(crate) fn p256(point: &[u8]) -> Option<Self> {
        let (x, y) = point.strip_prefix(&[4]).filter(|point| point.len() == 64)?.split_at(32);
        Some(Self::P256(encode(x), encode(y)))
    }

    pub(crate) fn ed25519(point: &[u8]) -> Self {
        Self::Ed25519(encode(point))
    }

    /// The length of a signature in bytes.
    pub(crate) fn signature(&self) -> usize {
        match self {
            Self::Rsa(_, _, bytes) => *bytes,
            Self::P256(..) | Self::Ed25519(_) => 64,
        }
    }

    /// The required members in lexicographic order, as RFC 7638 hashes them.
    fn required(&self) -> String {
        match self {
            Self::Rsa(n, e, _) => format!(r#""e":"{e}","kty":"RSA","n":"{n}""#),
            Self::P256(x, y) => format!(r#""crv":"P-256","kty":"EC","x":"{x}","y":"{y}""#),
            Self::Ed25519(x) => format!(r#""crv":"Ed25519","kty":"OKP","x":"{x}""#),
        }
    }

    /// The SHA-256 thumbprint in base64url.
    pub(crate) fn thumbprint(&self) -> String {
        let canonical = format!("{{{}}}", self.required());
        encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    }

    /// The JSON Web Key that LW.JWKS publishes.
    pub(crate) fn public_key(&self, kid: &str, algorithm: &str) -> String {
        format!(r#"{{{},"kid":"{kid}","alg":"{algorithm}","use":"sig"}}"#, self.required())
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
