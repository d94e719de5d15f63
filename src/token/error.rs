//! The errors of the token commands, and their codes.

use std::borrow::Cow;

use crate::server::error::Refusal;

/// Why a token is refused or can't be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// `LWINVALID`: malformed, of another issuer, or for another use. The text says what is wrong
    /// and never repeats the token.
    Invalid(&'static str),
    /// `LWEXPIRED`
    Expired(&'static str),
    /// `LWREVOKED`: the token or its session was ended, or its session is not in this store.
    Revoked(&'static str),
    /// `LWREUSED`: the refresh token was used before, and its session has been ended.
    Reused,
    /// `LWCONFLICT`: a repeated rotation brings other claims.
    Conflict,
    /// `OOM`: the claims need more memory, and the server is above its `maxmemory`.
    NoMemory,
    /// `LWNOKEY`: there is no key to sign or verify with.
    NoKey(Cow<'static, str>),
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid(why) => Self::Coded("LWINVALID", why.into()),
            TokenError::Expired(why) => Self::Coded("LWEXPIRED", why.into()),
            TokenError::Revoked(why) => Self::Coded("LWREVOKED", why.into()),
            TokenError::Reused => Self::Coded(
                "LWREUSED",
                "the refresh token was used before: its session and all its tokens have been ended".into(),
            ),
            TokenError::Conflict => Self::Coded(
                "LWCONFLICT",
                "the refresh token was rotated with other claims: nothing was changed; repeat the call without CLAIMS to get those tokens".into(),
            ),
            TokenError::NoMemory => Self::Coded(
                "OOM",
                "command not allowed when used memory > 'maxmemory': the claims are longer than the session's".into(),
            ),
            TokenError::NoKey(why) => Self::Coded("LWNOKEY", why),
        }
    }
}
