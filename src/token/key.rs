//! A key that signs or verifies access tokens. The type of the key decides the algorithm: RS256,
//! ES256 or EdDSA (RFC 7518, RFC 8037) for a key pair, HS256 for a shared secret. The header of a
//! token never chooses it. A key is parsed once.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{digest, hmac, rsa};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::pem::{PemObject, SectionKind};

use super::jwk;
use super::jwt::TYPE;
use super::pem;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
}

impl Algorithm {
    /// The name in headers and key sets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

pub struct Key {
    /// Key id: for a key pair the thumbprint of the public key (RFC 7638).
    pub kid: String,
    pub algorithm: Algorithm,
    /// The header of its tokens, in base64url.
    pub header: String,
    /// The public key as a JSON Web Key; `None` for a secret.
    pub jwk: Option<String>,
    private: Option<Private>,
    public: Public,
    signature: usize,
}

enum Private {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Secret(Box<hmac::Key>),
}

enum Public {
    Asymmetric(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// Leaves the private key out.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key {{ kid: {:?}, algorithm: {:?} }}", self.kid, self.algorithm)
    }
}

/// The allowed lengths of an RSA modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

impl Key {
    /// Reads the one key in a PEM file: a private key (PKCS #8, PKCS #1 or SEC 1), or a public key
    /// that only verifies. No error shows a part of the file.
    pub fn from_pem(file: &[u8]) -> Result<Self, String> {
        let mut key = None;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(file) {
            let (kind, der) = section.map_err(|_| match pem::is_encrypted(file) {
                true => pem::why_no_key(file),
                false => "it is a damaged PEM file".to_owned(),
            })?;
            let read = match kind {
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                    private(kind, &der)
                }
                SectionKind::PublicKey => public(&der),
                _ => continue,
            };
            let read = read.ok_or_else(|| pem::why_unusable(&der, pem::is_encrypted(file)))?;
            if key.replace(read).is_some() {
                return Err("it holds more than one key: give each a file of its own".to_owned());
            }
        }
        key.ok_or_else(|| pem::why_no_key(file))
    }

    /// A shared secret, which signs and verifies.
    pub fn from_secret(secret: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        // The id distinguishes secrets and reveals nothing about them.
        let tag = hmac::sign(&key, b"lockwatch key id");
        let kid = BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16]);
        let signature = digest::SHA256_OUTPUT_LEN;
        let (private, public) = (Private::Secret(Box::new(key.clone())), Public::Secret(Box::new(key)));
        Self::new(kid, Algorithm::Hs256, None, Some(private), public, signature)
    }

    fn new(
        kid: String,
        algorithm: Algorithm,
        jwk: Option<String>,
        private: Option<Private>,
        public: Public,
        signature: usize,
    ) -> Self {
        let header = format!(r#"{{"alg":"{}","kid":"{kid}","typ":"{TYPE}"}}"#, algorithm.name());
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        Self { kid, algorithm, header, jwk, private, public, signature }
    }

    fn pair(algorithm: Algorithm, private: Option<Private>, public: &[u8]) -> Option<Self> {
        let (parameters, parsed) = match algorithm {
            Algorithm::Rs256 => {
                let key = rsa::PublicKey::from_der(public).ok()?;
                let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref()).ok()?;
                (jwk::Parameters::rsa(&key), parsed)
            }
            Algorithm::Es256 => {
                (jwk::Parameters::p256(public)?, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).ok()?)
            }
            Algorithm::EdDsa => {
                (jwk::Parameters::ed25519(public), ParsedPublicKey::new(&ED25519, public).ok()?)
            }
            Algorithm::Hs256 => return None,
        };
        let kid = parameters.thumbprint();
        let jwk = parameters.public_key(&kid, algorithm.name());
        let signature = parameters.signature();
        // Parsing does not check the size of a public key.
        if algorithm == Algorithm::Rs256 && !RSA_BYTES.contains(&signature) {
            return None;
        }
        Some(Self::new(kid, algorithm, Some(jwk), private, Public::Asymmetric(parsed), signature))
    }

    pub fn can_sign(&self) -> bool {
        self.private.is_some()
    }

    /// Whether signing takes long enough to belong on a worker.
    pub fn is_slow(&self) -> bool {
        matches!(self.private, Some(Private::Rsa(_)))
    }

    /// Whether signing takes random numbers from the cryptography library.
    pub(crate) fn needs_random(&self) -> bool {
        matches!(self.private, Some(Private::Rsa(_) | Private::Ec(_)))
    }

    /// The length of a signature in base64url.
    pub fn signature_chars(&self) -> usize {
        (self.signature * 4).div_ceil(3)
    }

    /// Signs, or returns `None` if the key can't sign.
    pub fn sign(&self, message: &[u8]) -> Option<String> {
        let text = |signature: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(signature);
        Some(match self.private.as_ref()? {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
                text(&signature)
            }
            Private::Ec(pair) => text(pair.sign(&SystemRandom::new(), message).ok()?.as_ref()),
            Private::Ed(pair) => text(pair.sign(message).as_ref()),
            Private::Secret(key) => text(hmac::sign(key, message).as_ref()),
        })
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Asymmetric(key) => key.verify_sig(message, signature).is_ok(),
            Public::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

