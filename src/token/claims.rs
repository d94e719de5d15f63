//! The claims of an access token (RFC 7519, section 4; RFC 9068, section 2.2): written from a
//! session, and read back.

use std::fmt::Write;

use serde::Serialize;

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

/// Writes the claims of a session's current access token. `audience` is for a session without one
/// of its own.
pub(crate) fn write(id: SessionId, session: &Session, issuer: &str, audience: &str) -> String {
    write_with(id, session, session.generation, session.claims(), (issuer, audience))
}

/// The length of the longest claims that a later access token of the session can have with `own`.
pub(crate) fn longest(id: SessionId, session: &Session, own: &str, issuer: &str, audience: &str) -> usize {
    let rest = write_with(id, session, Generation::LAST, "", (issuer, audience)).len();
    rest + own.len() + usize::from(!own.is_empty())
}

fn write_with(
    id: SessionId,
    session: &Session,
    generation: Generation,
    own: &str,
    (issuer, audience): (&str, &str),
) -> String {
    fn member(json: &mut String, name: &str, value: &(impl Serialize + ?Sized)) {
        // Serialising strings can't fail, and neither can writing to one.
        let value = serde_json::to_string(value).unwrap_or_default();
        let _ = write!(json, "\"{name}\":{value},");
    }
    let mut json = String::with_capacity(256 + own.len());
    json.push('{');
    member(&mut json, "iss", issuer);
    member(&mut json, "sub", &session.subject);
    match session.audience() {
        [] => member(&mut json, "aud", audience),
        [only] => member(&mut json, "aud", only),
        several => member(&mut json, "aud", several),
    }
    let (issued, expires) = (session.issued_s(), session.access_expires_s());
    let _ = write!(json, "\"iat\":{issued},\"exp\":{expires},");
    let _ = write!(json, "\"jti\":\"{}\",\"sid\":\"{id}\"", token_id(id, generation));
    if !own.is_empty() {
        json.push(',');
        json.push_str(own);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_audience_is_a_string_and_several_are_an_array_in_their_order() {
        let id = SessionId([1; 16]);
        let session = |audience: &[&str]| {
            Session::new("alice", Timestamp(1000), Timestamp(2000), 900, 604_800).with(audience, None, None)
        };
        for (audience, written, read_back) in [
            (&[][..], r#""aud":"api","#, &["api"][..]),
            (&["b"], r#""aud":"b","#, &["b"]),
            (&["b", "a\""], r#""aud":["b","a\""],"#, &["b", "a\""]),
        ] {
            let json = write(id, &session(audience), "lockwatch", "api");
            assert!(json.contains(written), "{json}");
            let claims = read(json.into_bytes()).unwrap();
            assert_eq!(claims.audience.iter().map(|name| &**name).collect::<Vec<_>>(), read_back);
        }
    }

    #[test]
    fn the_longest_claims_are_those_of_the_last_generation() {
        let id = SessionId([1; 16]);
        for own in ["", r#""a":1"#] {
            let mut session = Session::new("alice", Timestamp(1000), Timestamp(2000), 900, 604_800);
            session = session.with(&[], Some(own).filter(|own| !own.is_empty()), None);
            let longest = longest(id, &session, own, "lockwatch", "api");
            session.generation = Generation::LAST;
            assert_eq!(write(id, &session, "lockwatch", "api").len(), longest);
        }
    }
}
