//! Arguments that several token commands take, and the functions that read them.

use crate::text::duration;
use crate::text::options::{Given, Malformed};
use crate::text::syntax::Param;

use super::super::id::SessionId;
use super::super::session::{self, NAME};

// A caller may pass a token as another argument by mistake. Errors must not show it.
pub(super) const SUBJECT: Param = Param::string(c"subject").secret();
pub(super) const AUDIENCE: Param =
    Param::string(c"audience").token(c"AUDIENCE").shown(c"aud").optional().secret();
pub(super) const CLAIMS: Param = Param::json(c"claims").token(c"CLAIMS").optional();
pub(super) const META: Param = Param::json(c"meta").token(c"META").optional();

/// Accepts any bytes. The token is checked later, and that error does not show it.
pub(super) fn token(text: &[u8]) -> Result<&[u8], &'static str> {
    Ok(text)
}

/// Reads a subject or an audience.
pub(super) fn name(text: &[u8]) -> Result<&str, String> {
    let name = std::str::from_utf8(text).ok().filter(|text| session::is_name(text));
    name.ok_or_else(|| format!("is not 1 to {NAME} bytes of UTF-8 without NUL"))
}

/// Reads the audiences of a session.
pub(super) fn audience<'a>(given: &Given<'a>) -> Result<Vec<&'a str>, Malformed> {
    let names = given.all("AUDIENCE", name)?;
    session::check_audience(&names).map_err(|why| given.malformed(why))?;
    Ok(names)
}

pub(super) fn session_id(text: &[u8]) -> Result<SessionId, &'static str> {
    SessionId::parse(text).ok_or("is not a session's id")
}

/// Reads a lifetime in whole seconds.
pub(super) fn ttl(text: &[u8]) -> Result<u32, &'static str> {
    let span = duration::parse(text).ok().filter(|span| span.0 % 1000 == 0);
    let seconds = span.and_then(|span| u32::try_from(span.0 / 1000).ok());
    seconds.ok_or("is not a duration in whole seconds, up to ten years (900 15m 7d)")
}

/// Like [`ttl`], and accepts `0` for a session without a refresh token.
pub(super) fn refresh_ttl(text: &[u8]) -> Result<u32, &'static str> {
    if text == b"0" { Ok(0) } else { ttl(text) }
}
