//! The outer form of access tokens: JWS compact serialisation (RFC 7515), parsed strictly.
//!
//! The parser refuses more than the RFC does. A header must have the three members that lockwatch
//! writes and no other, so `crit`, `jwk`, `jku`, `x5u` and `x5c` can have no effect. Base64url and
//! JSON must have only one reading.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::TokenError;
use super::refresh::PREFIX;
use super::strict::{self, Value};

/// The longest access token, in bytes.
pub(crate) const MAX_BYTES: usize = 8192;

/// The `typ` of an access token (RFC 9068, section 2.1).
pub(crate) const TYPE: &str = "at+jwt";

/// A token split at its dots.
pub(crate) struct Parts<'a> {
    /// The header, still encoded.
    pub header: &'a str,
    /// The signed part: header, dot, claims, still encoded.
    pub message: &'a [u8],
    /// The decoded claims.
    pub claims: Vec<u8>,
    /// The decoded signature.
    pub signature: Vec<u8>,
}

pub(crate) struct Header {
    pub algorithm: String,
    pub kid: String,
    /// `typ`
    pub kind: String,
}

pub(crate) fn split(token: &[u8]) -> Result<Parts<'_>, TokenError> {
    if token.len() > MAX_BYTES {
        return Err(TokenError::Invalid("the token is longer than 8192 bytes"));
    }
    let malformed = TokenError::Invalid("the token is not three parts of base64url with dots between");
    // Likely mistakes get an error that names them.
    if token.starts_with(PREFIX.as_bytes()) {
        return Err(TokenError::Invalid("it is a refresh token, not an access token"));
    }
    if token.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"Bearer ")) {
        return Err(TokenError::Invalid("the word Bearer is not a part of the token"));
    }
    let text = std::str::from_utf8(token).map_err(|_| malformed.clone())?;
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed);
    };
    let decode = |part: &str| match BASE64_URL_SAFE_NO_PAD.decode(part) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(malformed.clone()),
    };
    let message = &token[..header.len() + 1 + claims.len()];
    Ok(Parts { header, message, claims: decode(claims)?, signature: decode(signature)? })
}

pub(crate) fn header(text: &str) -> Result<Header, TokenError> {
    let malformed = TokenError::Invalid("the token is not three parts of base64url with dots between");
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed)?;
    let members =
        strict::members(&json).ok_or(TokenError::Invalid("the token's header is not strict JSON"))?;
    let (mut algorithm, mut kid, mut kind) = (None, None, None);
    for (name, value) in members.0 {
        let place = match &*name {
            "alg" => &mut algorithm,
            "kid" => &mut kid,
            "typ" => &mut kind,
            _ => return Err(TokenError::Invalid("the token's header has a member besides alg, kid and typ")),
        };
        let Value::Text(text) = value else {
            return Err(TokenError::Invalid("a member of the token's header is not a string"));
        };
        *place = Some(text.into_owned());
    }
    match (algorithm, kid, kind) {
        (Some(algorithm), Some(kid), Some(kind)) => Ok(Header { algorithm, kid, kind }),
        _ => Err(TokenError::Invalid("the token's header lacks alg, kid or typ")),
    }
}

/// The length of what [`message`] makes of `claims` bytes of claims.
pub(crate) fn message_len(header: &str, claims: usize) -> usize {
    header.len() + 1 + (claims * 4).div_ceil(3)
}

/// The part of a token that is signed.
pub(crate) fn message(header: &str, claims: &str) -> String {
    let mut message = String::with_capacity(message_len(header, claims.len()));
    message.push_str(header);
    message.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut message);
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::claims;
    use super::*;

    #[test]
    fn a_message_is_taken_apart_as_it_was_put_together() {
        let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k","typ":"at+jwt"}"#);
        let token = format!("{}.c2ln", message(&header, "{}"));
        let parts = split(token.as_bytes()).unwrap();
        assert_eq!(
            (parts.header, &parts.claims[..], &parts.signature[..]),
            (&header[..], &b"{}"[..], &b"sig"[..])
        );
        assert_eq!(parts.message, message(&header, "{}").as_bytes());
        for claims in ["", "1", "12", "123", "1234"] {
            assert_eq!(message(&header, claims).len(), message_len(&header, claims.len()));
        }
        let read = super::header(parts.header).unwrap();
        assert_eq!((&read.algorithm[..], &read.kid[..], &read.kind[..]), ("RS256", "k", "at+jwt"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, text in "[A-Za-z0-9_.=-]{0,60}", json in r#"[{}\[\]",:a-z0-9.e-]{0,60}"#) {
            for token in [&bytes[..], text.as_bytes()] {
                if let Ok(parts) = split(token) {
                    let _ = super::header(parts.header);
                    let _ = claims::read(parts.claims);
                }
            }
            let _ = super::header(&text);
            let _ = claims::read(json.into_bytes());
            let _ = claims::read(bytes);
        }
    }
}
