//! The format of refresh tokens: `lwr_` and 80 characters of base64url.
//!
//! They encode 60 bytes: version (1 byte), session (16), generation (4), end in Unix milliseconds
//! (7), all big-endian, and the HMAC-SHA256 of these under the first refresh secret (32). A store
//! holds everything but the code. So the server can make the same token again, and a stolen RDB
//! file can't without the secret.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::text::time::Timestamp;

use super::error::TokenError;
use super::id::{Generation, SessionId};
use super::rotation::Presented;

pub(crate) const PREFIX: &str = "lwr_";
/// The length of a token in characters.
pub(crate) const LENGTH: usize = 84;

const VERSION: u8 = 1;
const BODY: usize = 28;
const WHOLE: usize = 60;
/// Separates this use of the secret from any other.
const DOMAIN: &[u8] = b"lockwatch refresh token\0";

pub(crate) fn make(secret: &hmac::Key, token: &Presented) -> String {
    let mut bytes = [0; WHOLE];
    bytes[0] = VERSION;
    bytes[1..17].copy_from_slice(&token.session.0);
    bytes[17..21].copy_from_slice(&token.generation.0.to_be_bytes());
    bytes[21..BODY].copy_from_slice(&token.expires.0.to_be_bytes()[1..]);
    let code = code(secret, &bytes[..BODY]);
    bytes[BODY..].copy_from_slice(code.as_ref());
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Names a secret, so that those of several servers can be compared. Says nothing else of it.
pub(crate) fn secret_id(secret: &hmac::Key) -> String {
    let tag = hmac::sign(secret, b"lockwatch refresh secret id\0");
    BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
}

fn code(secret: &hmac::Key, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(secret);
    context.update(DOMAIN);
    context.update(body);
    context.sign()
}

/// Reads a token that one of `secrets` has made.
pub(crate) fn read(token: &[u8], secrets: &[hmac::Key]) -> Result<Presented, TokenError> {
    let malformed = TokenError::Invalid("it is not a refresh token");
    let Some(text) = token.strip_prefix(PREFIX.as_bytes()).filter(|_| token.len() == LENGTH) else {
        return Err(malformed);
    };
    let mut bytes = [0; WHOLE];
    // Accepts no padding, no other alphabet and no unused bits.
    match BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(WHOLE) => {}
        _ => return Err(malformed),
    }
    let (body, tag) = bytes.split_at(BODY);
    let mut message = [0; DOMAIN.len() + BODY];
    message[..DOMAIN.len()].copy_from_slice(DOMAIN);
    message[DOMAIN.len()..].copy_from_slice(body);
    // Compares in constant time.
    if !secrets.iter().any(|secret| hmac::verify(secret, &message, tag).is_ok()) {
        return Err(TokenError::Invalid("the refresh token's authentication code is wrong"));
    }
    if body[0] != VERSION {
        return Err(TokenError::Invalid("a newer version of lockwatch made the refresh token"));
    }
    Ok(Presented { session: SessionId(array(body, 1)), generation: generation(body)?, expires: end(body) })
}

fn generation(body: &[u8]) -> Result<Generation, TokenError> {
    match u32::from_be_bytes(array(body, 17)) {
        0 => Err(TokenError::Invalid("it is not a refresh token")),
        number => Ok(Generation(number)),
    }
}

fn end(body: &[u8]) -> Timestamp {
    let bytes: [u8; 7] = array(body, 21);
    Timestamp(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// The `N` bytes at `at`. The caller knows that the body is long enough.
fn array<const N: usize>(body: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&body[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
    }

    fn token() -> impl Strategy<Value = Presented> {
        (any::<[u8; 16]>(), 1..=u32::MAX, 0..1_u64 << 56).prop_map(|(session, generation, expires)| {
            Presented {
                session: SessionId(session),
                generation: Generation(generation),
                expires: Timestamp(expires),
            }
        })
    }

    proptest! {
        #[test]
        fn a_token_reads_back_by_any_of_the_secrets(token in token()) {
            let text = make(&secret(1), &token);
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert_eq!(read(text.as_bytes(), &[secret(2), secret(1)]), Ok(token));
            prop_assert!(read(text.as_bytes(), &[secret(2)]).is_err());
            prop_assert!(read(text.as_bytes(), &[]).is_err());
        }

        #[test]
        fn no_other_bytes_are_that_token(token in token(), at: prop::sample::Index, byte: u8, cut in 0..LENGTH) {
            let text = make(&secret(1), &token).into_bytes();
            let mut changed = text.clone();
            changed[at.index(LENGTH)] = byte;
            if changed != text {
                prop_assert!(read(&changed, &[secret(1)]).is_err());
            }
            prop_assert!(read(&text[..cut], &[secret(1)]).is_err());
            let longer = [&text[..], &[byte]].concat();
            prop_assert!(read(&longer, &[secret(1)]).is_err());
        }

        #[test]
        fn any_bytes_are_refused(bytes: Vec<u8>, text in "lwr_[A-Za-z0-9_-]{80}") {
            prop_assert!(read(&bytes, &[secret(1)]).is_err());
            prop_assert!(read(text.as_bytes(), &[secret(1)]).is_err());
        }
    }
}
