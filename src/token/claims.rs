//! The claims of an access token (RFC 7519, section 4; RFC 9068, section 2.2): written from a
//! session, and read back.

use std::fmt::Write;

use crate::text::time::Timestamp;

use super::error::TokenError;
use super::id::{Generation, SessionId, generation_of, token_id};
use super::session::Session;
use super::strict::{self, Value};

/// The claims that LW.VERIFY checks, and all of them as JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    /// All claims, as the JSON that was signed.
    pub json: Box<str>,
    pub issuer: Box<str>,
    pub subject: Box<str>,
    /// The token is for any of these.
    pub audience: Box<[Box<str>]>,
    pub issued: Timestamp,
    /// `nbf`, if present.
    pub not_before: Option<Timestamp>,
    pub expires: Timestamp,
    pub session: SessionId,
    /// The generation of the session's tokens that it belongs to.
    pub generation: Generation,
}

pub(crate) fn write(id: SessionId, session: &Session, issuer: &str, audience: &str) -> String {
    let mut json = String::with_capacity(256 + session.claims().map_or(0, str::len));
    json.push('{');
    let text = |json: &mut String, name: &str, text: &str| {
        // Serialising a string can't fail.
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let _ = write!(json, "\"{name}\":{quoted},");
    };
    text(&mut json, "iss", issuer);
    text(&mut json, "sub", &session.subject);
    text(&mut json, "aud", session.audience().unwrap_or(audience));
    let (issued, expires) = (session.issued_s(), session.access_expires_s());
    // Writing to a string can't fail.
    let _ = write!(json, "\"iat\":{issued},\"exp\":{expires},");
    let _ = write!(json, "\"jti\":\"{}\",\"sid\":\"{id}\"", token_id(id, session.generation));
    if let Some(claims) = session.claims().filter(|claims| !claims.is_empty()) {
        json.push(',');
        json.push_str(claims);
    }
    json.push('}');
    json
}

/// Reads and checks the types of a token's claims.
pub(crate) fn read(json: Vec<u8>) -> Result<Claims, TokenError> {
    let members =
        strict::members(&json).ok_or(TokenError::Invalid("the token's claims are not strict JSON"))?;
    let find = |name: &str| members.0.iter().find(|(member, _)| member == name).map(|(_, value)| value);
    let text = |name: &str, why| match find(name) {
        Some(Value::Text(text)) => Ok(text.as_ref()),
        _ => Err(TokenError::Invalid(why)),
    };
    let time = |name: &str, why| match find(name) {
        Some(Value::Number(seconds)) => Ok(Some(moment(*seconds))),
        Some(_) => Err(TokenError::Invalid(why)),
        None => Ok(None),
    };
    let expires = time("exp", "exp is not a number")?;
    let not_before = time("nbf", "nbf is not a number")?;
    let issued = time("iat", "iat is not a number")?;
    let issuer = text("iss", "iss is not a string")?.into();
    let audience =
        audience(find("aud")).ok_or(TokenError::Invalid("aud is not a string or a list of them"))?;
    let subject = text("sub", "sub is not a string")?.into();
    let session_text = text("sid", "sid is not a session's id")?;
    let session =
        SessionId::parse(session_text.as_bytes()).ok_or(TokenError::Invalid("sid is not a session's id"))?;
    let why = "jti is not an id of a token of that session";
    let generation = generation_of(text("jti", why)?, session_text).ok_or(TokenError::Invalid(why))?;
    let (Some(expires), Some(issued)) = (expires, issued) else {
        return Err(TokenError::Invalid("exp or iat is missing"));
    };
    drop(members);
    // The JSON parser has accepted it, so it is UTF-8.
    let json = String::from_utf8(json).map_err(|_| TokenError::Invalid("the token's claims are not text"))?;
    let json = json.into_boxed_str();
    Ok(Claims { json, issuer, subject, audience, issued, not_before, expires, session, generation })
}

/// Converts a NumericDate.
fn moment(seconds: f64) -> Timestamp {
    // The conversion saturates at the bounds of u64.
    Timestamp((seconds * 1000.0) as u64).min(Timestamp::NEVER)
}

fn audience(value: Option<&Value<'_>>) -> Option<Box<[Box<str>]>> {
    let text = |value: &Value<'_>| match value {
        Value::Text(text) => Some(Box::from(text.as_ref())),
        _ => None,
    };
    match value? {
        Value::List(values) if values.is_empty() => None,
        Value::List(values) => values.iter().map(text).collect(),
        value => Some(Box::new([text(value)?])),
    }
}