fn private(kind: SectionKind, der: &[u8]) -> Option<Key> {
    let is_pkcs8 = kind == SectionKind::PrivateKey;
    if is_pkcs8 || kind == SectionKind::RsaPrivateKey {
        let pair = if is_pkcs8 { RsaKeyPair::from_pkcs8(der) } else { RsaKeyPair::from_der(der) };
        if let Ok(pair) = pair {
            let public = pair.public_key().as_ref().to_vec();
            return Key::pair(Algorithm::Rs256, Some(Private::Rsa(pair)), &public);
        }
    }
    if let Ok(pair) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        let public = pair.public_key().as_ref().to_vec();
        return Key::pair(Algorithm::Es256, Some(Private::Ec(pair)), &public);
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
    let public = pair.public_key().as_ref().to_vec();
    Key::pair(Algorithm::EdDsa, Some(Private::Ed(pair)), &public)
}

/// Reads a SubjectPublicKeyInfo. The algorithm determines the length of the prefix before the key.
fn public(der: &[u8]) -> Option<Key> {
    const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
    if let Some(point) = der.strip_prefix(P256) {
        return Key::pair(Algorithm::Es256, None, point);
    }
    if let Some(point) = der.strip_prefix(ED25519) {
        return Key::pair(Algorithm::EdDsa, None, point);
    }
    Key::pair(Algorithm::Rs256, None, der)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn as_pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
    }

    fn ed25519() -> Vec<u8> {
        Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref().to_vec()
    }

    fn p256() -> Vec<u8> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .unwrap()
            .to_pkcs8v1()
            .unwrap()
            .as_ref()
            .to_vec()
    }

    fn rsa() -> Vec<u8> {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
        let pair = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec()
    }

    #[test]
    fn each_kind_of_key_signs_and_verifies_what_it_signed() {
        for (der, algorithm) in
            [(ed25519(), Algorithm::EdDsa), (p256(), Algorithm::Es256), (rsa(), Algorithm::Rs256)]
        {
            let key = Key::from_pem(as_pem("PRIVATE KEY", &der).as_bytes()).unwrap();
            assert_eq!(key.algorithm, algorithm);
            let signature = key.sign(b"message").unwrap();
            assert_eq!(signature.len(), key.signature_chars());
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(&signature).unwrap();
            assert!(key.verify(b"message", &bytes) && !key.verify(b"another", &bytes));
            assert!(!key.verify(b"message", &bytes[1..]) && !key.verify(b"message", b""));
            assert_eq!(key.kid.len(), 43);
            let other = Key::from_pem(as_pem("PRIVATE KEY", &ed25519()).as_bytes()).unwrap();
            assert!(other.kid != key.kid && !other.verify(b"message", &bytes));
        }
        let secret = Key::from_secret(&[7; 32]);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(secret.sign(b"message").unwrap()).unwrap();
        assert!(secret.verify(b"message", &bytes) && !secret.verify(b"message", &bytes[1..]));
        assert!(secret.jwk.is_none() && !Key::from_secret(&[8; 32]).verify(b"message", &bytes));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let small = "-----BEGIN RSA PRIVATE KEY-----\nMIICXAIBAAKBgQC7\n-----END RSA PRIVATE KEY-----\n";
        for text in [
            "",
            "no PEM at all",
            small,
            &as_pem("PRIVATE KEY", b"garbage"),
            &as_pem("PUBLIC KEY", b"garbage"),
            &as_pem("CERTIFICATE", &ed25519()),
            &as_pem("ENCRYPTED PRIVATE KEY", &ed25519()),
        ] {
            assert!(Key::from_pem(text.as_bytes()).is_err(), "{text}");
        }
        let two = as_pem("PRIVATE KEY", &ed25519()).repeat(2);
        assert!(Key::from_pem(two.as_bytes()).is_err_and(|why| why.contains("more than one")));
    }

    #[test]
    fn the_thumbprint_of_rfc_8037_appendix_a_3() {
        let x = BASE64_URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &x].concat();
        let key = Key::from_pem(as_pem("PUBLIC KEY", &spki).as_bytes()).unwrap();
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(!key.can_sign() && key.sign(b"x").is_none());
    }
}
