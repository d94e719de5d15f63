//! What the token commands refuse, and how a client is told.

use std::borrow::Cow;

use crate::server::error::Refusal;

/// Why a token is not accepted, or none can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is none of ours, or not for this use: `LWINVALID`. It says what is wrong, and never what was presented.
    Invalid(&'static str),
    /// Its time is over: `LWEXPIRED`.
    Expired(&'static str),
    /// It, or its session, was ended, or was never in this store: `LWREVOKED`.
    Revoked(&'static str),
    /// It was used before: `LWREUSED`. Its session has been ended.
    Reused,
    /// There is no key or secret to sign or check it with: `LWNOKEY`.
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
            TokenError::NoKey(why) => Self::Coded("LWNOKEY", why),
        }
    }
}
